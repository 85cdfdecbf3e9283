"""The nearest tracked relative of a model that is not tracked, judged by names alone. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from app.models.architecture.naming import base_name, family_of, short_name

_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_ACTIVE = re.compile(r"(?<![\w.])a(\d+(?:\.\d+)?)b(?![a-z0-9])")
_GENERATION = re.compile(r"^[a-z]+-?v?(\d+(?:\.\d+)?)(?!\d*(?:\.\d+)?[bm](?![a-z]))")
OTHER_KIND, OTHER_TASK, OTHER_GENERATION, SAME_SIZE = 1.0, 0.5, 0.3, 0.25
"""What is added to the distance (in logarithms of sizes) for a mixture compared with a dense model, another task, and
each generation apart; and the logarithm below which two sizes count as the same."""


@dataclass(frozen=True, slots=True)
class Relative:
    """A tracked model close to one that is not tracked, and how its architecture compares, in words."""

    row: Mapping[str, Any]
    how: str


def named_alike(asked: str, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one tracked model that has the name ``asked`` (a slug or a repository's name, in any case) without its
    owner; ``None`` if there is none, or if several owners have one."""
    name = asked.casefold().rsplit("--", maxsplit=1)[-1].rsplit("/", maxsplit=1)[-1]
    found = [row for row in rows if short_name(row["model"]).casefold() == name]
    return found[0] if len(found) == 1 else None


def nearest_relative(asked: str, rows: Sequence[Mapping[str, Any]]) -> Relative | None:
    """The tracked model nearest to ``asked`` (a repository, a slug or words): a variant with the same architecture, or
    one of the same family with the nearest size and generation; ``None`` if no family matches."""
    words = asked.casefold().replace("--", "/").split()
    name = "-".join(words)
    named = re.sub(r"(?<=\d)-(?=b\b)", "", short_name(name))
    base = base_name(named)
    # an owner may precede the name
    bases = [base] + [base_name("-".join(words[first:])) for first in range(1, len(words))]
    same = next((kept for b in bases if (kept := [row for row in rows if base_name(row["model"]) == b])), [])
    if same:
        exact = named_alike(name, same)
        return Relative(exact or min(same, key=lambda row: (len(row["model"]), row["model"])), "the same architecture")
    family = family_of(named)
    stem = _stem(named)
    kin = [
        row for row in rows if row["family"] == family or (stem and _stem(short_name(row["model"]).casefold()) == stem)
    ]
    if not kin:
        return None
    size, generation, mixture = _number(_SIZE, named), _number(_GENERATION, named), bool(_ACTIVE.search(named))

    def distance(row: Mapping[str, Any]) -> tuple[float, int, str]:
        other = short_name(row["model"]).casefold().removeprefix("meta-")
        billions = row["parameters"] / 1e9 if row["parameters"] else None
        far = abs(log(size / billions)) if size and billions else 0.0 if not size else 5.0
        theirs = _number(_GENERATION, other)
        apart = abs(generation - theirs) if generation and theirs else 1.0 if generation else 0.0
        kind = OTHER_KIND * (mixture != _is_mixture(row)) + OTHER_TASK * (_tasks(named) != _tasks(other))
        return (max(far - SAME_SIZE, 0.0) + OTHER_GENERATION * apart + kind, len(other), row["model"])

    best = min(kin, key=distance)
    billions = best["parameters"] / 1e9 if best["parameters"] else None
    alike = size and billions and abs(log(size / billions)) <= SAME_SIZE
    return Relative(
        best, f"the {best['family']} family, {'about the same size' if alike else 'another size or generation'}"
    )


def _stem(name: str) -> str:
    """The letters that a name begins with, if there are at least three; a shorter word says nothing."""
    found = re.match(r"[a-z]{3,}", name)
    return found[0] if found else ""


def _tasks(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"(?<![a-z])(?:vl|coder|code|math|embedding|omni|audio)(?![a-z])", name))


def _number(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    return float(found[1]) or None if found else None


def _is_mixture(row: Mapping[str, Any]) -> bool:
    return bool(row["active_parameters"]) and row["active_parameters"] < 0.8 * row["parameters"]
