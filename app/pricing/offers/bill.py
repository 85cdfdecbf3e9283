"""What an offer costs a month in all: machines, host, disk and traffic out. Pure.

A part is included in the price, billed on top, or not stated. A part billed on top costs what the offer or its provider
states, or the market's median, marked as such, if neither states a price. A part that is not stated adds nothing if
most of the providers that state it include it, else as much as if it were billed on top. A month has 730 hours; money
is in micro-dollars.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any

from app.core.money import HOURS_PER, to_micro
from app.pricing.offers.reclaim import spot_factor

Row = Mapping[str, Any]
MONTH_HOURS = HOURS_PER["month"]
INCLUDED, EXTRA, UNKNOWN = "included", "extra", "not stated"
_HOST = re.compile(r"vCPU \$([0-9.]{1,9})/h and memory \$([0-9.]{1,9})/Gi?B-h extra")
"""How an offer's remark states the price of the host: dollars per hour for a vCPU and for a GB of memory."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the bill is for: ``gpus`` GPUs, ``disk_gb`` for each machine, ``traffic_gb`` out a month in all."""

    gpus: int = 1
    disk_gb: int = 100
    traffic_gb: int = 0


@dataclass(frozen=True, slots=True)
class Extras:
    """A provider's price of disk (per GB and month) and of traffic out (per GB beyond ``free_traffic_gb`` a month)."""

    disk_micro: int | None = None
    traffic_micro: int | None = None
    free_traffic_gb: int = 0


@dataclass(frozen=True, slots=True)
class Market:
    """The market's medians, used for parts whose price is not stated; ``None`` if nobody states one. Disk is per GB and
    month, traffic per GB, vCPU and GB of memory per hour."""

    disk_micro: int | None
    traffic_micro: int | None
    vcpu_micro: int | None
    ram_micro: int | None
    vcpus_per_gpu: float | None
    ram_gb_per_gpu: float | None
    usual: frozenset[str] = frozenset()
    """The parts that are included by most of the providers that state them."""
    providers: Mapping[str, Extras] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bill: whether it is in the price, what it adds a month (``None``: unknown), and whether that is the
    market's median."""

    name: str
    status: str
    micro: int | None
    is_median: bool = False


@dataclass(frozen=True, slots=True)
class Bill:
    """A month of an offer: ``nodes`` machines with ``gpus`` GPUs in all, and what each part adds.

    ``reclaims_micro`` is the rent for the time that spot loses to reclaims, if their frequency is stated. ``missing``
    is true if a part has no price at all: the total is then a lower bound.
    """

    row: Row
    nodes: int
    gpus: Fraction
    rent_micro: int
    parts: tuple[Part, ...]
    reclaims_micro: int = 0

    @property
    def total_micro(self) -> int:
        return self.rent_micro + self.reclaims_micro + sum(part.micro or 0 for part in self.parts)

    @property
    def missing(self) -> bool:
        return any(part.micro is None for part in self.parts)


def usually_included(stated: Iterable[tuple[str, str, str]]) -> frozenset[str]:
    """The parts that more providers include than bill on top, from (provider, included parts, excluded parts)."""
    votes: dict[tuple[str, str], int] = {}
    for who, includes, excludes in stated:
        for part in ("host", "disk", "traffic"):
            vote = (part in includes.split("+")) - (part in excludes.split("+"))
            votes[part, who] = votes.get((part, who), 0) + vote
    tally: dict[str, int] = {}
    for (part, _), vote in votes.items():
        tally[part] = tally.get(part, 0) + (vote > 0) - (vote < 0)
    return frozenset(part for part, sum_ in tally.items() if sum_ > 0)


def market_of(rows: Iterable[Row], extras: Mapping[str, Extras], usual: frozenset[str] = frozenset()) -> Market:
    """The medians, over providers, of the prices that offers and providers state: each provider counts once. A row
    stands for as many ``offers`` as it says, or one."""
    disk: dict[str, list[int]] = {}
    traffic: dict[str, list[int]] = {}
    vcpu: dict[str, list[int]] = {}
    ram: dict[str, list[int]] = {}
    hosts: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        who, times = row["provider"], row.get("offers", 1)
        for column, found in (("disk_usd_per_gb_month_micro", disk), ("traffic_usd_per_gb_micro", traffic)):
            if row[column] is not None:
                found.setdefault(who, []).extend([row[column]] * times)
        if rates := _host_rates(row):
            vcpu.setdefault(who, []).extend([rates[0]] * times)
            ram.setdefault(who, []).extend([rates[1]] * times)
        count = row["gpu_count_number"]
        if row["vcpus"] and row["ram_gb"] and count:
            hosts.setdefault(who, []).append((row["vcpus"] / count, row["ram_gb"] / count))
    for who, said in extras.items():
        if said.disk_micro is not None:
            disk.setdefault(who, [said.disk_micro])
        if said.traffic_micro is not None:
            traffic.setdefault(who, [said.traffic_micro])
    sizes = [(median(v for v, _ in found), median(r for _, r in found)) for found in hosts.values()]
    return Market(
        _middle(disk), _middle(traffic), _middle(vcpu), _middle(ram),
        median(v for v, _ in sizes) if sizes else None, median(r for _, r in sizes) if sizes else None, usual, extras,
    )  # fmt: skip


def _middle(by_provider: Mapping[str, list[int]]) -> int | None:
    return round(median(median(prices) for prices in by_provider.values())) if by_provider else None


def _host_rates(row: Row) -> tuple[int, int] | None:
    """(micro-dollars per hour for a vCPU, for a GB of memory), if the offer's remark states them."""
    found = _HOST.search(row["remark"] or "")
    return (to_micro(Decimal(found[1])), to_micro(Decimal(found[2]))) if found else None


def status_of(row: Row, part: str) -> str:
    """Whether the price includes ``part`` (``host``, ``disk`` or ``traffic``)."""
    if part in (row["price_includes"] or "").split("+"):
        return INCLUDED
    return EXTRA if part in (row["price_excludes"] or "").split("+") else UNKNOWN


def bill(row: Row, wish: Wish, market: Market) -> Bill:
    """A month of ``row``: as many machines as have the wished GPUs, never fewer than are sold together."""
    count = Fraction(row["gpu_count"]) if row["gpu_count"] else Fraction(1)
    nodes = max(math.ceil(wish.gpus / count), row["min_nodes"] or 1)
    hourly = row["usd_per_instance_hour_micro"]
    if hourly is None:
        hourly = round(row["usd_per_gpu_hour_micro"] * count)
    extras = market.providers.get(row["provider"], Extras())
    parts = (
        Part("GPU", INCLUDED, 0),
        _host(row, count, nodes, market),
        _disk(row, nodes * wish.disk_gb, nodes, extras, market),
        _network(row, wish.traffic_gb, extras, market),
    )
    rent = hourly * MONTH_HOURS * nodes
    return Bill(row, nodes, count * nodes, rent, parts, round(rent * (spot_factor(row) - 1)))


def _host(row: Row, count: Fraction, nodes: int, market: Market) -> Part:
    status = status_of(row, "host")
    if status == INCLUDED or (status == UNKNOWN and "host" in market.usual):
        return Part("host", status, 0, status == UNKNOWN)
    own = _host_rates(row)
    vcpu, ram = own or (market.vcpu_micro, market.ram_micro)
    vcpus = row["vcpus"] or (market.vcpus_per_gpu and market.vcpus_per_gpu * float(count))
    ram_gb = row["ram_gb"] or (market.ram_gb_per_gpu and market.ram_gb_per_gpu * float(count))
    if vcpu is None or ram is None or not vcpus or not ram_gb:
        return Part("host", status, None)
    is_median = own is None or not (row["vcpus"] and row["ram_gb"])
    return Part("host", status, round((vcpus * vcpu + ram_gb * ram) * MONTH_HOURS * nodes), is_median)


def _disk(row: Row, wished_gb: int, nodes: int, extras: Extras, market: Market) -> Part:
    """What disk beyond the included one adds; a price that includes disk without stating how much includes enough."""
    status = status_of(row, "disk")
    held = row["disk_gb"]
    lacking = max(0, wished_gb - (held or 0) * nodes)
    if not lacking or (status == INCLUDED and not held):
        return Part("disk", status if held is None else INCLUDED, 0)
    own = row["disk_usd_per_gb_month_micro"]
    price = own if own is not None else extras.disk_micro
    if price is None and status == UNKNOWN and not held and "disk" in market.usual:
        return Part("disk", status, 0, True)
    if price is None:
        price, is_median = market.disk_micro, True
    else:
        is_median = False
    return Part("disk", EXTRA if held else status, None if price is None else price * lacking, is_median)


def _network(row: Row, wished_gb: int, extras: Extras, market: Market) -> Part:
    status = status_of(row, "traffic")
    own = row["traffic_usd_per_gb_micro"]
    price = own if own is not None else extras.traffic_micro
    if status == UNKNOWN and price is not None:
        status = EXTRA if price else INCLUDED
    if status == INCLUDED or not wished_gb:
        return Part("network", status, 0)
    if price is None and status == UNKNOWN and "traffic" in market.usual:
        return Part("network", status, 0, True)
    if price is None:
        return Part("network", status, None if market.traffic_micro is None else market.traffic_micro * wished_gb, True)
    paid = wished_gb if own is not None else max(0, wished_gb - extras.free_traffic_gb)
    return Part("network", status, price * paid)


def is_slice(row: Row) -> bool:
    """True for an offer of less than a GPU."""
    return bool(row["gpu_count"]) and Fraction(row["gpu_count"]) < 1


def ranked(rows: Iterable[Row], wish: Wish, market: Market, now: int) -> list[Bill]:
    """The bills of ``rows``, the cheapest month first: current prices before all that are stale at ``now`` (seconds),
    and within each of the two groups those without the price of a part last. Offers of a slice of a GPU are left out:
    no number of them is the card that was wished for."""
    bills = [bill(row, wish, market) for row in rows if not is_slice(row)]
    return sorted(bills, key=lambda b: (b.row["stale_at"] <= now, b.missing, b.total_micro, b.row["id"]))


def break_even(committed: Bill, on_demand_micro: int) -> int | None:
    """The number of months of use from which on a commitment costs less than renting on demand for those months.

    A commitment is paid for its whole term, even while the machine is idle. ``on_demand_micro`` is the price of a month
    on demand. ``None`` if the commitment never pays within its term, or the term is not known.
    """
    months = committed.row["commitment_months"]
    if not months or on_demand_micro <= 0:
        return None
    month = math.ceil(Fraction(committed.total_micro * months, on_demand_micro))
    return month if month <= months else None
