"""Cudo Compute: machine types of its data centres, asked without a key.

Shape read in Cudo's client (``cudo_compute``, ``GET /v1/vms/machine-types-2``) and in gpuhunt's former one:
``machineTypes``, each with a data centre, a GPU model, how many are free, and what one GPU, one vCPU, one GiB of
memory and one GiB of disk cost an hour, as ``{"value": "1.79"}``. The host is chosen and billed separately, so the
price is that of the GPU, and a remark states what the host adds.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text, whole

HOURS_A_MONTH = 730


class Cudo(Source):
    name = "cudo"
    title = "Cudo Compute, machine types"
    origin = "https://rest.compute.cudo.org"
    privacy = "https://www.cudocompute.com/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            answer = await fetcher.json("/v1/vms/machine-types-2")
        return self.each(listed(answer, "machineTypes"), self._read, "cudo")

    def _read(self, kind: Any) -> Iterator[RawOffer | LeftOut]:
        if not kind.get("gpuModelId") and not kind.get("gpuModel"):
            yield LeftOut(NO_GPU)
            return
        vcpu, memory, disk = (_price(kind, name) for name in ("vcpu", "memoryGib", "minStorageGib"))
        host = f"vCPU ${vcpu:f}/h and memory ${memory:f}/GiB-h extra" if vcpu is not None and memory is not None else ""
        yield self.offer(
            provider="cudo", gpu=text(kind["gpuModel"]).removesuffix(" (compute mode)"), gpu_count=1,
            tier="on-demand", amount_per_gpu_hour=kind["gpuPriceHr"]["value"], region=text(kind["dataCenterId"]),
            product=text(kind["machineType"]), price_includes="gpu", price_excludes="host+disk+traffic", remark=host,
            stock="in" if (whole(kind.get("maxGpuFree")) or 0) > 0 else "out",
            disk_usd_per_gb_month=disk * HOURS_A_MONTH if disk is not None else None,
        )  # fmt: skip


def _price(kind: Any, name: str) -> Decimal | None:
    """US dollars per hour of a part, ``None`` if none is stated."""
    price = kind.get(f"{name}PriceHr")
    return parse_decimal(price.get("value")) if isinstance(price, dict) else None
