"""When each job runs. The only place that says so: the worker runs it and the tests read it."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.units import DAY_MIN
from app.models.hub.refresh import NAME as MODELS
from app.pricing.sources import RATES, RECLAIMS, SOURCES

PRICES_TIMEOUT_S = 540
PURGE = "purge"
PURGE_MINUTE = 35
SURVIVAL = "price_survival"
TRIES = 3
FACTS, RECORDS = "facts", "records"
"""Two groups of jobs: those of public facts, which any number of workers share, and those of the records of persons,
which lie on one node."""
GROUPS = {"all": (FACTS, RECORDS), "web": (FACTS,), "records": (RECORDS,)}
"""Role of a node → the groups that its worker does."""
JITTER_S = 20
"""A job waits up to this many seconds before it begins, so that not every site asks a provider at the same instant."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: run ``job`` with ``argument`` every ``every_minutes``, first at ``offset`` minutes into the hour or
    day.

    ``recorded_as`` is the source under which its last attempt is recorded; a line without one is not caught up on after
    an outage.
    """

    job: str
    argument: str
    every_minutes: int
    offset: int
    timeout_s: int
    tries: int = TRIES
    recorded_as: str = ""
    group: str = FACTS

    @property
    def name(self) -> str:
        return f"{self.job}:{self.argument}" if self.argument else self.job

    @property
    def minutes(self) -> set[int]:
        """The minutes of an hour at which it is due; only in some hours if it is due less than hourly."""
        if self.every_minutes > 60:
            return {self.offset % 60}
        return {minute for minute in range(60) if minute % self.every_minutes == self.offset % self.every_minutes}

    @property
    def hours(self) -> set[int] | None:
        """The hours of a day at which it is due, ``None`` for every hour."""
        every = self.every_minutes // 60
        return {hour for hour in range(24) if hour % every == self.offset // 60 % every} if every > 1 else None


def _prices() -> list[Entry]:
    """Every source at its own interval, spread over it."""
    found = []
    paced: dict[str, int] = {name: source.every_minutes for name, source in SOURCES.items()}
    paced |= {name: source.every_minutes for name, source in RECLAIMS.items()}
    for number, (name, every) in enumerate(sorted(paced.items())):
        found.append(
            Entry(
                "refresh_source",
                name,
                every,
                number * 2 % every,
                PRICES_TIMEOUT_S,
                recorded_as=name,
            )
        )
    return found


TIMETABLE: tuple[Entry, ...] = (
    Entry(
        "refresh_source", RATES.name, DAY_MIN, 16 * 60 + 30, 120, recorded_as=RATES.name
    ),  # published at about 16:00 CET on working days
    *_prices(),
    Entry("refresh_models", "", DAY_MIN, 3 * 60 + 10, 3000, recorded_as=MODELS),
    Entry("roll_up", "", DAY_MIN, 2 * 60 + 5, 600),
    Entry(SURVIVAL, "", DAY_MIN, 20, 1800, recorded_as=SURVIVAL),
    Entry("mail", "", 2, 1, 110, group=RECORDS),
    Entry("purge_when_due", "", 1, 0, 300, group=RECORDS),
    Entry("canary", "", DAY_MIN, 4 * 60 + 20, 600, tries=1, group=RECORDS),
    Entry("purge", "", 60, PURGE_MINUTE, 3000, recorded_as=PURGE, group=RECORDS),
)


def due(tried: Mapping[str, int | None], now: int) -> list[Entry]:
    """The lines whose last attempt, by the name it is recorded under, is longer ago than their interval.

    An attempt in the future was recorded by a clock that ran fast; it is ignored, and the line is due.
    """
    return [
        entry
        for entry in TIMETABLE
        if entry.recorded_as and not 0 <= now - (tried.get(entry.recorded_as) or 0) < entry.every_minutes * 60
    ]
