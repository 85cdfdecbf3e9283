"""The outcome of a refresh, and how a failure is recorded."""

import contextlib
from dataclasses import dataclass

from app.core import clock, logs
from app.core.http_client import Fault, FetchError
from app.core.version_keys import SOURCES_KEY, source_key
from app.storage import scopes
from app.storage.engine import UNAVAILABLE, transaction
from app.telemetry import counter_store
from app.upstream import store
from app.upstream.written import Written


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one refresh. ``state`` is ``ok``, ``failed``, ``not configured`` or ``busy``."""

    source: str
    state: str
    note: str = ""
    stated: int = 0
    shown: int = 0
    written: Written | None = None
    retry_after: int | None = None
    may_pass: bool = False

    @property
    def keys(self) -> set[str]:
        """The keys of the data that the refresh changed."""
        return self.written.keys if self.written else set()


async def counted(outcome: Outcome) -> Outcome:
    """Count this outcome towards the uptime of sources on the status page."""
    if outcome.state in ("ok", "failed"):
        with contextlib.suppress(*UNAVAILABLE, OSError):
            await counter_store.tried(outcome.source, well=outcome.state == "ok")
    return outcome


async def failed(name: str, title: str, error: FetchError) -> Outcome:
    """Record a failure; the stored data stays. Raises no version while the same failure continues."""
    text = str(error)[:500]
    with contextlib.suppress(*UNAVAILABLE, OSError):  # on a full disk the failure can't be recorded either
        known = await store.recorded_error(name)
        async with transaction(*([] if known == text else [SOURCES_KEY, source_key(name)]), scope=scopes.PRICES):
            await store.record_failure(name, title, text, clock.timestamp())
    logs.get("refresh").warning("source failed", extra={"source": name, "why": text})
    return Outcome(name, "failed", text, retry_after=error.retry_after, may_pass=error.may_pass)


def as_fault(error: Exception, name: str) -> FetchError:
    """An exception during a refresh of ``name`` as the fault to record; an unexpected one is logged with its
    traceback."""
    if isinstance(error, FetchError):
        return error
    if isinstance(error, (*UNAVAILABLE, OSError)):
        return FetchError(Fault.CRASHED, f"could not be stored ({error})")
    logs.get("refresh").error("refresh failed", extra={"source": name, "kind": type(error).__name__}, exc_info=error)
    return FetchError(Fault.OWN, f"{type(error).__name__} in {place_of(error)}")


def place_of(error: BaseException) -> str:
    """The innermost line of our code that an exception passed through, as ``file.py:31``: enough to locate it, without
    any text from the answer."""
    place, trace = "an unknown place", error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if "/app/" in path:
            place = f"{path.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
