"""Hyperbolic: machines of many hosts that can be interrupted, asked without a key.

Shape read in Hyperbolic's own command line (``cmd/spot.go`` of ``HyperbolicLabs/hyperbolic-cli``): a POST of an empty
filter to ``/v1/marketplace`` lists ``instances``. ``pricing.price.amount`` is cents an hour of one GPU, the GPU's
``ram`` is in MiB, and the machine's ``status`` is ``node_ready`` where it can be rented. Of the machines of one GPU and
region the cheapest is the offer; machines on demand are not in this list, SkyPilot's catalogue has them.
"""

from collections.abc import Iterator
from typing import Any

from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text, whole
from app.pricing.sources.cheapest import cheapest_of


class Hyperbolic(Source):
    name = "hyperbolic"
    title = "Hyperbolic, marketplace"
    origin = "https://api.hyperbolic.xyz"
    privacy = "https://www.hyperbolic.ai/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            answer = await fetcher.json("/v1/marketplace", method="POST", body={"filters": {}})
        every = self.each(listed(answer, "instances"), self._read, "hyperbolic")
        cheapest = cheapest_of(every)
        self.leave("a dearer machine of the same GPU and region", len(every) - len(cheapest))
        return cheapest

    def _read(self, machine: Any) -> Iterator[RawOffer | LeftOut]:
        gpus = machine["hardware"].get("gpus") or []
        if not gpus:
            yield LeftOut(NO_GPU)
            return
        if machine["status"] != "node_ready":
            yield LeftOut("a machine that is not ready")
            return
        price = machine["pricing"]["price"]
        if price.get("period", "hourly") != "hourly":
            raise ValueError(f"a price for {str(price['period'])[:20]!r}, not an hour")
        cents, memory = parse_decimal(price["amount"]), parse_decimal(gpus[0].get("ram"))
        free = (whole(machine.get("gpus_total")) or 0) - (whole(machine.get("gpus_reserved")) or 0)
        yield self.offer(
            provider="hyperbolic", gpu=text(gpus[0]["model"]).removeprefix("NVIDIA-").replace("-", " "),
            gpu_memory_gb=round(memory / 1024) if memory else None,
            tier="spot", amount_per_gpu_hour=cents / 100 if cents is not None else price["amount"],
            region=text((machine.get("location") or {}).get("region") or ""), price_includes="gpu+host+disk",
            stock="in" if free > 0 and not machine.get("reserved") else "out", reference=str(machine.get("id"))[:80],
        )  # fmt: skip
