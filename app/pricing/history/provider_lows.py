"""Each provider's lowest price of a GPU and tier over time: what the index and a chart's caption are made of, so that
they need not read the history of every offer.

Written with the history. Of the prices within a UTC day only the last is kept: the index is that of a day's end.
"""

from collections.abc import Iterable

from app.core.units import DAY_S
from app.pricing.history import provider_low_store as store
from app.pricing.history import span_store
from app.pricing.history.price_span import Span, grouped, lowest
from app.pricing.history.provider_low_store import TIERS


async def record(kinds: Iterable[tuple[str, str, str]], now: int) -> None:
    """Write the present lowest price of each (provider, GPU, tier), if it is not the stored one."""
    midnight = now - now % DAY_S
    for provider, gpu, tier in sorted(set(kinds)):
        if tier not in TIERS:
            continue
        stored = {low.part: low for low in await store.open_lows(gpu, tier, provider)}
        present = await store.lowest_valid(gpu, tier, provider)
        for part in (0, 1):
            low, micro = stored.get(part), present.get(part)
            if low and micro is not None and low.valid_from >= midnight:
                await store.change(low.id, micro)
            elif (low.micro if low else None) != micro:
                if low:
                    await store.close(low.id, now)
                if micro is not None:
                    await store.begin((gpu, tier, provider, part), now, micro, midnight)


async def fill() -> None:
    """Compute the lowest prices from the whole history, if that was never done."""
    if await store.is_empty():
        await rebuild()


async def rebuild() -> None:
    """Compute the lowest prices from the whole history."""
    slices = await span_store.slices()
    await store.forget_all()
    for gpu in await store.gpus_with_history():
        spans = await span_store.spans({"gpu": (gpu,), "tier": TIERS}, 0, None)
        for key, found in grouped(spans, lambda span: (span.gpu, span.tier, span.provider, int(span.offer in slices))):
            await store.insert((*key, *low) for low in lows_of(found))


def lows_of(spans: Iterable[Span]) -> list[tuple[int, int | None, int]]:
    """(first second, second after the last or ``None``, micro-dollars) of each lowest price of ``spans``."""
    levels = [(at, span.micro if span else None) for at, span in lowest(spans)]
    ends: list[int | None] = [at for at, _ in levels[1:]]
    return [(at, end, micro) for (at, micro), end in zip(levels, [*ends, None], strict=True) if micro is not None]
