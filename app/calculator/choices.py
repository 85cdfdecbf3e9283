"""Hardware for a stored model, and models for a GPU, at the stored prices. The queries are here, the arithmetic in
``hardware``."""

import asyncio
from collections.abc import Mapping
from typing import Any

from app.calculator import hardware
from app.calculator.sheet import best_offers, known_cards
from app.catalog.facts import Gpu
from app.estimate.shape import shape_of
from app.models import store as models


async def _offers(now: int) -> hardware.Offers:
    return hardware.offers_by_gpu([{**offer, "stale": offer["stale_at"] <= now} for offer in await best_offers(now)])


async def for_model(row: models.Row, now: int) -> dict[str, Any]:
    """A model's hardware for every preset: ``choices``, or the ``reason`` why there is none."""
    architecture = models.architecture_of(row)
    if architecture is None:
        return {
            "choices": [],
            "near": {},
            "reason": f"no estimate, because its configuration is not supported: {row['fault'] or 'unknown'}",
        }
    offers = await _offers(now)
    found = await asyncio.to_thread(
        hardware.for_model, row["model"], shape_of(architecture), architecture.precision, known_cards(), offers
    )
    near = await asyncio.to_thread(hardware.near_each, row["model"], found)
    return {"choices": found, "near": near, "reason": ""}


async def for_gpu(gpu: Gpu, now: int, most: int) -> list[tuple[Mapping[str, Any], hardware.Choice]]:
    """The first ``most`` models that a GPU serves well for its price."""
    cards = known_cards()
    if gpu.slug not in cards:
        return []
    offers = await _offers(now)
    if gpu.slug not in offers:
        return []
    known = [(row, shape_of(found)) for row in await models.every_model() if (found := models.architecture_of(row))]
    return await asyncio.to_thread(hardware.for_gpu, *cards[gpu.slug], offers[gpu.slug], known, most)
