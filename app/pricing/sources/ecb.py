"""The European Central Bank's daily reference rates: what the euro is worth, by currency and day.

Shape read in the ECB's own description of ``eurofxref-daily.xml``: one ``Cube`` with the day, in it one ``Cube`` per
currency with how much of it one euro buys. Not published at weekends; the last rate stays valid, with its date.
"""

import re
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from app.core.http_client import Fault, FetchError, Limits
from app.core.money import parse_decimal
from app.core.units import MIB
from app.pricing.offers.offer import Rate
from app.pricing.sources.base import Service

_NAMESPACE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}"
SMALLEST_RATE, LARGEST_RATE = Decimal("0.000001"), Decimal(1000)
"""Dollars for one unit of a currency that exists lie between these: an Iranian rial is 0.00002, a Kuwaiti dinar 3.3."""
_PLACES = Decimal("0.0000000001")


class EcbRates(Service):
    """The publisher of exchange rates. A mirror is set as for any source of prices."""

    name = "ecb"
    title = "European Central Bank, euro reference rates"
    origin = "https://www.ecb.europa.eu"
    privacy = "https://www.ecb.europa.eu/services/data-protection/privacy-statements/html/index.en.html"
    limits = Limits(max_bytes=MIB)

    async def fetch(self) -> dict[str, Rate]:
        """Currency code → dollars for one unit, with the publisher's day. Raises :class:`FetchError`."""
        async with self.asking() as fetcher:
            return read_rates(await fetcher.text("/stats/eurofxref/eurofxref-daily.xml"))


def read_rates(xml: str) -> dict[str, Rate]:
    """The rates of one day's file. Raises :class:`FetchError` when it is not one, or states no dollar."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise FetchError(Fault.SCHEMA, "the file declares entities, which rates never need")
    try:
        root = ET.fromstring(xml)  # noqa: S314 -- entities are refused above
    except ET.ParseError as error:
        raise FetchError(Fault.NOT_JSON, f"the rates are no XML: {error}") from None
    dated = next((cube for cube in root.iter(f"{_NAMESPACE}Cube") if "time" in cube.attrib), None)
    if dated is None:
        raise FetchError(Fault.SCHEMA, "no day among the rates")
    day = dated.attrib["time"]
    _check_day(day)
    per_euro = {cube.attrib.get("currency", ""): parse_decimal(cube.attrib.get("rate")) for cube in dated}
    dollars = per_euro.get("USD")
    if not dollars or dollars <= 0:
        raise FetchError(Fault.SCHEMA, "no dollar among the rates")
    found = {"EUR": Rate(_dollars("EUR", dollars), day)}
    for code, rate in per_euro.items():
        if re.fullmatch("[A-Z]{3}", code) and code != "USD" and rate and rate > 0:
            found[code] = Rate(_dollars(code, dollars / rate), day)
    return found


def _dollars(code: str, amount: Decimal) -> Decimal:
    """US dollars for one unit of the currency, to ten places. Raises :class:`FetchError` for an absurd rate."""
    if not SMALLEST_RATE <= amount <= LARGEST_RATE:
        raise FetchError(Fault.SCHEMA, f"one {code} would be {amount:.3g} USD: not believed")
    return amount.quantize(_PLACES)


def _check_day(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise FetchError(Fault.SCHEMA, f"{day[:20]!r} is not a day") from None
