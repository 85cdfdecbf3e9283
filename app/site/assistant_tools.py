"""The tools for assistants: search prices, estimate, compare. Read-only; every price carries its day and its source.

Arguments are a JSON object and are forgotten once answered; nothing here knows the protocol they arrive by.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from app.catalog.facts import gpus
from app.core import clock
from app.core.errors import QueryError
from app.core.settings import Settings
from app.pricing.offers import best as best_prices
from app.pricing.offers import market_store, store, tally_store
from app.pricing.search.parse_query import parse
from app.site.estimate_api import estimated
from app.site.estimate_schema import EstimateRequest
from app.site.openapi import inputs
from app.site.price_api import data_query, to_json
from app.site.price_schema import PriceFilters, offer_of

MOST_ROWS, ROWS = 50, 10
MOST_COMPARED = 4
TOOL_FIELDS = ("provider", "gpu", "gpu_count", "tier", "commitment_months", "region", "usd_per_gpu_hour",
        "usd_per_instance_hour", "fetched_at", "price_since", "stale", "source", "source_url", "price_includes",
        "price_excludes", "stock")  # fmt: skip
"""The fields of an offer that an answer contains; the rest is at the address that the answer names."""
FACTS = ("name", "vendor", "architecture", "year", "memory_gb", "memory_type", "bandwidth_gb_s", "fp16_tflops",
         "fp8_tflops", "fp4_tflops", "tdp_w", "interconnect", "source")  # fmt: skip
NOTE = ("USD without tax. Name fetched_at, the day on which a price was last confirmed, with every price you quote; a "
        "stale one is past its source's freshness limit. Null is not known.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its name, what it does, the JSON schema of its arguments, and the function that answers it."""

    name: str
    description: str
    schema: dict[str, Any]
    answer: Callable[[Mapping[str, Any], Settings], Awaitable[Any]]


async def search_prices(given: Mapping[str, Any], settings: Settings) -> Any:
    """The cheapest offers that match the filters of the price table. Raises :class:`QueryError`."""
    rest = dict(given)
    limit = rest.pop("limit", ROWS)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_ROWS:
        raise QueryError("limit", f"limit must be a whole number from 1 to {MOST_ROWS}.", "For example limit 10.")
    query = await data_query(_pairs(rest), also=("limit",))
    now = clock.timestamp()
    rows = await store.rows_between(query, 0, limit)
    return {
        "count": await tally_store.count(query),
        "offers": [_tool_fields(row, now) for row in rows],
        "all_of_them": settings.base_url + query.address("/api/prices"),
        "page": settings.base_url + query.address("/prices"),
        "note": NOTE,
    }


async def estimate(given: Mapping[str, Any], settings: Settings) -> Any:
    """A prediction for one set-up. Raises :class:`QueryError`."""
    found = msgspec.to_builtins(await estimated(json.dumps(given).encode()))
    return {**found, "method": f"{settings.base_url}/methodology"}


async def compare(given: Mapping[str, Any], settings: Settings) -> Any:
    """Facts and best prices of a few GPUs, side by side. Raises :class:`QueryError`."""
    if set(given) - {"gpu"}:
        raise QueryError("gpu", "compare takes gpu alone.", 'For example {"gpu": ["h100-sxm-80gb", "b200-180gb"]}.')
    slugs = parse([pair for pair in _pairs(given) if pair[0] == "gpu"]).gpu
    if not 1 <= len(slugs) <= MOST_COMPARED:
        raise QueryError("gpu", f"compare takes one to {MOST_COMPARED} GPUs.", "For example h100-sxm-80gb, l4-24gb.")
    now = clock.timestamp()
    found = []
    for slug in slugs:
        best = await best_prices.best_of(await market_store.kinds(gpu=slug), now)
        prices = [_tool_fields(row, now) for row in best.values()]
        facts = {name: getattr(gpus()[slug], name) for name in FACTS}
        found.append({"gpu": slug, **facts, "best_prices": prices, "page": f"{settings.base_url}/gpus/{slug}"})
    return {"gpus": found, "note": NOTE}


def _tool_fields(row: store.Row, now: int) -> dict[str, Any]:
    offer = offer_of(row, now)
    return {name: getattr(offer, name) for name in TOOL_FIELDS}


def _pairs(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The arguments as the (name, value) pairs of an address."""
    found = []
    for name, value in given.items():
        for one in value[:100] if isinstance(value, list) else [value]:
            if isinstance(one, bool) or not isinstance(one, str | int | float):
                raise QueryError(str(name)[:40], f"{str(name)[:40]} must be text or a number, or a list of such.")
            found.append((str(name), str(one)[:200]))
    return found


def _filters() -> dict[str, Any]:
    schema = inputs(PriceFilters)
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": ROWS, "description": "rows, at most"}
    return {"type": "object", "properties": {**schema["properties"], "limit": limit}, "additionalProperties": False}


def tools() -> tuple[Tool, ...]:
    """Every tool. The schemas are those of the API."""
    gpu = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_COMPARED,
           "description": "slugs of GPUs, such as h100-sxm-80gb"}  # fmt: skip
    return (
        Tool("search_prices", "Current GPU cloud prices per GPU-hour, cheapest first, each with its day and source. "
             "Filters narrow together; q takes free words such as 'h100 spot europe under 3'.",
             _filters(), search_prices),
        Tool("estimate", "Predicted time to first token, time per output token, throughput and memory of a model on a "
             "GPU, with 80% ranges and the nearest measurements.",
             {**inputs(EstimateRequest), "additionalProperties": False}, estimate),
        Tool("compare", "Facts and best dated prices of up to four GPUs side by side.",
             {"type": "object", "properties": {"gpu": gpu}, "required": ["gpu"], "additionalProperties": False},
             compare),
    )  # fmt: skip


async def answer(name: str, given: Mapping[str, Any], settings: Settings) -> tuple[str, bool]:
    """(the answer of the tool ``name`` as JSON text, whether it is a refusal that says what would work)."""
    tool = next((tool for tool in tools() if tool.name == name), None)
    if tool is None:
        known = ", ".join(tool.name for tool in tools())
        return f"There is no tool {name[:40]!r}; there are {known}.", True
    try:
        return to_json(await tool.answer(given, settings)).decode(), False
    except QueryError as error:
        return f"{error.parameter}: {error.message} {error.hint}".strip(), True
