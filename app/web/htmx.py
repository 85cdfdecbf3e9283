"""What htmx needs to know: which addresses are fragments, and which page a fragment belongs to."""

FRAGMENTS = {"/prices/table": "/prices"}
"""Address of a fragment → the page it is part of. A fragment differs from a page by its address, never by a header."""


def is_fragment(path: str) -> bool:
    """True if ``path`` answers a part of a page."""
    return path in FRAGMENTS


def page_of(path: str) -> str:
    """The page that ``path`` is part of; ``path`` itself if it is a page."""
    return FRAGMENTS.get(path, path)


def push_url(address: str) -> tuple[str, str]:
    """The header that sets the browser's address to the page's instead of the fragment's."""
    return ("hx-push-url", address)
