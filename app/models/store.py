"""Reading and writing the stored models. Rows are returned as values; no HTML and no HTTP here."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from app.models.architecture.architecture import Architecture
from app.models.architecture.check import mismatch
from app.models.architecture.serialise import from_plain
from app.models.measured_speed import MeasuredSpeed
from app.models.tables import EvaluationRow, ModelRow, SpeedRow
from app.storage.engine import fetch, fetch_pairs, insert_many

Row = dict[str, Any]
ScoreKey = tuple[str, str, str]
"""(benchmark, task, setup): scores with the same key may be compared."""


class Scored(NamedTuple):
    """How many models have a score for a benchmark, task and setup."""

    benchmark: str
    task: str
    setup: str
    models: int


class Evaluation(NamedTuple):
    """One evaluation result as a model's repository states it."""

    benchmark: str
    task: str
    setup: str
    value: float
    day: str
    source_name: str
    source_url: str
    verified: bool


async def every_model() -> list[Row]:
    """Every tracked model."""
    return list(await ModelRow.select().order_by(ModelRow.name).run())


async def one_model(slug: str) -> Row | None:
    """The model of that slug."""
    found = await ModelRow.select().where(ModelRow.slug == slug).run()
    return found[0] if found else None


def architecture_of(row: Row) -> Architecture | None:
    """A row's architecture, if its configuration could be read and agrees with its weight files."""
    found = _kept(row)
    return None if found is None or mismatch(found, row.get("file_parameters")) else found


def doubt_of(row: Row) -> str:
    """Why a model whose configuration was read is not estimated, ``""`` if nothing speaks against it."""
    found = _kept(row)
    return mismatch(found, row.get("file_parameters")) if found else ""


def _kept(row: Row) -> Architecture | None:
    """The architecture as it was kept; None for one that this version can't read, until the next refresh."""
    try:
        return from_plain(json.loads(row["architecture"])) if row["architecture"] else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


async def evaluations_of(slug: str) -> list[Row]:
    """The evaluation results of a model, ordered by benchmark, task and setup."""
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
    """(key, number of models that have such a score), the most common first."""
    found = await fetch(
        Scored,
        "SELECT benchmark, task, setup, count(DISTINCT slug) AS models FROM evaluation GROUP BY 1, 2, 3 "
        "HAVING count(DISTINCT slug) >= {} ORDER BY models DESC, 1, 2, 3 LIMIT 200",
        least,
    )
    return [((row.benchmark, row.task, row.setup), row.models) for row in found]


async def scores(key: ScoreKey) -> dict[str, float]:
    """Slug → the model's newest score under ``key``."""
    return await fetch_pairs(
        "SELECT slug, value FROM evaluation WHERE benchmark = {} AND task = {} AND setup = {} ORDER BY day, id", *key
    )


async def tracked() -> list[str]:
    """The repository of every tracked model, ordered by slug."""
    return [row["model"] for row in await ModelRow.select(ModelRow.model).order_by(ModelRow.slug).run()]


async def slugs() -> set[str]:
    """The slugs of every tracked model."""
    return {row["slug"] for row in await ModelRow.select(ModelRow.slug).run()}


async def insert_models(rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert models; each row has the columns of the first."""
    found = list(rows)
    names = tuple(found[0]) if found else ()
    await insert_many(ModelRow, names, (tuple(row[name] for name in names) for row in found))


async def update_model(slug: str, values: dict[Any, Any]) -> None:
    """Set columns of a model."""
    await ModelRow.update(values).where(ModelRow.slug == slug).run()


async def stated_evaluations(slug: str) -> list[Evaluation]:
    """The evaluation results of a model in the order in which they were stated."""
    found = await fetch(
        Evaluation, f"SELECT {', '.join(Evaluation._fields)} FROM evaluation WHERE slug = {{}} ORDER BY id", slug  # noqa: S608
    )  # fmt: skip
    return [row._replace(verified=bool(row.verified)) for row in found]


async def replace_evaluations(slug: str, results: Iterable[Evaluation]) -> None:
    """Replace the stored evaluation results of a model."""
    await EvaluationRow.delete().where(EvaluationRow.slug == slug).run()
    await insert_many(EvaluationRow, ("slug", *Evaluation._fields), ((slug, *row) for row in results))


async def measured_speeds() -> list[MeasuredSpeed]:
    """Every measured run in the order in which it was read."""
    return await fetch(MeasuredSpeed, f"SELECT {', '.join(MeasuredSpeed._fields)} FROM measured_speed ORDER BY id")  # noqa: S608


async def replace_speeds(rows: Iterable[MeasuredSpeed]) -> None:
    """Replace all stored measured runs."""
    await SpeedRow.delete(force=True).run()
    await insert_many(SpeedRow, MeasuredSpeed._fields, rows)
