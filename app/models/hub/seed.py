"""Loading the models that ship with the software, where none are stored yet."""

import json
from pathlib import Path
from typing import Any

from app.core.version_keys import MODELS_KEY, model_key
from app.models.architecture.naming import family_of, short_name, slug_of
from app.models.architecture.serialise import from_plain
from app.models.tables import ModelRow
from app.storage.sqlite import insert_many, transaction

SHIPPED = Path(__file__).with_name("shipped.json")
_COLUMNS = ("slug", "model", "name", "family", "based_on", "architecture", "parameters", "active_parameters", "context",
            "precision", "licence", "gated", "last_modified", "from_hub", "fault")  # fmt: skip


def shipped_models() -> list[dict[str, Any]]:
    """The shipped facts: repository, what it is based on, architecture."""
    found: list[dict[str, Any]] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return found


async def load_models() -> None:
    """Store the shipped models that are not stored yet."""
    known = {row["slug"] for row in await ModelRow.select(ModelRow.slug).run()}
    fresh = [_row(entry) for entry in shipped_models() if slug_of(entry["model"]) not in known]
    if fresh:
        async with transaction(MODELS_KEY, *(model_key(row[0]) for row in fresh)):
            await insert_many(ModelRow, _COLUMNS, fresh)


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    model, architecture = entry["model"], from_plain(entry["architecture"])
    return (slug_of(model), model, short_name(model), family_of(model), entry["based_on"],
            json.dumps(entry["architecture"], separators=(",", ":")), architecture.parameters,
            architecture.active_parameters,
            architecture.context, architecture.precision, "", "", "", False, "")  # fmt: skip
