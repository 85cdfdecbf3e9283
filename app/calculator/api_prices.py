"""What API providers charge per token: the shipped file that ``make api-prices`` writes."""

import csv
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("api_prices.csv")
COLUMNS = ("model", "provider", "usd_per_million_input", "usd_per_million_output", "address", "source")


@cache
def api_prices() -> dict[str, list[tuple[str, float, float]]]:
    """Repository name → (provider, USD per million input tokens, USD per million output tokens), the cheapest first."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["model"], []).append(
                (row["provider"], float(row["usd_per_million_input"]), float(row["usd_per_million_output"]))
            )
    return found


@cache
def source() -> str:
    """The library, with its version, that the prices come from."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return next(csv.DictReader(file))["source"]
