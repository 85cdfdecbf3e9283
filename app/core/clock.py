"""The one place that asks the time. Everything is UTC."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def timestamp() -> int:
    """The present instant in whole seconds since 1970-01-01T00:00:00Z."""
    return int(now().timestamp())


def from_timestamp(seconds: int) -> datetime:
    """The aware UTC instant of ``seconds`` since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date or instant; one without a zone is UTC, a bare date is its midnight.

    Raises ``ValueError`` when the text is neither.
    """
    instant = datetime.fromisoformat(text.strip())
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
