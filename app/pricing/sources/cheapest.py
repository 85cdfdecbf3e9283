"""The cheapest of a marketplace's machines of one kind, since single machines come and go by the minute. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer


def cheapest_of(offers: Iterable[RawOffer]) -> list[RawOffer]:
    """The cheapest machine for each GPU, GPU count, region, tier and stock; its remark says how many there are.

    Rows that can't be used are kept, so that they are counted.
    """
    lowest: dict[tuple[Any, ...], Decimal] = {}
    best: dict[tuple[Any, ...], RawOffer] = {}
    number: dict[tuple[Any, ...], int] = {}
    rest: list[RawOffer] = []
    for offer in offers:
        whole = offer.amount_per_instance_hour
        price = parse_decimal(offer.amount_per_gpu_hour if whole is None else whole)
        if offer.fault or price is None or price <= 0:
            rest.append(offer)
            continue
        key = (offer.gpu, offer.gpu_memory_gb, offer.gpu_count, offer.region, offer.tier, offer.stock)
        number[key] = number.get(key, 0) + 1
        if key not in best or price < lowest[key]:
            lowest[key], best[key] = price, offer
    words = {key: "one machine" if n == 1 else f"cheapest of {n} machines" for key, n in number.items()}
    return [replace(offer, remark=words[key]) for key, offer in best.items()] + rest
