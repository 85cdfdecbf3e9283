"""Evaluation results as a repository states them: the newer result files, and the older ``model-index`` of a model
card. Pure.

Text from the Hub is untrusted: it is bounded, kept to one line, and shown escaped.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.plain_text import one_line

MOST = 300
"""The most results kept of one model."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One result. ``setup`` separates different ways of running a benchmark; ``value`` is in the benchmark's own
    unit."""

    benchmark: str
    task: str
    setup: str
    value: float
    day: str = ""
    source_name: str = ""
    source_url: str = ""
    verified: bool = False


def clean(text: Any, limit: int) -> str:
    """One printable line of at most ``limit`` characters."""
    if not isinstance(text, str | int | float):
        return ""
    return one_line(text, limit)


def number(value: Any) -> float | None:
    """A finite number from a number or its text."""
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def _link(url: Any) -> str:
    return (
        url[:300]
        if isinstance(url, str) and url.startswith("https://") and url.isprintable() and " " not in url
        else ""
    )


def from_entries(entries: Iterable[Any]) -> Iterator[Evaluation]:
    """Results from ``.eval_results`` files, as the Hub's client returns them."""
    for entry in entries:
        value = number(entry.value)
        if value is None:
            continue
        source = entry.source_name or entry.source_org or entry.source_user or ""
        yield Evaluation(
            clean(entry.dataset_id, 120), clean(entry.task_id, 120), clean(entry.notes or "", 120), value,
            clean(entry.date or "", 10), clean(source, 120), _link(entry.source_url), bool(entry.verify_token),
        )  # fmt: skip


def from_index(index: Any) -> Iterator[Evaluation]:
    """Results from a card's ``model-index``; each metric is a task of its own."""
    for model in index if isinstance(index, list) else ():
        for result in _list(model, "results"):
            dataset, source = _map(result, "dataset"), _map(result, "source")
            parts = [str(dataset[key]) for key in ("config", "split") if dataset.get(key)]
            for metric in _list(result, "metrics"):
                value = number(metric.get("value")) if isinstance(metric, Mapping) else None
                if value is None:
                    continue
                arguments = _map(dataset, "args")
                shots = [f"{key} {item}" for key, item in arguments.items() if isinstance(item, str | int | float)]
                yield Evaluation(
                    clean(dataset.get("name") or dataset.get("type") or "not named", 120),
                    clean(metric.get("name") or metric.get("type") or "score", 120),
                    clean(", ".join([*parts, *shots]), 120),
                    value, "", clean(source.get("name") or "", 120), _link(source.get("url")),
                    bool(metric.get("verified")),
                )  # fmt: skip


def _list(holder: Any, key: str) -> list[Any]:
    found = holder.get(key) if isinstance(holder, Mapping) else None
    return found if isinstance(found, list) else []


def _map(holder: Any, key: str) -> Mapping[str, Any]:
    found = holder.get(key) if isinstance(holder, Mapping) else None
    return found if isinstance(found, Mapping) else {}
