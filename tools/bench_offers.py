"""Benchmarks of many offers: the first render of a page, and reading raw offers in."""

import random
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from tools.bench_site import ROOT, Line


def many_offers(count: int) -> list[Any]:
    """``count`` offers made from the shipped ones with other names and prices, the same each time."""
    from app.pricing.snapshot import files as shipped

    base, dice = shipped.offers(), random.Random(7)
    return [
        replace(base[n % len(base)], id=f"{n:020d}", product=f"type-{n}", source="bench",
                usd_per_gpu_hour_micro=max(1, int(base[n % len(base)].usd_per_gpu_hour_micro * dice.uniform(0.7, 1.4))))
        for n in range(count)
    ]  # fmt: skip


def first_renders(folder: Path, count: int) -> tuple[float, float]:
    """Median milliseconds of the first render of ``/prices?gpu=…`` of full pages with ``count`` offers stored,
    and of every GPU's page, whether full or not."""
    from app.core.settings import load
    from app.core.version_keys import OFFERS_KEY, TALLY_KEY
    from app.pricing.refresh import replace_offers
    from app.process import application, prepare
    from app.storage import engine, sqlite

    settings = load({"INFERENCEBENCH_DATA_DIR": str(folder)})
    prepare.prepare(settings)
    app = application.create_app(settings)

    async def go() -> tuple[float, float]:
        for name in ("gpu-pricing", "daily-list"):
            await replace_offers.replace_source(name, "", [], [], 1)
        offers = many_offers(count)
        await replace_offers.replace_source("bench", "", offers, [], 1)
        counts = Counter(offer.gpu for offer in many_offers(1_000))
        full = [gpu for gpu, n in counts.most_common() if n >= 50]  # full pages of 50 rows on both sides
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
            await client.get("/gpus/l4-24gb")
            return await timed(client, full * 8), await timed(client, list(counts) * 3)

    async def timed(client: httpx.AsyncClient, gpus: list[str]) -> float:
        times = []
        for gpu in gpus:
            async with sqlite.transaction(OFFERS_KEY, TALLY_KEY):
                pass  # a write: the next answer is a first render again
            begun = time.perf_counter()
            answer = await client.get(f"/prices?gpu={gpu}", headers={"accept-encoding": "br"})
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 200
        return statistics.median(times) * 1000

    return engine.run(go())


def render(folder: Path) -> Iterator[Line]:
    small, large = first_renders(folder / "small", 1_000), first_renders(folder / "large", 100_000)
    for what, a, b in (("full pages of 50 rows", small[0], large[0]), ("pages as they come", small[1], large[1])):
        yield f"first render, 100,000 offers ÷ 1,000, {what}", f"{b / a:.2f} ({b:.1f} ÷ {a:.1f} ms)", "≤ 2.0"


def import_raw_offers(folder: Path, count: int) -> tuple[float, float]:
    """Seconds and peak MB of normalising and storing ``count`` raw offers, in this process."""
    from app.core.settings import load
    from app.pricing.offers.normalise_batch import normalise_batch
    from app.pricing.offers.offer import RawOffer
    from app.pricing.refresh import replace_offers
    from app.process import prepare
    from app.storage import engine, sqlite

    prepare.prepare(load({"INFERENCEBENCH_DATA_DIR": str(folder)}))
    dice = random.Random(7)
    kinds = [
        ("aws", "H100 SXM", 5),
        ("gcp", "L4", 0.6),
        ("azure", "A100 80GB", 3.5),
        ("runpod", "RTX 4090", 0.5),
        ("verda", "B200", 4.5),
    ]

    def raws() -> Iterator[RawOffer]:
        for n in range(count):
            provider, gpu, usual = kinds[n % len(kinds)]
            yield RawOffer(source="bench", provider=provider, gpu=gpu, tier="on-demand", gpu_count=1 + n % 8,
                           region=f"region-{n % 90}",
                           amount_per_gpu_hour=f"{usual * dice.uniform(0.8, 1.3):.4f}", product=f"type-{n}",
                           fetched_at=1_780_000_000)  # fmt: skip

    begun = time.perf_counter()
    batch = normalise_batch(raws(), {}, 1_790_000_000)
    assert len(batch.offers) + len(batch.set_aside) == count
    engine.run(replace_offers.replace_source("bench", "", list(batch.offers), [], 1))
    seconds = time.perf_counter() - begun
    sqlite.ENGINE.path = ""
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def importing(folder: Path) -> Iterator[Line]:
    code = (
        "from tools.bench_offers import import_raw_offers; from pathlib import Path;"
        f" print(*import_raw_offers(Path({str(folder / 'import')!r}), 100_000))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seconds, megabytes = map(float, out.split())
    yield "import of 100,000 raw offers: time", f"{seconds:.1f} s", "< 10 s"
    yield "import of 100,000 raw offers: peak memory", f"{megabytes:.0f} MB", "< 300 MB"
