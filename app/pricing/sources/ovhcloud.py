"""OVHcloud: the public order catalogue of Public Cloud, of the French subsidiary, in euro without tax.

Shape read in OVHcloud's documentation of ``/order/catalog/public/cloud`` and in public clients of it: ``addons`` with
``planCode``, ``pricings`` in 10^-8 of the currency that ``locale`` names, and technical facts in ``blobs``. Being
listed says nothing of stock.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.core.http_client import Fault, FetchError, Limits
from app.core.units import MIB
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, mapped, text

_UNIT = Decimal(10) ** 8


class OvhCloud(Source):
    name = "ovhcloud"
    title = "OVHcloud, public catalogue"
    origin = "https://eu.api.ovh.com"
    currencies = ("EUR",)
    privacy = "https://www.ovhcloud.com/en/terms-and-conditions/privacy-policy/"
    limits = Limits(read_s=20, total_s=90, max_bytes=96 * MIB)

    async def fetch(self) -> list[RawOffer]:
        async with self.asking() as fetcher:
            answer = await fetcher.json("/1.0/order/catalog/public/cloud?ovhSubsidiary=FR")
        currency = text(mapped(answer, "locale").get("currencyCode") or "")
        if currency != "EUR":
            raise FetchError(Fault.SCHEMA, f"prices came in {currency[:10]!r} instead of euro")
        return self.each(listed(answer, "addons"), lambda addon: self._read(addon, currency), "ovhcloud")

    def _read(self, addon: Any, currency: str) -> Iterator[RawOffer | LeftOut]:
        plan = text(addon["planCode"])
        technical = (addon.get("blobs") or {}).get("technical") or {}
        gpu = technical.get("gpu") or {}
        if not gpu:
            yield LeftOut(NO_GPU)
            return
        if plan.startswith("win-") or _is_windows(technical):
            yield LeftOut("with a Windows licence")
            return
        if not plan.endswith(".consumption"):
            yield LeftOut("not billed by the hour")
            return
        name = plan.removesuffix(".consumption")
        hourly = _hourly(addon)
        size = ((gpu.get("memory") or {}).get("size")) or None
        disks = (technical.get("storage") or {}).get("disks") or []
        for region in _regions(addon) or [""]:
            yield self.offer(
                provider="ovhcloud", gpu=text(gpu["model"]), gpu_count=gpu["number"], gpu_memory_gb=size,
                tier="on-demand", product=name, region=region, currency=currency,
                amount_per_instance_hour=Decimal(hourly["price"]) / _UNIT,
                vcpus=(technical.get("cpu") or {}).get("cores"),
                ram_gb=(technical.get("memory") or {}).get("size"), price_includes="gpu+host+disk",
                disk_gb=sum(int(d.get("capacity") or 0) * int(d.get("number") or 1) for d in disks) or None,
            )  # fmt: skip


def _hourly(addon: Any) -> Any:
    """The pricing that is billed by the hour."""
    for pricing in addon["pricings"]:
        if "consumption" in (pricing.get("capacities") or []) or pricing.get("type") == "consumption":
            return pricing
    raise ValueError("no price by the hour")


def _is_windows(technical: Any) -> bool:
    return str((technical.get("os") or {}).get("family", "")).lower() == "windows"


def _regions(addon: Any) -> list[str]:
    for configuration in addon.get("configurations") or []:
        if configuration.get("name") == "region":
            return [text(value) for value in configuration.get("values") or []]
    return []
