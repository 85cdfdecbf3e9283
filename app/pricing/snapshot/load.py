"""Loading what ships with the software: the snapshot of offers, and the history it begins with."""

import hashlib
from datetime import date, timedelta
from itertools import groupby

from app.core.clock import parse_instant
from app.core.version_keys import HISTORY_KEY, gpu_key
from app.pricing.history import chart, record
from app.pricing.history.price_moves import changes
from app.pricing.refresh.replace_offers import replace_source
from app.pricing.snapshot import files
from app.pricing.snapshot.files import PricePoint
from app.storage.sqlite import execute_many, fetch, transaction
from app.upstream.tables import LoadedSource


async def load_shipped() -> bool:
    """Load the shipped snapshot and history, whole or not at all, where nothing was loaded before.

    True if the snapshot was loaded now.
    """
    fresh = not await LoadedSource.exists().run()
    async with transaction():
        if fresh:
            await _load_offers()
        if not await fetch("SELECT 1 FROM price_level LIMIT 1"):
            await _load_history()
    return fresh


async def _load_offers() -> None:
    all_offers, aside = files.offers(), files.set_aside()
    columns = [column for column in files.SET_ASIDE_COLUMNS if column != "source"]
    for name, about in files.about()["sources"].items():
        offers = [offer for offer in all_offers if offer.source == name]
        rows = [tuple(row[column] for column in columns) for row in aside if row["source"] == name]
        await replace_source(name, about["name"], offers, rows, max(offer.fetched_at for offer in offers))


async def _load_history() -> None:
    """The shipped daily prices as spans, moves and levels: a price holds for the days on which it was recorded."""
    points = files.history()
    async with transaction(HISTORY_KEY, *sorted({gpu_key(point.gpu) for point in points})):
        by_kind = sorted(points, key=_kind_text)
        for _, group in groupby(by_kind, key=_kind_text):
            await _load_series(list(group))
        as_rows = [{name: getattr(point, name) for name in PricePoint.__slots__} for point in points]
        await record.tell_all(changes(as_rows), _midnight)
        for gpu in sorted({point.gpu for point in points}):
            await _load_levels(gpu, [row for row in as_rows if row["gpu"] == gpu])


def _kind_text(point: PricePoint) -> str:
    return "|".join(map(str, (point.provider, point.gpu, point.tier, point.commitment_months, point.region)))


async def _load_series(points: list[PricePoint]) -> None:
    first = points[0]
    name = hashlib.sha256(_kind_text(first).encode()).hexdigest()[:20]
    await execute_many(
        "INSERT INTO price_series (offer, provider, gpu, tier, commitment_months, region) VALUES (?, ?, ?, ?, ?, ?)",
        [(f"shipped:{name}", first.provider, first.gpu, first.tier, first.commitment_months, first.region)],
    )
    series = (await fetch("SELECT id FROM price_series WHERE offer = ?", f"shipped:{name}"))[0][0]
    lowest: dict[str, int] = {}
    for point in points:
        lowest[point.day] = min(point.usd_per_gpu_hour_micro, lowest.get(point.day, point.usd_per_gpu_hour_micro))
    spans: list[tuple[int, str, str, int]] = []
    for day in sorted(lowest):
        if spans and spans[-1][2] == day and spans[-1][3] == lowest[day]:
            spans[-1] = (*spans[-1][:2], _next(day), lowest[day])
        else:
            spans.append((series, day, _next(day), lowest[day]))
    await execute_many(
        "INSERT INTO price_span (series, valid_from, valid_to, usd_per_gpu_hour_micro) VALUES (?, ?, ?, ?)",
        ((series, _midnight(begin), _midnight(end), price) for series, begin, end, price in spans),
    )


async def _load_levels(gpu: str, rows: list[dict[str, object]]) -> None:
    days = {row[0]: row for row in chart.daily(rows)}
    written: dict[str, tuple[int | None, int | None]] = {}
    levels: list[tuple[object, ...]] = []
    for day in sorted({*days, *(_next(day) for day in days)}):
        _, low, mid, spot = days.get(day, (day, None, None, None))
        for tier, level in (("on-demand", (low, mid)), ("spot", (spot, spot))):
            if written.get(tier, (None, None)) != level:
                levels.append((gpu, tier, _midnight(day), *level))
                written[tier] = level
    await execute_many(
        "INSERT INTO price_level (gpu, tier, at, low_micro, median_micro) VALUES (?, ?, ?, ?, ?)", levels
    )


def _midnight(day: str) -> int:
    return int(parse_instant(day).timestamp())


def _next(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
