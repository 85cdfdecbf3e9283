"""Loading the models that ship with the software, if they are not stored yet."""

import json
from pathlib import Path
from typing import Any

from app.core.version_keys import MODELS_KEY, model_key
from app.models import store
from app.models.architecture.naming import family_of, short_name, slug_of
from app.models.architecture.serialise import from_plain
from app.storage import scopes
from app.storage.engine import transaction

SHIPPED = Path(__file__).with_name("shipped.json")


def shipped_models() -> list[dict[str, Any]]:
    """The shipped facts: repository, base model, architecture."""
    found: list[dict[str, Any]] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return found


async def load_models() -> None:
    """Store the shipped models that are not stored yet."""
    known = await store.slugs()
    fresh = [_row(entry) for entry in shipped_models() if slug_of(entry["model"]) not in known]
    if fresh:
        async with transaction(MODELS_KEY, *(model_key(row["slug"]) for row in fresh), scope=scopes.PRICES):
            await store.insert_models(fresh)


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    model, architecture = entry["model"], from_plain(entry["architecture"])
    return {
        "slug": slug_of(model), "model": model, "name": short_name(model), "family": family_of(model),
        "based_on": entry["based_on"], "architecture": json.dumps(entry["architecture"], separators=(",", ":")),
        "parameters": architecture.parameters, "active_parameters": architecture.active_parameters,
        "context": architecture.context, "precision": architecture.precision, "licence": "", "gated": "",
        "last_modified": "", "from_hub": False, "fault": "",
    }  # fmt: skip
