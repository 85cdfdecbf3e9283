"""DigitalOcean: sizes of GPU Droplets, asked with a key.

Shape read in DigitalOcean's documentation of ``GET /v2/sizes`` and in gpuhunt's client: ``gpu_info`` holds ``count``,
``model`` ("nvidia_h100", "amd_mi300x") and ``vram``, which is the memory of all the GPUs together; ``memory`` is in
MiB, ``disk_info`` distinguishes the boot disk from the scratch disk, ``transfer`` is terabytes out a month. A size
without a region can't be rented anywhere.
"""

from collections.abc import Iterator
from typing import Any

from app.core.http_client import Fault, FetchError
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text, whole

MAX_PAGES = 20


class DigitalOcean(Source):
    name = "digitalocean"
    title = "DigitalOcean, sizes"
    origin = "https://api.digitalocean.com"
    needs_key = True
    privacy = "https://www.digitalocean.com/legal/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        sizes: list[Any] = []
        async with self.asking(authorization=f"Bearer {self.key}") as fetcher:
            for page in range(1, MAX_PAGES + 1):
                answer = await fetcher.json(f"/v2/sizes?per_page=200&page={page}")
                sizes += listed(answer, "sizes")
                links = answer.get("links")
                pages = links.get("pages") if isinstance(links, dict) else None
                if not isinstance(pages, dict) or not pages.get("next"):
                    break
            else:
                raise FetchError(Fault.TOO_LARGE, f"more than {MAX_PAGES} pages")
        return self.each(sizes, self._read, "digitalocean")

    def _read(self, size: Any) -> Iterator[RawOffer | LeftOut]:
        gpu = size.get("gpu_info")
        if not gpu:
            yield LeftOut(NO_GPU)
            return
        count = whole(gpu["count"])
        total, memory, transfer = (parse_decimal(value) for value in (
            (gpu.get("vram") or {}).get("amount"), size.get("memory"), size.get("transfer")))  # fmt: skip
        if not count or count < 0:
            raise ValueError(f"{str(gpu['count'])[:20]!r} is not a number of GPUs")
        boot = [parse_decimal(disk["size"]["amount"]) for disk in size.get("disk_info") or []
                if disk.get("type") in ("local", "boot")]  # fmt: skip
        for region in size.get("regions") or [""]:
            yield self.offer(
                provider="digitalocean", gpu=_spelling(text(gpu["model"])), gpu_count=count,
                gpu_memory_gb=total / count if total else None, tier="on-demand", region=text(region),
                amount_per_instance_hour=size["price_hourly"], product=text(size["slug"]), vcpus=size.get("vcpus"),
                ram_gb=round(memory / 1024) if memory else None, disk_gb=sum(filter(None, boot)) or size.get("disk"),
                price_includes="gpu+host+disk", stock="in" if size.get("available") and region else "out",
                remark=f"{transfer:g} TB of traffic out a month included" if transfer else "",
            )  # fmt: skip


def _spelling(model: str) -> str:
    """ "nvidia_rtx6000_ada" is the RTX 6000 Ada."""
    name = model.partition("_")[2] or model
    return name.replace("_", " ").replace("rtx", "RTX ").strip()
