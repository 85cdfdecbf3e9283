"""Recognising filters in the words of a search: "h100 80gb spot under 2" → GPU, memory, tier, price limit. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from app.catalog.facts import gpus
from app.core.money import parse_decimal, to_micro
from app.pricing.offers.price_query import MOST_MONTHS
from app.pricing.search.names import gpu_names, groups, provider_names, region_names, spelled

_TIERS = {
    "spot": "spot",
    "interruptible": "spot",
    "preemptible": "spot",
    "on-demand": "on-demand",
    "ondemand": "on-demand",
    "on demand": "on-demand",
    "reserved": "reserved",
    "committed": "reserved",
    "commitment": "reserved",
}
_LIMIT = re.compile(
    r"(?:(?:under|below|less than|at most|max|<=?) ?\$?|\$)(\d{1,6}(?:\.\d{1,6})?)(?: ?(?:usd|dollars?|/ "
    r"?h(?:our)?|per hour))?(?= |$)"
)
_MEMORY = re.compile(r"(?<![\w.-])(\d{1,4}) ?(?:gb|gib|g)(?= |$)")
_COUNT = re.compile(r"(?<![\w.-])(?:(\d{1,3}) ?x(?= |$)|x ?(\d{1,3})(?= |$)|(\d{1,3}) gpus?(?= |$))")
_TIMES = re.compile(r"(?<![\w.-])(\d{1,3}) ?[x×*] ?(?=[a-z]|\d{4}(?![\d.]| ?gi?b?(?!\w)))")
"""A count that is written before the name: ``8xh100``, ``8 × h100``, ``2x4090``."""
_FORM = re.compile(r"(sxm|nvl)\d*|pcie|hgx|dgx")
"""A form factor beside a GPU's name. Generations of SXM and sizes of NVLink domains are those of the GPU."""
_GLUED_FORM = re.compile(r"(?<=\d)(?=(?:sxm\d?|pcie|nvl)(?!\w))")
_IN_A_BASE_BOARD = {"hgx": "sxm", "dgx": "sxm"}
_BRANDS = {"geforce", "tesla", "quadro", "instinct", "radeon", "oam"}
"""Brands, and AMD's form factor, that add nothing to a GPU's name."""
_TERM = re.compile(r"(?<![\w.-])(one|two|three|\d{1,2})[ -]?(years?|yrs?|y|months?|mo)(?= |$)")
_SPELLED = {"one": 1, "two": 2, "three": 3}
_MAKERS = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}
_FEW_OF_A_MAKER = 40
"""A maker named alone means all its GPUs, if they are no more than that."""
_MAKE_MODELS_TOO = {"google", "microsoft", "amazon", "alibaba", "ibm"}
"""Providers whose name before words that name nothing here is probably a model's: ``google gemma``."""
_FILLER = {"generation", "architecture",
           "gpu", "gpus", "in", "with", "from", "on", "at", "the", "a", "an", "for", "per", "hour", "price", "prices",
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
    commitment_months: int | None = None
    max_usd_micro: int | None = None
    gpu_count: Fraction | None = None
    rest: str = ""


def understand(text: str) -> Recognised:
    """Read a search of at most a hundred characters. Words that are not recognised stay in ``rest``, in order."""
    left = _TIMES.sub(r"\1x ", " ".join(text.casefold().replace(",", " ").split()))
    left, limit = _take(_LIMIT, left)
    left, months = _term(left)
    left, memory = _take(_MEMORY, left)
    left, count = _take(_COUNT, left)
    left = _GLUED_FORM.sub(" ", left)
    words, makers = [word for word in left.split() if word not in _MAKERS], _MAKERS.keys() & left.split()
    if not count:
        count, words = _counted(words, gpu_names())
    if not memory:
        memory, words = _sized(words, gpu_names())
    slugs, words = _gpus(words, int(memory) if memory else None)
    named, words = _named_providers(words)
    tiers, words = _named(words, _TIERS)
    regions, words = _named(words, region_names())
    rest = [word for word in words if word not in _FILLER]
    if rest and not slugs and (whose := [word for word, _ in named if word in _MAKE_MODELS_TOO]):
        rest, named = [*whose, *rest], [(word, slug) for word, slug in named if word not in whose]
    gpus_found = slugs or _of_makers(makers)
    return Recognised(
        gpu=gpus_found,
        provider=tuple(sorted({slug for _, slug in named})),
        region=tuple(sorted(set(regions))),
        tier=tuple(sorted({*tiers, *(["reserved"] if months else [])})),
        commitment_months=months,
        min_memory_gb=int(memory) if memory and not gpus_found and 1 <= int(memory) <= 10_000 else None,
        max_usd_micro=_micro(limit),
        gpu_count=Fraction(int(count)) if count and 0 < int(count) <= 1024 else None,
        rest=" ".join(rest),
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


def _term(text: str) -> tuple[str, int | None]:
    """The text without the length of a commitment, and that in months: ``1 year`` → 12."""
    match = _TERM.search(text)
    if not match:
        return text, None
    number = _SPELLED.get(match[1]) or int(match[1])
    months = number * (12 if match[2].startswith("y") else 1)
    if not 1 <= months <= MOST_MONTHS:
        return text, None
    return " ".join(f"{text[: match.start()]} {text[match.end() :]}".split()), months


def _counted(words: list[str], names: dict[str, str]) -> tuple[str, list[str]]:
    """The count that a number right before a GPU's name states, as in ``8 h100`` or ``2 rtx 4090``, or one attached to
    its end, as in ``h100x8``, ``""`` without one; and the words without it. A number that is part of the name, as in
    ``a 100``, is no count."""
    for at, word in enumerate(words):
        glued = re.fullmatch(r"(.+)x(\d{1,3})", word)
        if glued and word not in names and glued[1] in names:
            return glued[2], [*words[:at], glued[1], *words[at + 1 :]]
        named = any(spelled(run, names) for run in (words[max(at - 1, 0) : at + 1], words[at : at + 2]))
        follows = any(spelled(words[at + 1 : at + 1 + length], names) for length in range(1, 5))
        if re.fullmatch(r"[1-9]\d{0,2}", word) and follows and not named:
            return word, [*words[:at], *words[at + 1 :]]
    return "", words


def _named(words: list[str], names: dict[str, str]) -> tuple[list[str], list[str]]:
    """The values of ``names`` that up to four consecutive words spell, longest first; and the remaining words."""
    found: list[str] = []
    left: list[str] = []
    at = 0
    while at < len(words):
        for length in range(min(4, len(words) - at), 0, -1):
            if value := spelled(words[at : at + length], names):
                found.append(value)
                at += length
                break
        else:
            left.append(words[at])
            at += 1
    return found, left


def _sized(words: list[str], names: dict[str, str]) -> tuple[str, list[str]]:
    """The memory in GB that a bare number behind a GPU's name states, as in ``a100 40``: one that some variant of it
    has; ``""`` without one; and the words without it. A number of the name itself, as in ``h 100``, is none."""
    for at, word in enumerate(words):
        if not re.fullmatch(r"\d{2,3}", word):
            continue
        for begin in range(max(0, at - 4), at):
            family = spelled(words[begin:at], names)
            if family and not spelled(words[begin : at + 1], names):
                if int(word) in {gpus()[slug].memory_gb for slug in _variants([family])}:
                    return word, [*words[:at], *words[at + 1 :]]
                break
    return "", words


def _gpus(words: list[str], memory_gb: int | None) -> tuple[tuple[str, ...], list[str]]:
    """Slugs of the GPUs that the words name, by name or as a group, narrowed by form factor and memory where any fits;
    and the remaining words."""
    families, left = _named(words, gpu_names())
    together, left = _named(left, {name: name for name in groups()})
    slugs = set(_variants(families))
    grouped = {slug for name in together for slug in groups()[name]}
    slugs = (slugs & grouped or slugs) if slugs else grouped
    if not slugs:
        return (), left
    for word in [word for word in left if _FORM.fullmatch(word)]:
        form = _IN_A_BASE_BOARD.get(word, re.sub(r"\d+$", "", word))
        if fitting := {slug for slug in slugs if re.search(rf"-{form}\d*(?!\w)", slug)}:
            slugs, left = fitting, [other for other in left if other != word]
    exact = {slug for slug in slugs if memory_gb is not None and gpus()[slug].memory_gb == memory_gb}
    return tuple(sorted(exact or slugs)), [word for word in left if word not in _BRANDS]


def _named_providers(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """(word, provider's slug) of the providers that the words name, and the remaining words."""
    names = {name: f"{name}|{slug}" for name, slug in provider_names().items()}
    found, left = _named(words, names)
    return [(name, slug) for name, _, slug in (each.partition("|") for each in found)], left


def _of_makers(makers: Iterable[str]) -> tuple[str, ...]:
    """Slugs of all GPUs of the makers, where these are few enough to show."""
    slugs = sorted(slug for slug, gpu in gpus().items() if gpu.vendor in {_MAKERS[maker] for maker in makers})
    return tuple(slugs) if len(slugs) <= _FEW_OF_A_MAKER else ()


def _variants(families: list[str]) -> list[str]:
    """Slugs of the variants of the named families."""
    begun = [family.removesuffix("*") if family.endswith("*") else f"{family}-" for family in families]
    return [slug for slug in gpus() if slug in families or slug.startswith(tuple(begun))]
