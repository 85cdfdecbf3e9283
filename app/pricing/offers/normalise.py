"""From a raw offer to an offer or a reason. Pure: no I/O, no clock.

A price is never invented: every figure of an offer is the source's, or exact arithmetic on it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from app.catalog.aliases import Unresolved, resolve
from app.catalog.facts import place, provider_spellings, providers
from app.core.money import parse_decimal, to_micro
from app.core.plain_text import one_line
from app.core.units import HOUR_S
from app.pricing.offers.gpu_slices import of_whole_cards
from app.pricing.offers.offer import Offer, Per, Rate, RawOffer, Reason, SetAside, Tier

DISAGREEMENT = Fraction(1, 100)
"""The share by which price per GPU × count may differ from the price per instance, because of rounding."""

_ON_DEMAND = {"on-demand", "ondemand", "on_demand", "payg", "pay-as-you-go", "secure", "community", "production",
              "prototyping", "marketplace"}  # fmt: skip
_SPOT = {"spot", "interruptible", "preemptible", "secure-spot", "community-spot"}
_TERM = re.compile(r"(\d{1,3})[ -]?mo(?:nths?)?")


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Price:
    per_gpu: int
    per_instance: int | None
    derived: str
    quoted_amount: str
    quoted_per: Per
    rate_day: str


def normalise(raw: RawOffer, rates: Mapping[str, Rate], now: int) -> Offer | SetAside:
    """One raw offer in, an offer or a reason out.

    ``rates`` maps a currency code to its dated dollar rate; ``now`` is the second against which dates are checked.
    """
    try:
        return _normalise(raw, rates, now)
    except _RefusedError as refusal:
        return SetAside(raw, refusal.reason, refusal.detail)


def _normalise(raw: RawOffer, rates: Mapping[str, Rate], now: int) -> Offer:
    if raw.fault:
        raise _RefusedError(Reason.UNREADABLE, raw.fault)
    if raw.not_in_force:
        raise _RefusedError(Reason.NOT_IN_FORCE, raw.not_in_force)
    if raw.not_an_offer:
        raise _RefusedError(Reason.NOT_AN_OFFER, raw.not_an_offer)
    raw = of_whole_cards(raw)
    provider = provider_spellings().get(raw.provider.strip().casefold())
    if provider is None:
        raise _RefusedError(Reason.UNKNOWN_PROVIDER, f"no provider is known by the name {raw.provider[:80]!r}")
    if raw.estimated:
        raise _RefusedError(Reason.ESTIMATED, "the source marks this price as estimated or approximate")
    memory = _optional_number(raw.gpu_memory_gb)
    gpu = resolve(provider, raw.gpu, memory, raw.product)
    if isinstance(gpu, Unresolved):
        raise _RefusedError(Reason(gpu.code), gpu.detail)
    count = _count(raw.gpu_count)
    tier, months = _tier(raw)
    price = _price(raw, count, rates)
    if not 0 < raw.fetched_at <= now + 300:
        raise _RefusedError(Reason.BAD_DATE, "it is not said when this was seen, or the date lies in the future")
    return _offer(raw, provider, gpu.gpu, count, tier, months, price)


def _offer(
    raw: RawOffer,
    provider: str,
    gpu: str,
    count: Fraction | None,
    tier: Tier,
    months: int | None,
    price: _Price,
) -> Offer:
    """The offer, from what was normalised (provider, GPU, count, tier, price) and what is taken as stated."""
    where = place(provider, one_line(raw.region, 80))
    facts = providers()[provider]
    return Offer(
        id=_identity(raw, provider, gpu, count, tier, months),
        source=raw.source,
        provider=provider,
        gpu=gpu,
        gpu_count=count,
        tier=tier,
        provider_tier=one_line(raw.tier, 60),
        commitment_months=months,
        region=where.region[:80],
        country=where.country,
        continent=where.continent,
        usd_per_gpu_hour_micro=price.per_gpu,
        usd_per_instance_hour_micro=price.per_instance,
        derived=price.derived,
        currency=raw.currency.upper(),
        quoted_amount=price.quoted_amount,
        quoted_per=price.quoted_per,
        exchange_rate_date=price.rate_day,
        price_includes=raw.price_includes or facts.price_includes,
        price_excludes=raw.price_excludes or ("" if raw.price_includes else facts.price_excludes),
        product=one_line(raw.product, 160),
        interconnect=one_line(raw.interconnect, 40),
        vcpus=_optional_whole(raw.vcpus),
        ram_gb=_optional_whole(raw.ram_gb),
        remark=one_line(raw.remark, 300),
        source_url=raw.source_url if raw.source_url.startswith("https://") else facts.pricing_page,
        fetched_at=raw.fetched_at,
        price_since=raw.price_since,
        stale_at=raw.fetched_at + facts.freshness_hours * HOUR_S,
        stock=raw.stock if raw.stock in ("in", "out") else "",
        disk_gb=_optional_whole(raw.disk_gb),
        disk_usd_per_gb_month_micro=_optional_micro(raw.disk_usd_per_gb_month),
        traffic_usd_per_gb_micro=_optional_micro(raw.traffic_usd_per_gb),
        min_nodes=_optional_whole(raw.min_nodes),
        reliability=_share(raw.reliability),
    )


def _optional_number(value: object) -> Decimal | None:
    number = parse_decimal(value)
    return number if number is not None and number > 0 else None


def _optional_whole(value: object) -> int | None:
    number = _optional_number(value)
    return int(number) if number is not None else None


def _share(value: object) -> float | None:
    number = parse_decimal(value)
    return float(number) if number is not None and 0 <= number <= 1 else None


def _optional_micro(value: object) -> int | None:
    number = _optional_number(value)
    return to_micro(number) if number is not None else None


def _count(value: object) -> Fraction | None:
    """The number of GPUs; a third of a GPU may be written ``1/3``. ``None`` if it is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, Fraction):
        count = value
    elif isinstance(value, str) and re.fullmatch(r"\d{1,3}/[1-9]\d{0,2}", value.strip()):
        count = Fraction(value.strip())
    else:
        number = parse_decimal(value)
        if number is None:
            raise _RefusedError(Reason.BAD_COUNT, f"{str(value)[:40]!r} is not a number of GPUs")
        count = Fraction(int(number)) if number == int(number) else Fraction(number).limit_denominator(64)
    if not 0 < count <= 1024:
        raise _RefusedError(Reason.BAD_COUNT, f"{count} GPUs is not a number from above 0 to 1,024")
    return count


def _tier(raw: RawOffer) -> tuple[Tier, int | None]:
    """Tier and months of commitment. A binding term of unknown length is reserved with ``None`` months."""
    word = raw.tier.strip().casefold()
    term = _TERM.fullmatch(word)
    if term or word == "reserved" or raw.commitment_months is not None:
        months = raw.commitment_months if raw.commitment_months is not None else int(term[1]) if term else 0
        return Tier.RESERVED, months or None
    if word in _SPOT or (raw.interruptible and word in _ON_DEMAND):
        return Tier.SPOT, None
    if word in _ON_DEMAND:
        return Tier.ON_DEMAND, None
    raise _RefusedError(Reason.UNKNOWN_TIER, f"{raw.tier[:40]!r} is neither on demand, spot nor a term")


def _price(raw: RawOffer, count: Fraction | None, rates: Mapping[str, Rate]) -> _Price:
    gpu = _amount(raw.amount_per_gpu_hour, "per GPU-hour")
    instance = _amount(raw.amount_per_instance_hour, "per instance-hour")
    quoted = instance if instance is not None else gpu
    if quoted is None:
        raise _RefusedError(Reason.NOT_A_PRICE, "no price is stated")
    rate = _rate(raw.currency, rates)
    per_gpu = _micro(gpu, rate[0]) if gpu is not None else None
    per_instance = _micro(instance, rate[0]) if instance is not None else None
    derived = ""
    if gpu is not None and instance is not None and count:
        if abs(Fraction(gpu) * count - Fraction(instance)) > Fraction(instance) * DISAGREEMENT:
            raise _RefusedError(Reason.PRICES_DISAGREE, f"{gpu} x {count} GPUs is not {instance}")
    elif gpu is None and instance is not None:
        if count is None:
            raise _RefusedError(Reason.BAD_COUNT, "a price for the instance, but not for how many GPUs")
        per_gpu, derived = _micro(instance, rate[0] / count), Per.GPU_HOUR.value
    elif gpu is not None and instance is None and count:
        per_instance, derived = _micro(gpu, rate[0] * count), Per.INSTANCE_HOUR.value
    if not per_gpu:
        raise _RefusedError(Reason.ZERO_PRICE, "the price is zero, or under a millionth of a dollar")
    per = Per.INSTANCE_HOUR if instance is not None else Per.GPU_HOUR
    return _Price(per_gpu, per_instance, derived, f"{quoted:f}", per, rate[1])


def _micro(amount: Decimal, factor: Fraction) -> int:
    """Micro-dollars of ``amount`` times an exact ``factor``."""
    if factor.denominator == 1:
        return to_micro(amount * factor.numerator)
    return to_micro(Fraction(amount) * factor)


def _amount(value: object, what: str) -> Decimal | None:
    if value is None or value == "":
        return None
    amount = parse_decimal(value)
    if amount is None:
        raise _RefusedError(Reason.NOT_A_PRICE, f"{str(value)[:40]!r} {what} is not a number")
    if amount < 0:
        raise _RefusedError(Reason.NEGATIVE_PRICE, f"{amount} {what}")
    if amount == 0:
        raise _RefusedError(Reason.ZERO_PRICE, f"zero {what}")
    return amount


def _rate(currency: str, rates: Mapping[str, Rate]) -> tuple[Fraction, str]:
    if currency.upper() == "USD":
        return Fraction(1), ""
    rate = rates.get(currency.upper())
    if rate is None:
        raise _RefusedError(Reason.NO_EXCHANGE_RATE, f"quoted in {currency[:10]!r}, for which no rate is known")
    return Fraction(rate.usd), rate.day


def _identity(raw: RawOffer, provider: str, gpu: str, count: Fraction | None, tier: Tier, months: int | None) -> str:
    """The id of an offer: a hash of everything that describes it except its price and dates, so that it stays the same
    when the price changes."""
    parts = (raw.source, provider, gpu, count, tier, months, raw.tier.casefold().replace("_", "-"),
             raw.region.casefold(), raw.product, raw.interconnect, raw.vcpus, raw.ram_gb)  # fmt: skip
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:20]
