"""The base class of sources of spot reclaims: they state no price, but how often machines of a kind are reclaimed."""

import re
from typing import ClassVar

from app.core.http_client import Limits
from app.pricing.offers.reclaim import Reclaim
from app.pricing.sources.base import Service

_BAND = re.compile(r"(<)?(>)? ?(\d{1,3})(?:-(\d{1,3}))?(\+)?%?", re.ASCII)


class SpotBands(Service):
    """A source of reclaim bands. Mirrors and the timetable treat it as any source of prices."""

    every_minutes: ClassVar[int] = 720
    limits: ClassVar[Limits] = Limits(total_s=60)

    async def fetch(self) -> list[Reclaim]:
        """Every band of machines with a GPU. Raises ``FetchError`` if the answer can't be used."""
        raise NotImplementedError


def band(label: str) -> tuple[int, int | None]:
    """(from, to) in per cent for ``<5%``, ``5-10%``, ``20+`` or ``>20%``; raises ``ValueError`` for anything else."""
    found = _BAND.fullmatch(label.strip())
    if found is None:
        raise ValueError(f"{label[:20]!r} is no band of per cent")
    under, over, first, last, more = found.groups()
    if under and not (over or last or more):
        return 0, int(first)
    if last and not (under or over or more) and int(first) < int(last) <= 100:
        return int(first), int(last)
    if (over or more) and not (under or last) and int(first) < 100:
        return int(first), None
    raise ValueError(f"{label[:20]!r} is no band of per cent")
