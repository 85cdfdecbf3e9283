"""Amazon's Spot Instance Advisor: how often spot instances are interrupted, by type and region.

Shape read in clients of the public file ``spot-advisor-data.json`` (``alexei-led/spotinfo``, ``grailbio/base``,
``nint8835/interruption-spotter``): ``ranges`` name the bands by their ``index`` ("<5%", "5-10%", … ">20%"), and
``spot_advisor`` holds region, system ("Linux") and type with ``r``, the index of its band. The band is the share of
instances that was taken back during the trailing month, in Amazon's words.
"""

from typing import Any

from app.core import clock
from app.core.http_client import Fault, FetchError
from app.pricing.offers.reclaim import MONTH_HOURS, Reclaim
from app.pricing.sources.base import listed, mapped, text
from app.pricing.sources.machines import aws_types
from app.pricing.sources.spot_bands import SpotBands, band


class SpotAdvisor(SpotBands):
    name = "spot_advisor"
    title = "AWS Spot Instance Advisor"
    origin = "https://spot-bid-advisor.s3.amazonaws.com"
    privacy = "https://aws.amazon.com/privacy/"

    async def fetch(self) -> list[Reclaim]:
        async with self.asking() as fetcher:
            answer = await fetcher.json("/spot-advisor-data.json")
        return read(answer, clock.timestamp())


def read(answer: Any, now: int) -> list[Reclaim]:
    """The bands of every type with a GPU in every region, on Linux."""
    try:
        bands = {int(row["index"]): band(text(row["label"])) for row in listed(answer, "ranges")}
    except (KeyError, TypeError, ValueError) as error:
        raise FetchError(Fault.SCHEMA, f"the bands can't be read ({error})") from None
    found = []
    for region, systems in mapped(answer, "spot_advisor").items():
        types = systems.get("Linux") if isinstance(systems, dict) else None
        for kind, facts in types.items() if isinstance(types, dict) else ():
            index = facts.get("r") if isinstance(facts, dict) else None
            if kind in aws_types() and isinstance(index, int) and index in bands:
                found.append(Reclaim("aws", kind, region[:80], *bands[index], MONTH_HOURS, now))
    if not found:
        raise FetchError(Fault.SCHEMA, "no type with a GPU is in the file")
    return found
