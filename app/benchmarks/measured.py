"""The measured rows that ship with the software, and the shapes of the models they name."""

import csv
from functools import cache
from pathlib import Path

from app.estimate.shape import Shape, shape_of
from app.models.architecture.serialise import from_plain
from app.models.hub.seed import shipped_models

MEASURED = Path(__file__).with_name("measured.csv")


@cache
def measured_rows() -> tuple[dict[str, str], ...]:
    """Every shipped row, in the columns of :data:`app.benchmarks.rows.COLUMNS`."""
    with MEASURED.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def shipped_shapes() -> dict[str, Shape]:
    """Repository name in lower case → shape, of every shipped model."""
    return {entry["model"].lower(): shape_of(from_plain(entry["architecture"])) for entry in shipped_models()}
