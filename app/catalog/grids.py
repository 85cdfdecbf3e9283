"""How much CO2 a kilowatt-hour of a country's electricity stands for: ``grids.csv``. Pure."""

from functools import cache
from typing import NamedTuple

from app.catalog.facts import read_rows

PAGE = "https://ember-energy.org/data/yearly-electricity-data/"
CARRIED_BY = "https://github.com/thegreenwebfoundation/co2.js/blob/main/data/output/average-intensities.json"
"""The figures are Ember's (CC BY 4.0): emissions over the life cycle of each kind of power plant, over generation."""


class Grid(NamedTuple):
    """A country's electricity: grams of CO2 equivalent per kilowatt-hour, the mean of ``year``."""

    g_per_kwh: float
    year: int


@cache
def grids() -> dict[str, Grid]:
    """Country code in lower case → its grid, for every country in which the catalogue knows a region."""
    return {row["country"].lower(): Grid(float(row["g_per_kwh"]), int(row["year"])) for row in read_rows("grids.csv")}
