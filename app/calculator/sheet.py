"""The data sheet: everything the browser computes with, the same for everyone. Queries and their shape, no HTML."""

import hashlib
import json
from dataclasses import astuple
from typing import Any

from app.benchmarks.measured import measured_rows
from app.benchmarks.rows import shared_name
from app.calculator.api_prices import api_prices, source
from app.calculator.presets import ELECTRICITY, PRESETS
from app.catalog.facts import Gpu, countries, gpus, providers
from app.catalog.grids import grids
from app.core.units import DAY_S
from app.estimate.cards import card_of
from app.estimate.constants import fitted
from app.estimate.inputs import ENGINES, WEIGHT_BYTES, Card, EstimateError
from app.estimate.offsets import generation
from app.estimate.shape import shape_of
from app.estimate.speculative_decoding import accepted_lengths
from app.models import store as models
from app.pricing.offers import market_store
from app.pricing.offers.kept_store import kept
from app.pricing.offers.reclaim import hours_between, spot_factor
from app.pricing.offers.store import Row

VERSION = 4
TIERS = ("on-demand", "spot", "reserved")
MOST_SCORES = 12


def known_cards() -> dict[str, tuple[Gpu, Card]]:
    """Slug → GPU and its figures, of every GPU that can be estimated."""
    found = {}
    for slug, gpu in gpus().items():
        try:
            found[slug] = (gpu, card_of(gpu))
        except EstimateError:
            continue
    return found


async def best_offers(now: int, *, rarer: bool = False) -> list[Row]:
    """The cheapest offer of each GPU, tier, term and size of instance; a fresh one goes before any stale one.

    With ``rarer``, also each dearer spot offer that is reclaimed more rarely than every cheaper one: what a reclaim
    costs decides between them.
    """
    rows = await kept("cheapest of each kind", now, lambda: market_store.cheapest_of_each_kind(now))
    best: dict[tuple[Any, ...], Row] = {}
    more: list[Row] = []
    paid = {row["id"]: row["usd_per_gpu_hour_micro"] * (1 if rarer else spot_factor(row)) for row in rows}
    for row in sorted(rows, key=lambda row: (row["stale_at"] <= now, paid[row["id"]], row["id"])):
        count = row["gpu_count_number"]
        if count is not None and (count < 1 or count != int(count)):
            continue
        key = (row["gpu"], row["tier"], row["commitment_months"], int(count or 0))
        held = best.setdefault(key, row)
        if rarer and hours_between(row) > hours_between(held) and (row["stale_at"] <= now) == (held["stale_at"] <= now):
            more.append(held)
            best[key] = row
    return sorted([*best.values(), *more], key=lambda row: (row["gpu"], row["usd_per_gpu_hour_micro"], row["id"]))


async def sheet(now: int) -> bytes:
    """The sheet as JSON. Lists are in the order that ``static/calculator.js`` names."""
    cards = known_cards()
    offers = [row for row in await best_offers(now, rarer=True)
              if row["gpu"] in cards and row["provider"] in providers() and row["tier"] in TIERS]  # fmt: skip
    names = sorted({row["provider"] for row in offers})
    slugs = list(cards)
    rows = [(row, architecture) for row in await models.every_model() if (architecture := models.architecture_of(row))]
    keys = [key for key, _ in (await models.score_keys())[:MOST_SCORES]]
    made = {
        "version": VERSION,
        "constants": fitted()["constants"],
        "ranges": fitted()["ranges"],
        "bytes": WEIGHT_BYTES,
        "offsets": {name: fitted()["offsets"][name] for name in ("family", "engine")},
        "engines": ENGINES[:3],
        "presets": [[p.key, p.name, p.text, p.input_tokens, p.output_tokens, p.rate, p.ttft_ms, p.tpot_ms,
                     p.utilisation] for p in PRESETS],
        "electricity": ELECTRICITY,
        "grids": {code: [countries()[code].name, round(grid.g_per_kwh), grid.year] for code, grid in grids().items()},
        "models": [[row["slug"], row["name"], row["model"].split("/")[0], row["precision"], row["parameters"],
                    shape_of(architecture).as_list(), _offsets(row["model"])] for row, architecture in rows],
        "api": {"source": source(), "prices": {row["slug"]: found for row, _ in rows
            if (found := api_prices().get(row["model"]))}},
        "drafts": [[known.model, known.method, int(known.thinking), known.lengths] for known in accepted_lengths()],
        "scores": [[" · ".join(part for part in key if part), await models.scores(key)] for key in keys],
        "gpus": [[slug, gpu.name, gpu.memory_gb, _card(card), generation(gpu)] for slug, (gpu, card) in cards.items()],
        "providers": [[name, providers()[name].name] for name in names],
        "tiers": TIERS,
        "offers": [[slugs.index(row["gpu"]), names.index(row["provider"]), TIERS.index(row["tier"]),
                    row["commitment_months"] or 0,
                    int(row["gpu_count_number"] or 0), row["usd_per_gpu_hour_micro"], row["fetched_at"] // DAY_S,
                    int(row["stale_at"] <= now), *_reclaims_and_place(row)] for row in offers],
        "measured": measured_columns(slugs),
    }  # fmt: skip
    return json.dumps(made, separators=(",", ":")).encode()


def _reclaims_and_place(row: Row) -> list[float | str]:
    """Hours between reclaims, 0 if they are not told, and the country; nothing after the last of them that is known."""
    every, place = round(hours_between(row), 1) or 0, row["country"] if row["country"] in grids() else ""
    return [every, place] if place else [every] if every else []


def digest(sheet: bytes) -> str:
    """The name of a sheet's content."""
    return hashlib.sha256(sheet).hexdigest()[:12]


def _card(card: Card) -> list[float | int]:
    """The figures of a card in the order of its fields, as the browser reads them."""
    return [int(value) if isinstance(value, bool) else value for value in astuple(card)]


def _offsets(model: str) -> dict[str, Any]:
    """The offsets of a model: of its groups by engine, generation and format, of a step by format, of a first token.
    Empty where nothing was measured of it."""
    known, name = fitted()["offsets"], shared_name(model)
    begin = f"{name}|"
    found = {
        kind: {key.removeprefix(begin): value for key, value in known[kind].items() if key.startswith(begin)}
        for kind in ("group", "format")
    }
    return {**found, "first": known["model"].get(name, 0.0)} if found["format"] else {}


def measured_columns(slugs: list[str]) -> dict[str, Any]:
    """Measured rows in columns: model, GPU, precision, engine, tensor × pipeline parallel, attention data parallel,
    expert parallel, tokens of input and output, requests in flight, TPOT and TTFT in ms. Texts are indices into
    ``words``, GPUs into ``slugs``; repeated runs of one set-up are one row, their median."""
    words: list[str] = []
    places: dict[str, int] = {}
    groups: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
    for row in measured_rows():
        if not row["concurrency"]:
            continue
        for word in (row["model"].lower(), row["precision"], row["engine"]):
            if word not in places:
                places[word] = len(words)
                words.append(word)
        key = (places[row["model"].lower()], slugs.index(row["gpu"]), places[row["precision"]], places[row["engine"]],
               int(row["tensor_parallel"]) * int(row["pipeline_parallel"] or 1), int(row["attention_data_parallel"]),
               int(row["expert_parallel"]),
               int(row["input_tokens"]), int(row["output_tokens"]), int(row["concurrency"]))  # fmt: skip
        groups.setdefault(key, []).append((float(row["tpot_ms"]), float(row["ttft_ms"] or 0)))
    rows = sorted(groups)
    middle = [sorted(groups[key])[len(groups[key]) // 2] for key in rows]
    columns: list[list[float]] = [list(column) for column in zip(*rows, strict=True)]
    return {"words": words, "columns": [*columns, [round(t, 2) for t, _ in middle], [round(f) for _, f in middle]]}
