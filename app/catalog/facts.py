"""The catalogue's CSV files, which are in this folder, as records."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from app.core.errors import CatalogueError

FOLDER = Path(__file__).parent


def read_rows(name: str) -> list[dict[str, str]]:
    """The rows of the catalogue file ``name``, as dictionaries of strings."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


_BEFORE_FP8 = {"Kepler", "Maxwell", "Pascal", "Volta", "Turing", "Ampere", "CDNA", "CDNA 2", "Vega", "RDNA", "RDNA 2",
               "RDNA 3", "Gaudi"}  # fmt: skip
_WITHOUT_UNITS = {
    "fp8_tflops": _BEFORE_FP8,
    "fp4_tflops": _BEFORE_FP8 | {"Ada Lovelace", "Hopper", "CDNA 3", "Gaudi 2", "Gaudi 3"},
}
"""Figure → the architectures without matrix units for that format, according to their makers' white papers."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """An accelerator. Figures are dense (no sparsity) and for one GPU; ``None`` is "not known".

    ``memory_gb`` is in decimal GB; ``bandwidth_gb_s`` is that of the memory; ``fp16_tflops`` is FP16/BF16 tensor
    throughput with FP32 accumulation, and ``fp8_tflops``, ``int8_tops`` and ``fp4_tflops`` likewise; ``tdp_w`` is in
    watts; ``interconnect_gb_s`` is GB/s per direction; ``variant_note`` is set if the spelling leaves the variant open.
    """

    slug: str
    name: str
    vendor: str
    architecture: str
    segment: str
    memory_gb: int | None
    memory_type: str
    bandwidth_gb_s: Decimal | None
    fp16_tflops: Decimal | None
    fp8_tflops: Decimal | None
    int8_tops: Decimal | None
    fp4_tflops: Decimal | None
    tdp_w: int | None
    interconnect: str
    interconnect_gb_s: Decimal | None
    form_factor: str
    year: int | None
    variant_note: str
    source: str

    def has_none(self, figure: str) -> bool:
        """True if the card has no units for that figure's format, which is different from "not known"."""
        return getattr(self, figure) is None and self.architecture in _WITHOUT_UNITS.get(figure, ())

    @property
    def is_open_variant(self) -> bool:
        """True if the source of an offer does not say which variant it is."""
        return bool(self.variant_note) and "modified" not in self.variant_note


@dataclass(frozen=True, slots=True)
class Provider:
    """A company that rents out GPUs. Its prices count as current for ``freshness_hours``.

    ``country`` is its place of business (ISO 3166, lower case). ``data_centres`` are where it says its machines are:
    countries, continents, or ``any`` for a marketplace of machines anywhere; empty is "not published".
    """

    slug: str
    name: str
    kind: str
    site: str
    pricing_page: str
    freshness_hours: int
    price_includes: str
    price_excludes: str
    spellings: tuple[str, ...]
    country: str
    data_centres: tuple[str, ...]

    def may_be_in(self, place: str) -> bool:
        """True if a machine whose location is not stated may be in ``place``, a country code or a continent."""
        stated = self.data_centres or ((self.country,) if self.country else ("any",))
        if "any" in stated or place in stated:
            return True
        if place in CONTINENTS:
            return any(countries()[where].continent == place for where in stated if where in countries())
        return place in countries() and countries()[place].continent in stated


@dataclass(frozen=True, slots=True)
class Place:
    """Where an offer runs: the provider's own region name and, if known, its country and continent."""

    region: str
    country: str
    continent: str


def _whole(text: str) -> int | None:
    return int(text) if text else None


def _number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


@cache
def gpus() -> dict[str, Gpu]:
    """Slug → accelerator, in the file's order (newest and largest first)."""
    found: dict[str, Gpu] = {}
    for row in read_rows("gpus.csv"):
        if row["slug"] in found:
            raise CatalogueError(f"gpus.csv holds {row['slug']} twice; remove one line")
        numbers = {k: _number(row[k]) for k in ("bandwidth_gb_s", "fp16_tflops", "fp8_tflops", "int8_tops",
                                                "fp4_tflops", "interconnect_gb_s")}  # fmt: skip
        whole = {k: _whole(row[k]) for k in ("memory_gb", "tdp_w", "year")}
        found[row["slug"]] = Gpu(**{**row, **numbers, **whole})  # type: ignore[arg-type]
    return found


@cache
def providers() -> dict[str, Provider]:
    """Slug → provider, ordered by slug."""
    return {
        row["slug"]: Provider(
            **{  # type: ignore[arg-type]
                **row,
                "freshness_hours": int(row["freshness_hours"]),
                "spellings": tuple(row["spellings"].split("|")),
                "country": row["country"].lower(),
                "data_centres": tuple(row["data_centres"].lower().split("|")) if row["data_centres"] else (),
            }
        )
        for row in sorted(read_rows("providers.csv"), key=lambda row: row["slug"])
    }


@cache
def provider_spellings() -> dict[str, str]:
    """Spelling in lower case, or slug → provider slug."""
    found = {slug: slug for slug in providers()}
    for provider in providers().values():
        found.update({spelling.casefold(): provider.slug for spelling in provider.spellings})
    return found


class Country(NamedTuple):
    """A country: its English name and the slug of its continent."""

    name: str
    continent: str


@cache
def countries() -> dict[str, Country]:
    """ISO 3166 code in lower case → country."""
    return {row["code"].lower(): Country(row["name"], row["continent"]) for row in read_rows("countries.csv")}


@cache
def place_spellings() -> dict[str, str]:
    """Another name of a country or continent, or a city with data centres, in lower case → country code or
    continent."""
    return {row["spelling"]: row["place"] for row in read_rows("places.csv")}


CONTINENTS = {
    "africa": "Africa",
    "asia": "Asia",
    "europe": "Europe",
    "north-america": "North America",
    "oceania": "Oceania",
    "south-america": "South America",
}
"""Continent slug → name."""


@cache
def _country_names() -> dict[str, str]:
    return {country.name.casefold(): code for code, country in countries().items()}


@cache
def _regions() -> dict[tuple[str, str], str]:
    return {(row["provider"], row["region"].casefold()): row["country"].lower() for row in read_rows("regions.csv")}


@cache
def region_names() -> frozenset[str]:
    """The regions of all providers that the catalogue can place, as providers write them."""
    return frozenset(row["region"] for row in read_rows("regions.csv"))


@lru_cache(maxsize=4096)
def place(provider: str, region: str) -> Place:
    """The place that ``provider`` calls ``region``. An unknown region keeps its name and has no country."""
    name = region.strip()
    if name.casefold() in ("global", "worldwide", "any"):
        return Place("global", "", "")
    country = _regions().get((provider, name.casefold())) or _regions().get(("", name.casefold()), "")
    if not country:
        last = name.rsplit(",", 1)[-1].strip().casefold()  # "Austin, Texas, United States" ends with its country
        country = _country_names().get(last, "") if last != name.casefold() else ""
    if not country:
        country = name.casefold() if name.casefold() in countries() else _country_names().get(name.casefold(), "")
    return Place(name, country, countries()[country].continent if country else "")
