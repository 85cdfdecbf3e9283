"""The groups in which a table of offers is shown: current before stale, and reserved prices by term."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape

from app.pricing.offers.market_store import Kind
from app.pricing.offers.store import Row
from app.site.render import months_text


def group(rows: Iterable[Row], now: int, *, mixed: bool) -> list[tuple[Markup, list[Row]]]:
    """(heading, rows), in the order that ``rows`` have within each group.

    ``mixed`` is true if the whole table contains both current and stale offers; otherwise they are not grouped by age.
    The heading of on-demand and spot offers alone is empty.
    """
    found: dict[tuple[bool, int], list[Row]] = {}
    for row in rows:
        found.setdefault((mixed and row["stale_at"] <= now, row["rank_group"]), []).append(row)
    return [(_heading(old, held[0], mixed), held) for (old, _), held in sorted(found.items(), key=lambda item: item[0])]


def first_of(first: Iterable[Row], kinds: Iterable[Kind], now: int) -> dict[str, Any]:
    """The ``first`` of one GPU's or provider's offers, in order, for a page; ``kinds`` are all of them.

    ``found`` are their groups, ``shown`` of ``total``; ``taken`` where spot tells of its reclaims; ``all_stale`` where
    one sentence says so for all, ``stale_count`` of them else.
    """
    held, rows = list(kinds), list(first)
    total, stale = sum(kind.offers for kind in held), sum(kind.offers for kind in held if kind.stale_at <= now)
    mixed = 0 < stale < total
    return {
        "found": group(rows, now, mixed=mixed), "taken": tells_reclaims(rows), "shown": len(rows), "total": total,
        "all_stale": total > 0 and stale == total, "stale_count": stale if mixed else 0,
        "seen_from": min((kind.first_seen_at for kind in held), default=None),
        "seen_to": max((kind.last_seen_at for kind in held), default=None),
    }  # fmt: skip


_STALE = Markup('<span class="stale">Stale</span>')


def _heading(old: bool, first: Row, mixed: bool) -> Markup:
    if not first["rank_group"]:
        return (_STALE + ": past their sources' freshness limit" if old else Markup("Current")) if mixed else Markup()
    term = escape(f"Reserved, {months_text(first['commitment_months'])}")
    return term + ", " + (_STALE.lower() if old else "current") if mixed else term


def tells_reclaims(rows: Iterable[Row]) -> bool:
    """True where a table has something to say of how often spot is reclaimed, or how often a host could be reached."""
    return any(row["reclaim_low"] is not None or row["reliability"] is not None for row in rows)


def is_mixed(rows: Iterable[Row], now: int) -> bool:
    """True if some of ``rows`` are current and some stale."""
    return len({row["stale_at"] <= now for row in rows}) > 1
