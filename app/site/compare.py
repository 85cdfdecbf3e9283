"""Up to six GPUs side by side: facts, best prices, and what a dollar buys."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.catalog.facts import Gpu, gpus
from app.core.addresses import encode
from app.core.errors import QueryError
from app.core.number_format import dollars
from app.core.version_keys import OFFERS_KEY
from app.pricing.offers import best as best_prices
from app.pricing.offers import store
from app.pricing.search.parse_query import parse
from app.site.render import figure, render
from app.web.answers import Answer, Ask
from app.web.front import public

MOST = 6
_EXAMPLES = (("h100-sxm-80gb", "h200-sxm-141gb", "b200-sxm-180gb"), ("a100-sxm-80gb", "l40s-48gb"),
             ("rtx-4090-24gb", "rtx-5090-32gb"), ("h100-sxm-80gb", "mi300x-192gb"))  # fmt: skip
"""Comparisons that are often asked for; those whose GPUs all have a price are offered."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the comparison: the values as shown, which of them are best, and whether they differ."""

    label: str
    shown: tuple[str, ...]
    best: frozenset[int]

    @property
    def differs(self) -> bool:
        return len(set(self.shown)) > 1


_FACTS: tuple[tuple[str, str, str, int], ...] = (  # label, attribute, unit, 1 if more is better, -1 if less is
    ("Architecture", "architecture", "", 0),
    ("Year", "year", "", 0),
    ("Form", "form_factor", "", 0),
    ("Memory", "memory_gb", "GB", 1),
    ("Memory type", "memory_type", "", 0),
    ("Memory bandwidth", "bandwidth_gb_s", "GB/s", 1),
    ("FP16 / BF16, dense", "fp16_tflops", "TFLOPS", 1),
    ("FP8, dense", "fp8_tflops", "TFLOPS", 1),
    ("INT8, dense", "int8_tops", "TOPS", 1),
    ("FP4, dense", "fp4_tflops", "TFLOPS", 1),
    ("Power", "tdp_w", "W", -1),
    ("Interconnect", "interconnect", "", 0),
    ("Interconnect, per direction", "interconnect_gb_s", "GB/s", 1),
)
_PER = (
    ("USD per hour per 100 TFLOPS (FP16)", "fp16_tflops", 100),
    ("USD per hour per 100 GB of memory", "memory_gb", 100),
    ("USD per hour per TB/s of bandwidth", "bandwidth_gb_s", 1000),
)


@public("/compare", shows=(OFFERS_KEY,))
async def compare(ask: Ask) -> Answer:
    """The comparison, or a choice of GPUs if none is named."""
    slugs = parse([pair for pair in ask.pairs() if pair[0] == "gpu"]).gpu
    if len(slugs) > MOST:
        raise QueryError("gpu", f"{len(slugs)} GPUs are too many to compare.", f"Name at most {MOST}.")
    pairs = [("gpu", slug) for slug in slugs]
    ask.redirect_to_canonical(f"/compare?{encode(pairs)}" if pairs else "/compare")
    chosen = [gpus()[slug] for slug in slugs]
    best = await best_prices.best_by_gpu(ask.now)
    names = " vs ".join(gpu.name.replace(", variant not stated", "") for gpu in chosen)
    body = render(
        "compare/page.html", settings=ask.settings, path="/compare", now=ask.now, most=MOST, chosen=chosen,
        canonical=f"/compare?{encode(pairs)}" if pairs else "/compare",
        title=names if len(chosen) > 1 else f"Compare {names or 'GPUs'}",
        description=f"{names or 'GPUs'} side by side: memory, speed, best price, and what a dollar buys.",
        facts=[_fact(chosen, *fact) for fact in _FACTS] if chosen else [],
        prices=[(tier, [best.get((gpu.slug, tier)) for gpu in chosen]) for tier in ("on-demand", "spot")],
        value_rows=[_value(chosen, best, *per) for per in _PER] if chosen else [],
        priced=sorted({slug for slug, _ in best}, key=list(gpus()).index),
        examples=[(" vs ".join(gpus()[slug].name for slug in slugs), _address(sorted(slugs))) for slugs in _EXAMPLES
                  if {(slug, "on-demand") for slug in slugs} <= best.keys()],
        without={gpu.slug: _address([s for s in slugs if s != gpu.slug]) for gpu in chosen},
    )  # fmt: skip
    return Answer(body, valid_until=await store.next_stale(ask.now))


def _address(slugs: list[str]) -> str:
    return "/compare" + ("?" + encode([("gpu", slug) for slug in slugs]) if slugs else "")


def _fact(chosen: list[Gpu], label: str, attribute: str, unit: str, direction: int) -> Fact:
    values = [getattr(gpu, attribute) for gpu in chosen]
    shown = (
        "none" if gpu.has_none(attribute) else _shown(value, unit) for gpu, value in zip(chosen, values, strict=True)
    )
    return Fact(label, tuple(shown), _best(values, direction))


def _shown(value: Any, unit: str) -> str:
    return str(value) if isinstance(value, int) and not unit else figure(value, unit)


def _best(values: list[Any], direction: int) -> frozenset[int]:
    known = [value for value in values if value is not None and value != ""]
    if not direction or len(set(known)) < 2:
        return frozenset()
    top = max(known) if direction > 0 else min(known)
    return frozenset(i for i, value in enumerate(values) if value == top)


def _value(chosen: list[Gpu], best: dict[tuple[str, str], store.Row], label: str, attribute: str, per: int) -> Fact:
    """What a dollar at the best on-demand price buys, per unit of a fact."""
    values: list[Decimal | None] = []
    for gpu in chosen:
        row, amount = best.get((gpu.slug, "on-demand")), getattr(gpu, attribute)
        values.append(
            Decimal(row["usd_per_gpu_hour_micro"]) / 1_000_000 * per / Decimal(amount) if row and amount else None
        )
    shown = tuple("not known" if value is None else dollars(float(value)) for value in values)
    return Fact(label, shown, _best(values, -1))
