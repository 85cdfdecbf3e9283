"""Make the shipped snapshot from the raw public lists: ``python -m tools.make_snapshot FOLDER``.

FOLDER holds ``offers.csv`` and ``price_history.csv`` as they were published, and the later lists in ``autumn``. Known
gaps and wrong labels of the first two lists are handled here, those of the later ones in :mod:`tools.autumn_lists`; the
general rules are the normaliser's.
"""

import csv
import gzip
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from app.core import clock
from app.pricing.offers.normalise_batch import normalise_batch
from app.pricing.offers.offer import Batch, RawOffer, Reason, SetAside
from app.pricing.snapshot import files
from tools import autumn_lists, price_spans
from tools.autumn_lists import rows_of

GPU_PRICING = "gpu-pricing"
DAILY_LIST = "daily-list"

_PARTS = (  # words of a note → what the price holds, what it leaves out, our remark
    (
        r"vCPU \$0\.01/h and RAM \$0\.005/GB/h billed separately",
        "gpu",
        "host",
        "vCPU $0.01/h and memory $0.005/GB-h extra",
    ),
    (
        r"vCPU/RAM billed separately: \$0\.004/vCPU/h \+ \$0\.001/GB/h",
        "gpu",
        "host",
        "vCPU $0.004/h and memory $0.001/GB-h extra",
    ),
    (r"CPU/RAM/storage billed separately", "gpu", "host+disk", "billed per second"),
    (r"vCPU and RAM are FREE", "gpu+host", "disk", ""),
    (r"500 GB NVMe included", "gpu+host+disk", "", "500 GB NVMe included"),
)
_REMARKS = (
    (
        r"Marketplace min price|price reflects min live offer|Marketplace cheapest live offer",
        "cheapest live offer at the time",
    ),
    (r"Price fluctuates", "fluctuates by about 15%"),
    (r"Pricing is dynamic", "repriced every 18 hours"),
    (r"Spot tier rarely available", "spot capacity rarely available"),
    (r"Virtualized GPU", "virtualized GPU over the network; performance varies"),
    (r"references July 2024", "provider's price page dated July 2024"),
    (r"Medium priority tier", "medium priority"),
    (r"max 4 GPUs/instance", "up to 4 GPUs per instance"),
    (r"sold in 8x node|8x node", "sold only as an 8-GPU node; price per GPU"),
    (r"fractions available", "fractional GPUs also sold"),
)
_PRODUCTS = (r"Dataoorts (\w[\w-]*) — [^.;]*", r"Bare Metal[^;(]*", r"Active spot")


def raw_offers(folder: Path) -> list[RawOffer]:
    """Every row of ``offers.csv`` as a raw offer, with what its note and product name say."""
    since = _price_since(folder)
    with (folder / "offers.csv").open(encoding="utf-8", newline="") as file:
        return [_raw_offer(number, row, since) for number, row in enumerate(csv.DictReader(file), 2)]


def _raw_offer(number: int, row: dict[str, str], since: dict[tuple[str, ...], str]) -> RawOffer:
    listed = row["collected_at"].startswith("2026-06-15")
    note = row["note"]
    includes, excludes, remarks = _terms(row)
    raw = RawOffer(
        source=DAILY_LIST if listed else GPU_PRICING,
        provider=row["provider"],
        gpu=row["gpu"],
        tier=row["tier"].replace("_", "-"),
        amount_per_gpu_hour=row["usd_per_gpu_hour"],
        amount_per_instance_hour=row["usd_per_instance_hour"],
        gpu_memory_gb=row["gpu_memory_gb"],
        gpu_count=row["gpu_count"],
        interconnect=row["interconnect"],
        interruptible=row["interruptible"] == "true",
        region=row["region"],
        product=row["sku"] or _product(row),
        vcpus=row["vcpus"],
        ram_gb=row["ram_gb"],
        price_includes=includes,
        price_excludes=excludes,
        remark="; ".join(remarks),
        estimated="estimated" in note or "approximate price" in note,
        source_url=row["source_url"],
        fetched_at=int(clock.parse_instant(row["collected_at"]).timestamp()),
        price_since=since.get(
            _history_key(row["provider"], row["gpu"], row["tier"], row["region"], row["usd_per_gpu_hour"]),
            row["collected_at"][:10],
        ),
        reference=f"offers.csv:{number}",
    )
    return _with_true_part(_with_true_term(raw))


def _terms(row: dict[str, str]) -> tuple[str, str, list[str]]:
    includes = "gpu+host" if row["vcpus"] and row["ram_gb"] else ""
    excludes = ""
    remarks = []
    for pattern, holds, lacks, remark in _PARTS:
        if re.search(pattern, row["note"]):
            includes, excludes = holds, lacks
            remarks += [remark] if remark else []
    remarks += [remark for pattern, remark in _REMARKS if re.search(pattern, row["note"])]
    return includes, excludes, remarks


def _product(row: dict[str, str]) -> str:
    found = [m[0].strip().rstrip(".") for p in _PRODUCTS if (m := re.search(p, row["note"]))]
    if match := re.search(r"\((High freq\.)\)", row["gpu"]):
        found.append(match[1])
    return ", ".join(found)


def _with_true_term(raw: RawOffer) -> RawOffer:
    """Correct a commitment that the list got wrong.

    The daily list files Google's "Dynamic Workload Scheduler" prices (calendar mode, defined duration: days to
    weeks) under 12 and 36 months, and calls a RunPod plan "36mo" that costs more than its 6-month plan, while
    RunPod's own interface offers plans of months only. Their term is binding, but not known.
    """
    wrong = re.search(r"DWS|Calendar Mode", raw.product) or (raw.provider == "RunPod" and raw.tier == "36mo")
    if not wrong:
        return raw
    remark = f"listed as {raw.tier}, which its product name or price contradicts"
    return replace(raw, commitment_months=0, remark=remark)


_ORACLE_PARTS = {
    "B110965": "Oracle's list calls it Compute Cloud@Customer L40S: a machine in the customer's own building",
    "B111454": "a part of a price: the host's share of an L40S in Cloud@Customer, or less",
}


def _with_true_part(raw: RawOffer) -> RawOffer:
    """Refuse the parts of Oracle's list that are no GPU to rent in its public cloud. ``B110979``, listed as a B200, is
    "GPU - GB200" in Oracle's own list; the catalogue's product names say so.
    """
    return replace(raw, not_an_offer=_ORACLE_PARTS.get(raw.product, "")) if raw.provider == "OCI" else raw


def _history_key(provider: str, gpu: str, tier: str, region: str, price: str) -> tuple[str, ...]:
    return (provider, gpu, tier, region, str(Decimal(price).normalize()))


def _price_since(folder: Path) -> dict[tuple[str, ...], str]:
    """The first day of the unbroken run of recorded days, up to the last one, on which each price was the same."""
    rows = rows_of(folder, "price_history.csv")
    days = sorted({row["date"] for row in rows})
    seen: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        key = _history_key(
            row["provider"], row["gpu_type"], row["price_tier"], row["region"], row["per_gpu_hourly_usd"]
        )
        seen.setdefault(key, set()).add(row["date"])
    since = {}
    for key, on in seen.items():
        run = ""
        for day in reversed(days):
            if day not in on:
                break
            run = day
        if run:
            since[key] = run
    return since


def make(folder: Path) -> Batch:
    """Normalise the raw lists. The latest instant in them serves as the clock, so that the result never changes."""
    raws = [*raw_offers(folder), *autumn_lists.raw_offers(folder / "autumn")]
    return normalise_batch(raws, {}, max(raw.fetched_at for raw in raws))


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a packed CSV file whose bytes depend on the rows alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


def write(folder: Path, target: Path) -> None:
    """Write the four shipped files into ``target``."""
    batch = make(folder)
    spans = price_spans.of_lists(folder, (item.raw for item in batch.set_aside if item.reason is Reason.SUPERSEDED))
    _write_csv(target / "offers.csv.gz", files.OFFER_COLUMNS, map(files.offer_to_row, batch.offers))
    _write_csv(target / "set_aside.csv.gz", files.SET_ASIDE_COLUMNS, map(_aside_row, batch.set_aside))
    _write_csv(target / "history.csv.gz", files.HISTORY_COLUMNS, spans.kept)
    read = Counter([*(offer.source for offer in batch.offers), *(item.raw.source for item in batch.set_aside)])
    shown = Counter(offer.source for offer in batch.offers)
    sources = {**_OLD_SOURCES, **autumn_lists.SOURCES}
    about = {
        "rows_read": read.total(),
        "offers": len(batch.offers),
        "set_aside": len(batch.set_aside),
        "providers": sorted({offer.provider for offer in batch.offers}),
        "history_rows_read": spans.read,
        "history_rows": len(spans.kept),
        "history_set_aside": dict(sorted(spans.aside.items())),
        "sources": {name: {**sources[name], "rows_read": read[name], "offers": shown[name]} for name in sources},
    }
    (target / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


_OLD_SOURCES = {
    GPU_PRICING: {"name": "gpu-pricing, an open price collection (MIT)", "day": "2026-05-24"},
    DAILY_LIST: {"name": "a daily public price list", "day": "2026-06-15"},
}


def _aside_row(item: SetAside) -> tuple[str, ...]:
    raw = item.raw
    price = raw.amount_per_gpu_hour or raw.amount_per_instance_hour or ""
    return (
        raw.reference,
        raw.source,
        raw.provider,
        raw.gpu,
        raw.tier,
        str(price),
        Reason(item.reason).value,
        item.detail,
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]), files.FOLDER)
