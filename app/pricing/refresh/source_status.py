"""The status of each source: never asked, not configured, well, or failing and why."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from app.core.http_client import Fault
from app.core.settings import Settings
from app.pricing.offers import store
from app.pricing.offers.offer import COMMUNITY

PLAIN = {
    Fault.UNREACHABLE: "Could not be reached", Fault.TOO_SLOW: "Did not answer in time",
    Fault.TOO_LARGE: "The answer was too large to be a price list", Fault.REDIRECT: "Redirected us to another site",
    Fault.TOO_MANY: "Asked us to wait", Fault.SERVER: "Failed on the provider's side",
    Fault.REFUSED: "Refused the request", Fault.NOT_JSON: "Answered with something other than data",
    Fault.TRUNCATED: "The answer was cut off", Fault.SCHEMA: "Changed the format of its data",
    Fault.FEW: "Returned far fewer rows than before", Fault.OWN: "Our own reading of the answer failed",
    Fault.CRASHED: "Could not be read or stored on our side",
}  # fmt: skip
"""Fault → what went wrong, in words for a reader without technical knowledge."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as readers see it. ``read_at`` is its last good answer, ``error_at`` its last failure, in seconds."""

    name: str
    title: str
    state: str
    read_at: int | None
    offers: int
    set_aside: int
    error: str
    error_at: int | None
    left_out: dict[str, int]
    """Why rows of the last answer were no offers of a GPU to rent → how many of them."""

    @property
    def failure(self) -> str:
        """The last failure in plain words, ``""`` without one; ``error`` has the technical text."""
        fault = next((fault for fault in Fault if self.error.startswith(f"{fault}:")), None)
        return "" if not self.error else PLAIN[fault] if fault else "The last check failed"


async def of_sources(names: Iterable[str] | None, settings: Settings) -> list[SourceState]:
    """The states of the sources ``names``, or of every source that exists or has been loaded."""
    from app.pricing.sources import EVERY

    rows = {row["name"]: row for row in await store.sources()}
    wanted = list(names) if names is not None else sorted({*EVERY, *rows})
    found = []
    for name in wanted:
        row, known = rows.get(name), EVERY.get(name)
        configured = known is None or known(settings).is_configured
        title = known.title if known else row["title"] if row else ""
        state = "not configured" if not configured else "reports" if name == COMMUNITY else _state(row)
        values = row or {"fetched_at": 0, "offers": 0, "set_aside": 0, "error": "", "error_at": None, "left_out": "{}"}
        found.append(SourceState(name, title, state, values["fetched_at"] or None, values["offers"],
                                 values["set_aside"], values["error"], values["error_at"],
                                 json.loads(values["left_out"])))  # fmt: skip
    return found


def _state(row: store.Row | None) -> str:
    if row is None:
        return "not asked yet"
    if row["error"]:
        return "failing"
    return "well" if row["live"] else "shipped"
