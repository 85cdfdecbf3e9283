"""From a source's spelling of a GPU to the catalogue's GPU. Pure."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache, lru_cache

from app.catalog.facts import gpus, read_rows

MEMORY_TOLERANCE = Decimal("0.12")
"""Memory sizes that differ by at most this share are the same card: 180 GB sold as 192, 262 usable of 288."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A spelling that was recognised; ``gpu`` is a slug."""

    gpu: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A spelling that was not recognised: ``code`` for counting, ``detail`` for a reader."""

    code: str
    detail: str


@cache
def _aliases() -> dict[tuple[str, str, str], str]:
    return {(r["provider"], r["spelling"], r["memory_gb"]): r["gpu"] for r in read_rows("gpu_aliases.csv")}


@cache
def _products() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in read_rows("gpu_products.csv"):
        found.setdefault(row["provider"], []).append((row["product"], row["gpu"]))
    return found


def fold(spelling: str) -> str:
    """Lower case, single spaces, without the name of the maker and brand: ``NVIDIA Tesla T4`` → ``t4``."""
    text = " ".join(spelling.casefold().replace("_", " ").split())
    return re.sub(r"^(nvidia |amd |intel |google |geforce |tesla |instinct )+", "", text)


@lru_cache(maxsize=4096)
def other_cards(word: str) -> tuple[str, ...]:
    """Beginnings of GPUs' names that ``word``, a designation of a GPU that is not in the catalogue, also begins, longer
    by a digit: an ``h20`` is no ``h200``. Empty for any other word."""
    named = {part for gpu in gpus().values() for part in re.findall(r"[a-z0-9]+", f"{fold(gpu.name)} {gpu.slug}")}
    if word in named or not re.fullmatch(r"[a-z]{1,3}\d{1,3}", word):
        return ()
    longer = {part[: len(word) + 1] for part in named if part.startswith(word)}
    return tuple(sorted(part for part in longer if part[-1].isdigit()))


def resolve(provider: str, spelling: str, memory_gb: Decimal | None = None, product: str = "") -> Resolved | Unresolved:
    """The GPU that ``provider`` means by ``spelling``.

    The provider's product name is the strongest evidence, then the spelling together with the stated memory (GB per
    GPU), then the spelling alone. A stated memory that contradicts the card is refused, since nobody can know which of
    the two is right.
    """
    if why := _refused(fold(spelling)):
        return Unresolved("unknown-gpu", f"{spelling[:80]!r} is {why}")
    slug = (
        _by_product(provider, product)
        or _by_spelling(provider, spelling, memory_gb)
        or _by_parts(provider, spelling, memory_gb)
    )
    if slug is None:
        return Unresolved("unknown-gpu", f"no accelerator is known by the name {spelling[:80]!r}")
    size = gpus()[slug].memory_gb
    if memory_gb is not None and size and abs(memory_gb - size) > size * MEMORY_TOLERANCE:
        return Unresolved(
            "memory-contradicts", f"says {memory_gb.normalize():f} GB, but {gpus()[slug].name} has {size} GB"
        )
    return Resolved(slug)


@lru_cache(maxsize=4096)
def _refused(folded: str) -> str:
    """The known reason why this spelling is not an accelerator in the catalogue, or an empty string."""
    return next((row["reason"] for row in _refusals() if fnmatchcase(folded, row["pattern"])), "")


@cache
def _refusals() -> list[dict[str, str]]:
    return read_rows("gpu_refused.csv")


@lru_cache(maxsize=4096)
def _by_product(provider: str, product: str) -> str | None:
    patterns = _products().get(provider, []) if product else []
    return next((gpu for pattern, gpu in patterns if fnmatchcase(product, pattern)), None)


@lru_cache(maxsize=4096)
def _by_spelling(provider: str, spelling: str, memory_gb: Decimal | None) -> str | None:
    folded = fold(spelling)
    sizes = [f"{memory_gb.normalize():f}", ""] if memory_gb is not None else [""]
    for whose in (provider, ""):
        for size in sizes:
            if gpu := _aliases().get((whose, folded, size)):
                return gpu
    return folded if folded in gpus() else None


_SIZE = re.compile(r"(?<![\w.])(\d{1,3}) ?g(?:i?b)?(?![\w])")
_FORM = re.compile(r"(?<!\w)(sxm\d?|pcie|nvl)(?!\w)")
_NOISE = re.compile(r"(?<!\w)(nvlink|hbm\d\w*|gpu|tensor core|generation|gen\d|blackwell|hopper|ampere)(?!\w)")


@lru_cache(maxsize=4096)
def _by_parts(provider: str, spelling: str, memory_gb: Decimal | None) -> str | None:
    """Read a spelling part by part: family, form factor and memory in any order, with or without separators.

    Examples: ``H100-80G-PCIe-NVLink``, ``rtx4090``, ``GeForce RTX 4090 PCIe 24GB``.
    """
    text = " ".join(re.sub(r"[-_/,()]+", " ", fold(spelling)).split())
    text = text.replace("form unstated", " ")
    text = re.sub(r"\b(rtx|gtx|quadro|rtx pro)(?=[a-z]?\d)", r"\1 ", text.replace("rtxpro", "rtx pro "))
    text = re.sub(r"(?<=\d)(ada|ti|super)\b", r" \1", text)
    text = re.sub(r"^([abh]\d{3})(sxm\d?|pcie|nvl)\b", r"\1 \2", text)
    size, form = _SIZE.search(text), _FORM.search(text)
    family = " ".join(_NOISE.sub(" ", _FORM.sub(" ", _SIZE.sub(" ", text))).split())
    stated = memory_gb if memory_gb is not None else Decimal(size[1]) if size else None
    for name in (f"{family} {form[1]}" if form else "", family):
        slug = _by_spelling(provider, name, stated) if name else None
        if slug and not (form and name == family and _contradicts(slug, form[1])):
            return slug
    return None


def _contradicts(slug: str, form: str) -> bool:
    """True if the card found without its form factor is sold in a different one from the one stated."""
    known = _FORM.search(slug.replace("-", " "))
    return known is not None and known[1][:3] != form[:3]
