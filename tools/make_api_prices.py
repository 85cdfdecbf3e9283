"""Write the prices of token APIs for the tracked models, from `genai-prices`: ``make api-prices``.

Prices by volume or time of day, free and batch offers are left out: only plain prices per token are kept.
"""

import csv
import re
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices import data

from app.calculator.api_prices import COLUMNS, FILE
from app.models.hub.seed import shipped_models

KEPT = 4
_SUFFIX = re.compile(r"(-(fp8|nvfp4|bf16|hf|2507|maas))+$")


def plain_name(name: str) -> str:
    """A model's name as providers agree on it: ``meta-llama/Meta-Llama-3.1-8B-Instruct`` →
    ``llama-3.1-8b-instruct``."""
    last = name.lower().rsplit("/", maxsplit=1)[-1].replace("_", "-").removeprefix("meta-")
    return _SUFFIX.sub("", last)


def usd(price: Any, name: str) -> float | None:
    """USD per million tokens; ``None`` unless it is one plain number above 0."""
    value = getattr(price, name, None)
    return float(value) if isinstance(value, int | float | Decimal) and value > 0 else None


def offers() -> dict[str, list[tuple[float, float, str, str]]]:
    """Plain name → (input, output, provider, address), the cheapest first."""
    found: dict[str, dict[str, tuple[float, float, str, str]]] = {}
    for provider in data.providers:
        for model in provider.models:
            if ":" in model.id:
                continue
            price = model.prices[-1].prices if isinstance(model.prices, list) else model.prices
            prompt, answer = usd(price, "input_mtok"), usd(price, "output_mtok")
            if prompt and answer:
                row = (prompt, answer, provider.name, (provider.pricing_urls or [""])[0])
                found.setdefault(plain_name(model.id), {})[provider.name] = row
    return {name: sorted(rows.values(), key=lambda row: (row[0] + row[1], row[2])) for name, rows in found.items()}


def main() -> None:
    known = offers()
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for entry in shipped_models():
            for prompt, answer, provider, address in known.get(plain_name(entry["model"]), [])[:KEPT]:
                writer.writerow(
                    (entry["model"], provider, prompt, answer, address, f"genai-prices {version('genai-prices')}")
                )


if __name__ == "__main__":
    main()
