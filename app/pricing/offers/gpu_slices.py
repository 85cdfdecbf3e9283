"""Recognising from the name in a raw offer whether it is a slice of a GPU, a GPU, or a machine with several. Pure.

A slice is named as NVIDIA's Multi-Instance GPU guide does: ``1g.34gb`` is one of the GPU's compute slices with 34 GB of
its memory. A data-centre GPU has seven such slices, an A30 and an RTX PRO 6000 four.
"""

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from app.catalog.aliases import Resolved, fold, resolve
from app.catalog.facts import gpus, provider_spellings
from app.core.money import parse_decimal
from app.pricing.offers.offer import RawOffer

_PROFILE = re.compile(r"(?<![\w.])([1-7])g\.(\d{1,3})gb(?:\+\w+)?(?![\w.])", re.IGNORECASE)
_MIG = re.compile(r"(?<!\w)(?:MIG|vGPU slice|slice)(?!\w)", re.IGNORECASE)
_SIZE = re.compile(r"(?<![\w.])(\d{1,3}) ?GB(?!\w)", re.IGNORECASE)
_SHARE = re.compile(r"^(?:a |an )?(half|third|quarter|eighth|1/[2-8])(?: of (?:a |an )?| )(?=\D)", re.IGNORECASE)
_SHARES = {"half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4), "eighth": Fraction(1, 8)}
_MACHINE = re.compile(r"^(\d{1,2}) ?[x\u00d7*] ?(?=[A-Za-z])|(?<=[\w)]) [x\u00d7*] ?(\d{1,2})$", re.IGNORECASE)
_OCI_SHAPE = re.compile(r"BM\.GPU[\w.-]*\.(\d{1,2})")
_DGX = re.compile(r"^(?:NVIDIA )?DGX (?=[ABH]\d00)", re.IGNORECASE)
_FOUR_SLICES = ("a30", "rtx-pro-6000")
_EIGHT_IN_A_DGX = 8


def of_whole_cards(raw: RawOffer) -> RawOffer:
    """``raw`` with the GPU's own name and the number of GPUs that the price buys: a fraction for a slice.

    The names of GPU and product override a count of 1, which lists state for anything that is sold as one piece. Any
    other count is left as it is.
    """
    return _of_slice(raw) or _of_share(raw) or _of_machine(raw) or raw


def _single(raw: RawOffer) -> bool:
    return raw.gpu_count in (None, "") or parse_decimal(raw.gpu_count) == 1


def _of_slice(raw: RawOffer) -> RawOffer | None:
    said = f"{raw.gpu} {raw.product}"
    profile = _PROFILE.search(said)
    if not (profile or _MIG.search(said)) or isinstance(raw.gpu_count, Fraction):
        return None
    size = _SIZE.search(raw.gpu)
    stated = Decimal(profile[2]) if profile else Decimal(size[1]) if size else parse_decimal(raw.gpu_memory_gb)
    name = " ".join(_MIG.sub(" ", _PROFILE.sub(" ", raw.gpu)).split())
    if not profile:  # the memory in the name is the slice's, not the card's
        name = " ".join(_SIZE.sub(" ", name).split())
    provider = provider_spellings().get(raw.provider.strip().casefold(), "")
    card = resolve(provider, name)
    if not isinstance(card, Resolved):
        return replace(raw, gpu=name, gpu_memory_gb=None)  # an unknown card is refused as such
    share = _slice_share(card.gpu, int(profile[1]) if profile else None, stated)
    if share is None:
        return replace(raw, gpu=name, gpu_memory_gb=None, gpu_count="a slice of unknown size")
    number = parse_decimal(raw.gpu_count) or Decimal(1)
    return _bought(raw, name, share * Fraction(number), _remark(profile[0] if profile else "", share))


def _remark(profile: str, share: Fraction) -> str:
    return f"a MIG slice{' ' + profile if profile else ''}, {share} of a card"


def _slice_share(gpu: str, slices: int | None, memory: Decimal | None) -> Fraction | None:
    """The share of a GPU that a slice is: of its compute slices or, if only the memory is stated, of its memory."""
    if slices is not None:
        return Fraction(slices, 4 if gpu.startswith(_FOUR_SLICES) else 7)
    whole = gpus()[gpu].memory_gb
    if memory is None or not whole or not 0 < memory <= whole:
        return None
    return Fraction(Fraction(memory) / whole).limit_denominator(8)


def _of_share(raw: RawOffer) -> RawOffer | None:
    found = _SHARE.match(raw.gpu.strip())
    if not found or not _single(raw):
        return None
    word = found[1].casefold()
    share = _SHARES.get(word) or Fraction(word)
    return _bought(raw, raw.gpu.strip()[found.end() :], share, f"{share} of a card")


def _of_machine(raw: RawOffer) -> RawOffer | None:
    name = raw.gpu.strip()
    if shape := _OCI_SHAPE.fullmatch(raw.product):  # Oracle prices its machines by the GPU
        if _single(raw) and raw.amount_per_gpu_hour not in (None, ""):
            return replace(raw, gpu_count=int(shape[1]), amount_per_instance_hour=None)
        return None
    found = _MACHINE.search(name)
    count = int(found[1] or found[2]) if found else _EIGHT_IN_A_DGX if _DGX.match(name) else 0
    if not count or fold(name) in gpus():
        return None
    card = _DGX.sub("", _MACHINE.sub("", name)).strip()
    return _bought(raw, card, Fraction(count), "") if _single(raw) else replace(raw, gpu=card)


def _bought(raw: RawOffer, name: str, cards: Fraction, remark: str) -> RawOffer:
    """``raw`` as one piece with ``cards`` GPUs, at the price stated for the piece."""
    price = raw.amount_per_instance_hour if raw.amount_per_instance_hour not in (None, "") else raw.amount_per_gpu_hour
    number = parse_decimal(raw.gpu_count) or Decimal(1)
    if raw.amount_per_instance_hour in (None, "") and number != 1 and (each := parse_decimal(price)) is not None:
        price = each * number
    said = "; ".join(text for text in (raw.remark, remark) if text)
    return replace(raw, gpu=name, gpu_memory_gb=None, gpu_count=cards, amount_per_gpu_hour=None,
                   amount_per_instance_hour=price, remark=said)  # fmt: skip
