"""The security headers of every response, including errors and fragments."""

from app.core.settings import Settings
from app.web.htmx import is_fragment

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: tuple[tuple[str, str], ...] = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("permissions-policy", ("accelerometer=(), browsing-topics=(), camera=(), geolocation=(), gyroscope=(), "
                           "interest-cohort=(), magnetometer=(), microphone=(), payment=(), usb=()")),
    ("cross-origin-opener-policy", "same-origin"),
)  # fmt: skip
STRICT_TRANSPORT_SECURITY = ("strict-transport-security", "max-age=63072000; includeSubDomains; preload")
OPEN_TO_OTHERS = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, Retry-After"),
    ("cross-origin-resource-policy", "cross-origin"),
)
"""Data, feeds and badges may be read from other origins; pages may not."""
CLOSED_TO_OTHERS = (("cross-origin-resource-policy", "same-origin"),)


def is_data(path: str) -> bool:
    """True for addresses of data (the API, CSV, feeds, badges), which other origins may read."""
    return path.startswith(("/api/", "/badge/")) or path.endswith((".csv", ".atom"))


NOT_INDEXED = (("x-robots-tag", "noindex"),)
"""Data and fragments should not be listed by search engines."""


def headers(settings: Settings, path: str) -> list[tuple[bytes, bytes]]:
    """The security headers of an answer at ``path``, in ASGI's format."""
    found = [*HEADERS, *(OPEN_TO_OTHERS if is_data(path) else CLOSED_TO_OTHERS)]
    if is_data(path) or is_fragment(path) or path.endswith(".json"):
        found += NOT_INDEXED
    if settings.is_https:
        found.append(STRICT_TRANSPORT_SECURITY)
    return [(name.encode(), value.encode()) for name, value in found]
