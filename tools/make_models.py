"""Make the shipped model facts: ``python -m tools.make_models FOLDER``.

FOLDER holds ``ORG--MODEL_config.json`` files as the Hub serves them. What ships is our own reading of them, never the
files. ``app/models/tracked.csv`` lists the models; one whose own configuration is not at hand names the model it was
made from, whose architecture it has.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

from app.models.architecture.naming import understood
from app.models.architecture.serialise import to_plain

MODELS = Path(__file__).resolve().parent.parent / "app" / "models"
QWEN25_TEXT = {
    "model_type": "qwen2",
    "attention_bias": True,
    "tie_word_embeddings": False,
    "max_position_embeddings": 131072,
}
BY_HAND: dict[str, dict[str, Any]] = {
    # from the configurations in the models' own repositories, as their technical report states them (arXiv:2412.15115)
    "Qwen/Qwen2.5-1.5B": {**QWEN25_TEXT, "hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12,
                          "num_key_value_heads": 2, "intermediate_size": 8960, "vocab_size": 151936},
    "Qwen/Qwen2.5-7B": {**QWEN25_TEXT, "hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
                        "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064},
    "Qwen/Qwen2.5-14B": {**QWEN25_TEXT, "hidden_size": 5120, "num_hidden_layers": 48, "num_attention_heads": 40,
                         "num_key_value_heads": 8, "intermediate_size": 13824, "vocab_size": 152064},
    "Qwen/Qwen2.5-32B": {**QWEN25_TEXT, "hidden_size": 5120, "num_hidden_layers": 64, "num_attention_heads": 40,
                         "num_key_value_heads": 8, "intermediate_size": 27648, "vocab_size": 152064},
    # what further repositories state in their configurations, with the sizes that their cards give; the tests of
    # configurations hold them against those cards
    **json.loads(Path(__file__).with_name("model_configs.json").read_text(encoding="utf-8")),
}  # fmt: skip


def configs(folder: Path) -> dict[str, dict[str, Any]]:
    """Repository → configuration, from the file names."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*_config.json")):
        found[path.name.removesuffix("_config.json").replace("--", "/", 1)] = json.loads(
            path.read_text(encoding="utf-8")
        )
    return found


def make(known: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The shipped facts of every tracked model."""
    known = {**BY_HAND, **known}
    rows = []
    with (MODELS / "tracked.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            config = dict(known[row["based_on"] or row["model"]])
            if row["context"]:
                config["max_position_embeddings"] = int(row["context"])
                config.pop("rope_scaling", None)  # of the model that it is based on
            facts = to_plain(understood(row["model"], config))
            rows.append({"model": row["model"], "based_on": row["based_on"], "architecture": facts})
    return rows


def slim(model: str, config: dict[str, Any]) -> dict[str, Any]:
    """The entries of a configuration on which its reading depends, and no others: facts for the tests."""
    whole = understood(model, config)
    kept: dict[str, Any] = json.loads(json.dumps(config))

    def prune(holder: dict[str, Any]) -> None:
        for key in list(holder):
            value = holder.pop(key)
            try:
                same = understood(model, kept) == whole
            except Exception:
                same = False
            if not same:
                holder[key] = value
                if isinstance(value, dict):
                    prune(value)

    prune(kept)
    return kept


def _write(path: Path, lines: list[str], ends: str) -> None:
    body = ",\n".join(lines)
    path.write_text(f"{ends[0]}\n{body}\n{ends[1]}\n", encoding="utf-8")


if __name__ == "__main__":
    found = configs(Path(sys.argv[1]))
    compact = {"separators": (",", ":")}
    _write(MODELS / "hub" / "shipped.json", [json.dumps(row, **compact) for row in make(found)], "[]")  # type: ignore[arg-type]
    slimmed = {model: slim(model, config) for model, config in found.items() if model not in BY_HAND}
    rows = [f"{json.dumps(model)}:{json.dumps(config, **compact)}" for model, config in slimmed.items()]  # type: ignore[arg-type]
    _write(MODELS.parent.parent / "tests" / "models" / "configs.json", rows, "{}")
