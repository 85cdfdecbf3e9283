"""What htmx needs to know: which addresses are fragments, and which page a fragment belongs to."""

FRAGMENTS = {"/prices/table": "/prices"}
"""Fragment address → the page it is a part of. A fragment has an address of its own, never a header."""


def is_fragment(path: str) -> bool:
    """True if ``path`` answers a part of a page."""
    return path in FRAGMENTS


def page_of(path: str) -> str:
    """The page that ``path`` is a part of; itself if it is a page."""
    return FRAGMENTS.get(path, path)


def push_url(address: str) -> tuple[str, str]:
    """The header that makes the browser's address the page's instead of the fragment's."""
    return ("hx-push-url", address)
