"""Novita: GPU products, asked with a key.

Shape read in Novita's documentation of ``GET /gpu-instance/openapi/v1/products``, in SkyPilot's former catalogue
fetcher (``fetch_novita.py``) and in public clients that held it against Novita's page: ``data`` lists products with
``name`` ("RTX 4090 24GB"), ``price`` and ``spotPrice`` in hundred-thousandths of a dollar for a GPU and hour (339000 is
$3.39), the processors, memory and disk that come with each GPU, ``regions`` and ``availableDeploy``.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import LeftOut, Source, listed, text, whole

UNITS = 100_000
_NOTES = re.compile(r"\((?:high freq[^)]*|[^)]*frequency)\)", re.IGNORECASE)


class Novita(Source):
    name = "novita"
    title = "Novita, GPU products"
    origin = "https://api.novita.ai"
    needs_key = True
    privacy = "https://novita.ai/legal/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        async with self.asking(authorization=f"Bearer {self.key}") as fetcher:
            answer = await fetcher.json("/gpu-instance/openapi/v1/products")
        return self.each(listed(answer, "data"), self._read, "novita")

    def _read(self, product: Any) -> Iterator[RawOffer | LeftOut]:
        name = _NOTES.sub("", text(product["name"])).strip()
        regions = [text(region).split(" (")[0].strip() for region in product.get("regions") or []] or [""]
        stock = {True: "in", False: "out"}.get(product.get("availableDeploy"), "")
        for tier, key in (("on-demand", "price"), ("spot", "spotPrice")):
            price = parse_decimal(product.get(key))
            if price is None or (tier == "spot" and price == 0):
                continue  # spot at nothing is not sold
            for region in regions:
                yield self.offer(
                    provider="novita", gpu=name, gpu_count=1, tier=tier, amount_per_gpu_hour=price / UNITS,
                    region=region, product=text(product["id"]), stock=stock, price_includes="gpu+host",
                    vcpus=whole(product.get("cpuPerGpu")), ram_gb=whole(product.get("memoryPerGpu")),
                    disk_gb=_positive(product.get("diskPerGpu")),
                )  # fmt: skip


def _positive(value: Any) -> Decimal | None:
    found = parse_decimal(value)
    return found if found else None
