"""Names that the words of a search are looked up by: GPUs, architectures, product lines, providers, places. Pure."""

import re
from functools import cache

from app.catalog.aliases import fold
from app.catalog.facts import CONTINENTS, countries, gpus, place_spellings, provider_spellings
from app.pricing.offers.price_query import OR_NOT_STATED

_LINES = ("quadro", "titan", "radeon pro", "radeon", "instinct", "rtx pro", "geforce", "gtx", "rtx", "cmp", "apple",
          "ironwood", "trillium", "grid")  # fmt: skip
"""Product lines, as words of the GPUs' names."""
_MOST_OF_A_LINE = 40
"""A line with more GPUs than this says too little to become a filter; offers are searched for the word instead."""


@cache
def gpu_names() -> dict[str, str]:
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
    found = {re.sub(r"[-_ ]", "", name): found[name] for name in apart} | found
    return {name: value for name, value in found.items() if name not in groups() or re.search(r"\d", name)}


def names_of_one_word() -> set[str]:
    """Names of one word by which a search knows GPUs: ``h100``, ``4090``, ``mi300``, ``hopper``."""
    return {name for name in (*gpu_names(), *groups()) if " " not in name}


def spelled(run: list[str], names: dict[str, str]) -> str | None:
    """What consecutive words name, also if they are written apart or with a hyphen: ``h-100``, ``run pod``."""
    return names.get(" ".join(run)) or names.get(re.sub(r"[-_]", "", "".join(run)))


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """Words for an architecture or a product line → its GPUs' slugs: ``hopper``, ``ada``, ``cdna 3``, ``quadro``.

    The first words of an architecture's name mean every architecture that begins so: ``blackwell`` also Blackwell
    Ultra, ``cdna`` all four.
    """
    found: dict[str, list[str]] = {}
    for gpu in gpus().values():
        words = gpu.architecture.casefold().split()
        names = [" ".join(words[:length]) for length in range(1, len(words) + 1)]
        name = gpu.name.casefold()
        names += [line for line in _LINES if re.search(rf"(?<!\w){line}(?!\w)", name)]
        for each in dict.fromkeys(names):
            found.setdefault(each, []).append(gpu.slug)
    few = {name: tuple(slugs) for name, slugs in found.items() if len(slugs) <= _MOST_OF_A_LINE}
    return {name.replace(" ", ""): slugs for name, slugs in few.items()} | few


@cache
def region_names() -> dict[str, str]:
    """Names of countries and continents → the filter's value, which includes offers that state no region but may be
    there: half of all offers state none, and pages mark them."""
    found = {country.name.casefold(): code for code, country in countries().items()}
    found.update(place_spellings())
    found.update({name.casefold(): slug for slug, name in CONTINENTS.items()})
    return {name: f"{place}{OR_NOT_STATED}" for name, place in found.items()}


@cache
def provider_names() -> dict[str, str]:
    """Spellings of providers, also written in one word: ``togetherai``."""
    return {re.sub(r"[-_ ]", "", name): slug for name, slug in provider_spellings().items()} | provider_spellings()
