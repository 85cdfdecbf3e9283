"""Questions to the stored models. Rows come back as values; no HTML and no HTTP here."""

import json
from typing import Any

from app.models.architecture.architecture import Architecture
from app.models.architecture.check import mismatch
from app.models.architecture.serialise import from_plain
from app.models.tables import EvaluationRow, ModelRow, SpeedRow
from app.storage.sqlite import fetch

Row = dict[str, Any]
ScoreKey = tuple[str, str, str]
"""(benchmark, task, setup): what may be compared with each other."""


async def every_model() -> list[Row]:
    """Every tracked model."""
    return list(await ModelRow.select().order_by(ModelRow.name).run())


async def one_model(slug: str) -> Row | None:
    """The model of that slug."""
    found = await ModelRow.select().where(ModelRow.slug == slug).run()
    return found[0] if found else None


def architecture_of(row: Row) -> Architecture | None:
    """A row's architecture, if its configuration could be read and agrees with its weight files."""
    found = from_plain(json.loads(row["architecture"])) if row["architecture"] else None
    return None if found is None or mismatch(found, row.get("file_parameters")) else found


def doubt_of(row: Row) -> str:
    """Why a model whose configuration was read is not estimated, ``""`` if nothing speaks against it."""
    return (
        mismatch(from_plain(json.loads(row["architecture"])), row.get("file_parameters")) if row["architecture"] else ""
    )


async def evaluations_of(slug: str) -> list[Row]:
    """The evaluation results of a model, by benchmark, task and setup."""
    asked = EvaluationRow.select().where(EvaluationRow.slug == slug)
    return list(
        await asked.order_by(EvaluationRow.benchmark, EvaluationRow.task, EvaluationRow.setup, EvaluationRow.id).run()
    )


async def speeds_of(slug: str, limit: int = 50) -> list[Row]:
    """Measured runs of a model."""
    return list(
        await SpeedRow.select().where(SpeedRow.slug == slug).order_by(SpeedRow.gpu, SpeedRow.id).limit(limit).run()
    )


async def score_keys(least: int = 1) -> list[tuple[ScoreKey, int]]:
    """What models were scored by, with how many models, the most common first."""
    rows = await fetch(
        "SELECT benchmark, task, setup, count(DISTINCT slug) AS n FROM evaluation GROUP BY 1, 2, 3 HAVING n >= ?"
        " ORDER BY n DESC, 1, 2, 3 LIMIT 200", least,
    )  # fmt: skip
    return [((row[0], row[1], row[2]), row[3]) for row in rows]


async def scores(key: ScoreKey) -> dict[str, float]:
    """Slug → the model's newest score under ``key``."""
    rows = await fetch(
        "SELECT slug, value FROM evaluation WHERE benchmark = ? AND task = ? AND setup = ? ORDER BY day, id", *key
    )
    return {row[0]: row[1] for row in rows}
