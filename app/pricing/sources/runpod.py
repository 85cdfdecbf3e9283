"""RunPod: GPU types of its secure and its community cloud.

Shape read in RunPod's documentation of its GraphQL interface and in gpuhunt's client. Prices are of one GPU. A market
that is closed keeps its old price, so the flags ``secureCloud`` and ``communityCloud`` decide; every stock word but
none means that it can be rented. ``minimumBidPrice`` is a floor and is not read.
"""

from collections.abc import Iterator
from typing import Any

from app.core.http_client import Fault, FetchError
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, LeftOut, Source, listed, text

_QUERY = """query { gpuTypes { id displayName memoryInGb secureCloud communityCloud securePrice communityPrice
 oneWeekPrice oneMonthPrice threeMonthPrice sixMonthPrice secureSpotPrice communitySpotPrice
 lowestPrice(input: {gpuCount: 1}) { stockStatus } } }"""
_TERMS = (("oneMonthPrice", 1), ("threeMonthPrice", 3), ("sixMonthPrice", 6))


class RunPod(Source):
    name = "runpod"
    title = "RunPod, GPU types"
    origin = "https://api.runpod.io"
    privacy = "https://www.runpod.io/legal/privacy-policy"

    async def fetch(self) -> list[RawOffer]:
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        async with self.asking(**headers) as fetcher:
            answer = await fetcher.json("/graphql", method="POST", body={"query": _QUERY})
        if isinstance(answer, dict) and answer.get("errors") and not answer.get("data"):
            raise FetchError(Fault.SCHEMA, f"the query was refused: {str(answer['errors'])[:160]}")
        return self.each(listed(answer, "data", "gpuTypes"), self._read, "runpod")

    def _read(self, kind: Any) -> Iterator[RawOffer | LeftOut]:
        if text(kind.get("id") or "unknown") == "unknown":
            yield LeftOut(NO_GPU)
            return
        stock = (kind.get("lowestPrice") or {}).get("stockStatus")
        common = {"provider": "runpod", "gpu": text(kind.get("displayName") or kind["id"]), "gpu_count": 1,
                  "gpu_memory_gb": kind.get("memoryInGb"), "product": text(kind["id"]),
                  "price_includes": "gpu+host", "price_excludes": "disk"}  # fmt: skip
        for market, flag in (("secure", "secureCloud"), ("community", "communityCloud")):
            if not kind.get(flag):
                continue
            if price := kind.get(f"{market}Price"):
                yield self.offer(**common, tier=market, amount_per_gpu_hour=price, stock="in" if stock else "out")
            if price := kind.get(f"{market}SpotPrice"):
                yield self.offer(**common, tier=f"{market}-spot", amount_per_gpu_hour=price, remark=f"{market} cloud")
        if kind.get("secureCloud"):
            for name, months in _TERMS:
                if price := kind.get(name):
                    yield self.offer(**common, tier="reserved", commitment_months=months, amount_per_gpu_hour=price)
