"""One line of a ledger of predictions: what it says, how it is chained to the one before, and computing it again.

A line's hash is SHA-256 of the hash before, its number, its day and the SHA-256 of its content. The content holds the
software's version and a digest of its formulas, the inputs, prediction and range, what was measured, and a random
salt, so that nobody finds an emptied one by trying.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app import __version__
from app.benchmarks.measured import shipped_shapes
from app.benchmarks.predict import added
from app.benchmarks.rows import question
from app.estimate.constants import FITTED, fitted
from app.estimate.inputs import EstimateError
from app.estimate.offsets import basis
from app.estimate.speed import estimate

START = "0" * 64
"""What the first line is chained to."""
SAME = 1e-4
"""How closely a replay has to come to what was written: times are written with four decimals of a millisecond."""
PREDICTED = (
    "predicted_tpot_ms",
    "tpot_low_ms",
    "tpot_high_ms",
    "predicted_ttft_ms",
    "ttft_low_ms",
    "ttft_high_ms",
    "rests_on",
)
_KEPT = ("constants", "offsets", "ranges")
_FORMULAS = ("cards", "inputs", "memory", "offsets", "shape", "speed", "terms")
"""The modules of ``app/estimate`` whose text decides what is computed."""


Line = tuple[int, str, str, str, str | None]
"""Number, day, SHA-256 of the content, hash, and the content, ``None`` where it is gone."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of checking a line: ``fault`` is "" where it holds, ``empty`` where its report is gone."""

    line: int
    day: str
    empty: bool
    fault: str
    told: str


def digest(text: str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def chained(before: str, line: int, day: str, content: str) -> str:
    """The hash of a line after one with the hash ``before``."""
    return digest(f"{before}{line}{day}{content}")


def constants_now() -> tuple[str, str]:
    """The digest and the text of everything that predictions are made with."""
    body = json.dumps({name: fitted()[name] for name in _KEPT}, sort_keys=True)
    return digest(body), body


@cache
def formulas_now() -> str:
    """A digest of the text of the formulas."""
    texts = (FITTED.with_name(f"{name}.py").read_text(encoding="utf-8") for name in _FORMULAS)
    return digest("".join(texts))


def content_of(row: Mapping[str, str]) -> str:
    """What a line says of a measured row, by the constants of now; "" where nothing can be predicted of it."""
    guess = added(row)
    if guess["error"] or not guess["predicted_tpot_ms"] or not row["tpot_ms"]:
        return ""
    return json.dumps(
        {
            "version": __version__, "formulas": formulas_now(), "constants": constants_now()[0], "inputs": dict(row),
            "predicted": {name: guess[name] for name in PREDICTED},
            "outcome": {"tpot_ms": row["tpot_ms"], "ttft_ms": row["ttft_ms"]}, "salt": secrets.token_hex(16),
        },
        sort_keys=True,
    )  # fmt: skip


def held(body: Mapping[str, Any]) -> bool:
    """True if the measured time per token lies within the range of what was predicted."""
    told = body["predicted"]
    return float(told["tpot_low_ms"]) <= float(body["outcome"]["tpot_ms"]) <= float(told["tpot_high_ms"])


def replayed(body: Mapping[str, Any], constants: Mapping[str, str]) -> tuple[str, str]:
    """("" or what is wrong, the line in words): the prediction computed again with the ``constants`` of its day, by
    digest."""
    kept = constants.get(body["constants"])
    told = body["predicted"]
    words = (
        f"predicted {told['predicted_tpot_ms']} ms a token ({told['tpot_low_ms']} to {told['tpot_high_ms']}, "
        f"{told['rests_on']}), measured {body['outcome']['tpot_ms']}"
    )
    if kept is None or digest(kept) != body["constants"]:
        return "the constants it was made with are gone or changed", words
    try:
        again = _again(body["inputs"], json.loads(kept))
    except EstimateError as error:
        return f"its inputs can't be read any more: {error.message}", words
    except KeyError as error:
        return "", f"{words}; the formulas of now need {error}, which those of version {body['version']} did not have"
    if abs(again - float(told["predicted_tpot_ms"])) <= SAME + SAME * again:
        return "", words
    if body["version"] != __version__ or body.get("formulas") != formulas_now():
        return "", (
            f"{words}; the formulas of now predict {again:.4f} with the constants of then, version {body['version']} "
            f"wrote it with others"
        )
    return f"computed again it is {again:.4f} ms", words


def checked(lines: Iterable[Line], constants: Mapping[str, str], only: int | None = None) -> list[Checked]:
    """Walk the whole chain and compute again what the lines say, or line ``only``."""
    found, before = [], START
    for number, (line, day, content, hash_, body) in enumerate(lines, 1):
        fault = ""
        if line != number:
            fault, before = f"line {number} is missing", hash_
        elif chained(before, line, day, content) != hash_:
            fault = "its hash does not follow from the line before"
        elif body is not None and digest(body) != content:
            fault = "what it says is not what was written"
        told = "empty: the report was withdrawn, corrected or refused"
        if body is not None and not fault:
            fault, told = replayed(json.loads(body), constants)
        if only in (None, line):
            found.append(Checked(line, day, body is None, fault, told))
        before = hash_
    return found


def _again(row: Mapping[str, str], known: Mapping[str, Any]) -> float:
    """Milliseconds a token of ``row`` by the constants and offsets ``known`` then."""
    ask = question(row, shipped_shapes())
    rests = basis(known["offsets"], ask.family, ask.group)
    return estimate(ask.shape, ask.card, ask.layout, ask.traffic, known["constants"], rests.factors).tpot * 1e3
