"""The one module that reads the clock. Everything is in UTC."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current instant: aware, in UTC."""
    return datetime.now(UTC)


def timestamp() -> int:
    """The current instant in whole seconds since 1970-01-01T00:00:00Z."""
    return int(now().timestamp())


def from_timestamp(seconds: int) -> datetime:
    """The aware UTC instant of ``seconds`` since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date or instant; one without a time zone is in UTC, a bare date is its midnight.

    Raises ``ValueError`` if the text is neither.
    """
    instant = datetime.fromisoformat(text.strip())
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
