"""Recognising filters in the words of a search: "h100 80gb spot under 2" → GPU, memory, tier, price limit. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from app.catalog.aliases import fold
from app.catalog.facts import CONTINENTS, countries, gpus, place_spellings, provider_spellings
from app.core.money import parse_decimal, to_micro
from app.pricing.offers.price_query import OR_NOT_STATED

_TIERS = {
    "spot": "spot",
    "interruptible": "spot",
    "preemptible": "spot",
    "on-demand": "on-demand",
    "ondemand": "on-demand",
    "on demand": "on-demand",
    "reserved": "reserved",
    "committed": "reserved",
}
_LIMIT = re.compile(
    r"(?:(?:under|below|less than|at most|max|<=?) ?\$?|\$)(\d{1,6}(?:\.\d{1,6})?)(?: ?(?:usd|dollars?|/ "
    r"?h(?:our)?|per hour))?(?= |$)"
)
_MEMORY = re.compile(r"(?<![\w.-])(\d{1,4}) ?(?:gb|gib|g)(?= |$)")
_COUNT = re.compile(r"(?<![\w.-])(?:(\d{1,3}) ?x(?= |$)|x ?(\d{1,3})(?= |$)|(\d{1,3}) gpus?(?= |$))")
_TIMES = re.compile(r"(?<![\w.-])(\d{1,3}) ?[x×*] ?(?=[a-z])")
"""A count that is written before the name: ``8xh100``, ``8 × h100``."""
_MAKERS = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}
_FEW_OF_A_MAKER = 40
"""A maker named alone means all its GPUs, if they are no more than that."""
_FILLER = {"gpu", "gpus", "in", "with", "from", "on", "at", "the", "a", "an", "for", "per", "hour", "price", "prices",
           "pricing", "cheapest", "cheap", "cloud", "and", "or", "memory", "vram", "what", "which", "best", "how",
           "much", "is", "does", "do", "i", "my", "need", "to", "run", "rent", "rental", "hire", "cost", "costs",
           "server", "servers", "cluster", "instance", "vm", "of", "hourly", "lowest", "günstig", "günstigste",
           "günstigster", "billig", "billigste", "preis", "preise", "kosten", "kostet", "mieten", "grafikkarte",
           "grafikkarten", "prix", "precio", "für", "mit", "und", "pro", "stunde"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recognised:
    """The filters that a search names; ``rest`` holds the words that name nothing known."""

    gpu: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    min_memory_gb: int | None = None
    max_usd_micro: int | None = None
    gpu_count: Fraction | None = None
    rest: str = ""


def understand(text: str) -> Recognised:
    """Read a search of at most a hundred characters. Words that are not recognised stay in ``rest``, in order."""
    left = _TIMES.sub(r"\1x ", " ".join(text.casefold().replace(",", " ").split()))
    left, limit = _take(_LIMIT, left)
    left, memory = _take(_MEMORY, left)
    left, count = _take(_COUNT, left)
    words, makers = [word for word in left.split() if word not in _MAKERS], _MAKERS.keys() & left.split()
    if not count:
        count, words = _counted(words, _gpu_names())
    families, words = _named(words, _gpu_names())
    providers, words = _named(words, _provider_names())
    tiers, words = _named(words, _TIERS)
    regions, words = _named(words, _region_names())
    if families and "google" in words:  # alone it is also who makes models
        providers, words = [*providers, "gcp"], [word for word in words if word != "google"]
    gpus_found = _fitting(families, int(memory) if memory else None) or _of_makers(makers)
    return Recognised(
        gpu=gpus_found,
        provider=tuple(sorted(set(providers))),
        region=tuple(sorted(set(regions))),
        tier=tuple(sorted(set(tiers))),
        min_memory_gb=int(memory) if memory and not gpus_found and 1 <= int(memory) <= 10_000 else None,
        max_usd_micro=_micro(limit),
        gpu_count=Fraction(int(count)) if count and 0 < int(count) <= 1024 else None,
        rest=" ".join(word for word in words if word not in _FILLER),
    )


def _micro(limit: str) -> int | None:
    amount = parse_decimal(limit) if limit else None
    return to_micro(amount) or None if amount is not None and amount <= 100_000 else None


def _take(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    match = pattern.search(text)
    if not match:
        return text, ""
    rest = f"{text[: match.start()]} {text[match.end() :]}"
    return " ".join(rest.split()), next(group for group in match.groups() if group)


def _counted(words: list[str], names: dict[str, str]) -> tuple[str, list[str]]:
    """The count that a number right before a GPU's name states, as in ``8 h100`` or ``2 rtx 4090``, or one attached to
    its end, as in ``h100x8``, ``""`` without one; and the words without it. A number that is part of the name, as in
    ``a 100``, is no count."""
    for at, word in enumerate(words):
        glued = re.fullmatch(r"(.+)x(\d{1,3})", word)
        if glued and word not in names and glued[1] in names:
            return glued[2], [*words[:at], glued[1], *words[at + 1 :]]
        named = any(_spelled(run, names) for run in (words[max(at - 1, 0) : at + 1], words[at : at + 2]))
        follows = any(_spelled(words[at + 1 : at + 1 + length], names) for length in range(1, 5))
        if re.fullmatch(r"[1-9]\d{0,2}", word) and follows and not named:
            return word, [*words[:at], *words[at + 1 :]]
    return "", words


def _spelled(run: list[str], names: dict[str, str]) -> str | None:
    """What consecutive words name, also if they are written apart or with a hyphen: ``h-100``, ``run pod``."""
    return names.get(" ".join(run)) or names.get(re.sub(r"[-_]", "", "".join(run)))


def _named(words: list[str], names: dict[str, str]) -> tuple[list[str], list[str]]:
    """The values of ``names`` that up to four consecutive words spell, longest first; and the remaining words."""
    found: list[str] = []
    left: list[str] = []
    at = 0
    while at < len(words):
        for length in range(min(4, len(words) - at), 0, -1):
            if value := _spelled(words[at : at + length], names):
                found.append(value)
                at += length
                break
        else:
            left.append(words[at])
            at += 1
    return found, left


@cache
def _gpu_names() -> dict[str, str]:
    """Words → a family prefix of slugs: ``h100`` → ``h100``, ``rtx 4090`` → ``rtx-4090``, ``4090`` → ``rtx-4090``; what
    ends in ``*`` is a beginning of a word: ``mi300`` → ``mi300*``."""
    found: dict[str, str] = {"tpu": "tpu", "tpus": "tpu"}
    for slug in gpus():
        stem = re.sub(r"-\d+gb.*$", "", slug)
        parts = stem.split("-")
        for length in range(1, len(parts) + 1):
            prefix = "-".join(parts[:length])
            if re.search(r"\d", prefix):
                found[prefix.replace("-", " ")] = prefix
                found[prefix] = prefix
                if model := re.fullmatch(r"(mi\d{3})[a-z]", prefix):
                    found[model[1]] = f"{model[1]}*"
                for brand in ("rtx-", "gtx-"):
                    if prefix.startswith(brand):
                        found[prefix.removeprefix(brand).replace("-", " ")] = prefix
    found.update({slug: slug for slug in gpus()})
    for gpu in gpus().values():
        name = fold(gpu.name)
        found[name] = gpu.slug
        for brand in ("rtx ", "gtx "):
            if name.startswith(brand):
                found[name.removeprefix(brand)] = gpu.slug
    apart = sorted(found, key=lambda name: " " in name)  # a name as it is written goes before a slug's beginning
    return {re.sub(r"[-_ ]", "", name): found[name] for name in apart} | found


def gpu_names() -> set[str]:
    """Names of one word by which a search knows GPUs: ``h100``, ``4090``, ``mi300``."""
    return {name for name in _gpu_names() if " " not in name}


@cache
def _region_names() -> dict[str, str]:
    """Names of countries and continents → the filter's value, which includes offers that state no region but may be
    there: half of all offers state none, and pages mark them."""
    found = {country.name.casefold(): code for code, country in countries().items()}
    found.update(place_spellings())
    found.update({name.casefold(): slug for slug, name in CONTINENTS.items()})
    return {name: f"{place}{OR_NOT_STATED}" for name, place in found.items()}


@cache
def _provider_names() -> dict[str, str]:
    """Spellings of providers, also written in one word: ``togetherai``."""
    return {re.sub(r"[-_ ]", "", name): slug for name, slug in provider_spellings().items()} | provider_spellings()


def _of_makers(makers: Iterable[str]) -> tuple[str, ...]:
    """Slugs of all GPUs of the makers, where these are few enough to show."""
    slugs = sorted(slug for slug, gpu in gpus().items() if gpu.vendor in {_MAKERS[maker] for maker in makers})
    return tuple(slugs) if len(slugs) <= _FEW_OF_A_MAKER else ()


def _fitting(families: list[str], memory_gb: int | None) -> tuple[str, ...]:
    """Slugs of the named families; with a memory, only the variants that have it, if any has."""
    begun = [family.removesuffix("*") if family.endswith("*") else f"{family}-" for family in families]
    slugs = [slug for slug in gpus() if slug in families or slug.startswith(tuple(begun))]
    exact = [slug for slug in slugs if memory_gb is not None and gpus()[slug].memory_gb == memory_gb]
    return tuple(sorted(set(exact or slugs)))
