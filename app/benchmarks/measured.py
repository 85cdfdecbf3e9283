"""The measured rows that ship with the software, and the shapes of the models they name."""

import csv
from functools import cache
from pathlib import Path

from app.estimate.shape import Shape, shape_of
from app.models.architecture.serialise import from_plain
from app.models.hub.seed import shipped_models

MEASURED = Path(__file__).with_name("measured.csv")


THROUGHPUT = Path(__file__).with_name("throughput.csv")


def _read(path: Path) -> tuple[dict[str, str], ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def every_row() -> tuple[dict[str, str], ...]:
    """Every shipped row, in the columns of :data:`app.benchmarks.rows.COLUMNS`: those with a doubt and those of
    throughput too."""
    return (*_read(MEASURED), *_read(THROUGHPUT))


@cache
def measured_rows() -> tuple[dict[str, str], ...]:
    """The shipped rows that state a time per token, without those with a doubt."""
    return tuple(row for row in every_row() if row["tpot_ms"] and not row["doubt"])


@cache
def shipped_shapes() -> dict[str, Shape]:
    """Repository name in lower case → shape, of every shipped model."""
    return {entry["model"].lower(): shape_of(from_plain(entry["architecture"])) for entry in shipped_models()}
