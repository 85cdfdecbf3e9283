"""Microsoft Azure: the public Retail Prices interface.

Shape read in Microsoft's documentation of "Azure Retail Prices REST API" and in gpuhunt's Azure client. The feed does
not say how many GPUs a size holds: ``machines.py`` does, after Microsoft's pages of the N-series sizes.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from app.core import clock
from app.core.http_client import Fault, Fetcher, FetchError, Limits
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text
from app.pricing.sources.machines import azure_sizes

_TERMS = {"1 Year": (12, 8760), "3 Years": (36, 26280), "5 Years": (60, 43800)}
"""Reservation term → (months, hours): its price is for the whole term, whatever its unit says."""
_FILTER = "serviceName eq 'Virtual Machines' and contains(armSkuName, 'Standard_N')"
_MAX_PAGES = 400
_HOURS = re.compile(r"([1-9]\d{0,5}) Hours?")


class Azure(Source):
    name = "azure"
    title = "Azure Retail Prices"
    origin = "https://prices.azure.com"
    privacy = "https://privacy.microsoft.com/privacystatement"
    limits = Limits(total_s=60)

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            items, moved = await self._walk(fetcher)
            if moved:  # $skip counts rows: a list that changes while it is read repeats some and skips others
                again, _ = await self._walk(fetcher)
                items = {**items, **again}
        unknown: set[str] = set()
        in_force, others = _in_force(list(items.values()), clock.now())
        found = self.each(in_force, lambda item: self._read(item, unknown), "azure")
        return found + [
            replace(raw, not_in_force=why)
            for item, why in others
            for raw in self.each([item], lambda item: self._read(item, unknown), "azure")
        ]

    async def _walk(self, fetcher: Fetcher) -> tuple[dict[tuple[Any, ...], Any], bool]:
        """Every row by its identity, and whether the list moved under us."""
        path = f"/api/retail/prices?api-version=2023-01-01-preview&$filter={quote(_FILTER)}"
        found: dict[tuple[Any, ...], Any] = {}
        moved = False
        for _ in range(_MAX_PAGES):
            page = await fetcher.json(path)
            rows = listed(page, "Items")
            if rows and not {row.get("currencyCode") for row in rows if isinstance(row, dict)} & {"USD", None}:
                raise FetchError(Fault.SCHEMA, "prices came in another currency than US dollars")
            keys = [_key(row) for row in rows]
            moved = moved or any(key in found for key in keys)
            found.update(zip(keys, rows, strict=True))
            following = page.get("NextPageLink")
            if not following:
                return found, moved
            if not rows:
                raise FetchError(Fault.TRUNCATED, "an empty page in the middle of the list")
            parts = urlsplit(text(following))
            path = f"{parts.path}?{parts.query}"
        raise FetchError(Fault.TOO_LARGE, f"more than {_MAX_PAGES} pages")

    def _read(self, item: Any, unknown: set[str]) -> Iterator[RawOffer | LeftOut]:
        size = text(item["armSkuName"])
        product, meter, kind = text(item["productName"]), text(item["meterName"]), text(item["type"])
        if not size.startswith("Standard_N"):  # every size with a GPU does
            yield LeftOut(NO_GPU)
            return
        if why := _not_for_rent(product, meter, kind, item):
            yield LeftOut(why)
            return
        facts = azure_sizes().get(size)
        if facts is None:
            if size not in unknown:  # once a size, not once a region
                unknown.add(size)
                yield self.offer(provider="azure", gpu=size, tier="on-demand", product=size, reference=meter)
            else:
                yield LeftOut("a size that is not known, set aside once")
            return
        if item.get("currencyCode") not in ("USD", None):
            raise ValueError(f"a price in {item['currencyCode']!r}, where US dollars were asked for")
        tier, months, amount = _terms(item, kind, meter)
        yield self.offer(
            provider="azure", gpu=facts.gpu, gpu_count=facts.gpu_count, tier=tier, commitment_months=months,
            amount_per_instance_hour=amount, region=text(item["armRegionName"]), product=size, vcpus=facts.vcpus,
            ram_gb=facts.ram_gb, price_includes="gpu+host", price_excludes="disk+traffic", reference=meter,
            price_since=str(item.get("effectiveStartDate") or "")[:10],
        )  # fmt: skip


def _not_for_rent(product: str, meter: str, kind: str, item: Any) -> str:
    """Why a row of a size with GPUs is no price of a Linux virtual machine; empty where it is one."""
    if "Windows" in product:
        return "with a Windows licence"
    if "Dedicated" in product or "CloudServices" in product:
        return "a dedicated host or cloud service"
    if "Low Priority" in meter:
        return "low priority, which spot replaced"
    if kind not in ("Consumption", "Reservation"):
        return f"of the type {kind[:30]}"
    if parse_decimal(item.get("tierMinimumUnits") or 0) != 0:
        return "of a tier from a number of units on"
    return "of a meter that bills another region's use" if item.get("isPrimaryMeterRegion") is False else ""


def _terms(item: Any, kind: str, meter: str) -> tuple[str, int | None, Any]:
    """Tier, months and the price per hour of a row."""
    if kind == "Reservation":
        months, hours = _TERMS[text(item["reservationTerm"])]
        whole_term = parse_decimal(item["retailPrice"])
        if whole_term is None:
            raise ValueError(f"{item['retailPrice']!r} is not a price")
        return "reserved", months, (whole_term / Decimal(hours)).quantize(Decimal("0.000001"))
    amount = item["retailPrice"]
    unit = text(item.get("unitOfMeasure") or "1 Hour").strip()
    if unit != "1 Hour":
        many, price = _HOURS.fullmatch(unit), parse_decimal(amount)
        if many is None or price is None:
            raise ValueError(f"a price per {unit[:30]!r}, which is no number of hours")
        amount = (price / Decimal(many[1])).quantize(Decimal("0.000001"))
    return "spot" if "Spot" in meter else "on-demand", None, amount


def _key(row: Any) -> tuple[Any, ...]:
    names = (*_SAME, "effectiveStartDate", "effectiveEndDate")
    return tuple(str(row.get(name)) for name in names) if isinstance(row, dict) else (str(row),)


_SAME = ("meterId", "skuId", "armRegionName", "armSkuName", "type", "reservationTerm", "meterName", "productName")
"""Rows that agree in these state one price at different times."""


class _Price(NamedTuple):
    """A row of the feed and the instant from which its price holds."""

    begins: datetime
    row: Any


def _in_force(rows: list[Any], now: datetime) -> tuple[list[Any], list[tuple[Any, str]]]:
    """The row that holds at ``now`` of each price, and (row, why not) of the others: those to come, ended or
    overtaken."""
    best: dict[tuple[str, ...], _Price] = {}
    others: list[tuple[Any, str]] = []
    for row in rows:
        try:
            begins = clock.parse_instant(row.get("effectiveStartDate") or "2000-01-01")
            ends = clock.parse_instant(row["effectiveEndDate"]) if row.get("effectiveEndDate") else None
            key = tuple(str(row.get(name)) for name in _SAME)
        except (ValueError, TypeError, AttributeError):
            others.append((row, "its dates can't be read"))
            continue
        if begins > now:
            others.append((row, f"in force only from {begins:%Y-%m-%d} on"))
        elif ends is not None and ends <= now:
            others.append((row, f"in force until {ends:%Y-%m-%d}"))
        elif key in best and best[key].begins >= begins:
            others.append((row, f"overtaken by the price of {best[key].begins:%Y-%m-%d}"))
        else:
            if key in best:
                others.append((best[key].row, f"overtaken by the price of {begins:%Y-%m-%d}"))
            best[key] = _Price(begins, row)
    return [price.row for price in best.values()], others
