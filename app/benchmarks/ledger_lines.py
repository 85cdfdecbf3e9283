"""One line of a ledger of predictions: what it says, how it is chained to the one before, and computing it again.

A line's hash is SHA-256 of the hash before, its number, its day and the SHA-256 of its content. The content holds the
software's version and a digest of its formulas, the inputs, prediction and range, what was measured, and a random
salt, so that nobody finds an emptied one by trying.
"""

import ast
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app import __version__
from app.benchmarks.measured import shipped_shapes
from app.benchmarks.predict import added, columns, predict
from app.benchmarks.rows import question
from app.estimate.constants import FITTED, fitted
from app.estimate.inputs import EstimateError

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
_PARTS = {"version": str, "constants": str, "inputs": dict, "predicted": dict, "outcome": dict}
"""What the content of a line has at least, and of which kind."""
_KEPT = ("constants", "offsets", "ranges")
_FORMULAS = ("cards", "inputs", "memory", "offsets", "prediction_range", "shape", "speed", "terms")
"""The modules of ``app/estimate`` whose code decides what is computed."""


Line = tuple[int, str, str, str, str | None]
"""Number, day, SHA-256 of the content, hash, and the content, ``None`` where it is gone."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of checking a line: ``fault`` is "" where it holds, ``empty`` where its report is gone, ``text`` what
    the line says, in words."""

    line: int
    day: str
    empty: bool
    fault: str
    text: str


def digest(text: str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def chained(before: str, line: int, day: str, content: str) -> str:
    """The hash of a line after one with the hash ``before``."""
    return digest(f"{before}{line}{day}{content}")


def constants_now() -> tuple[str, str]:
    """SHA-256 and text (JSON) of the constants, offsets and ranges that predictions are made with."""
    body = json.dumps({name: fitted()[name] for name in _KEPT}, sort_keys=True)
    return digest(body), body


def code_of(source: str) -> str:
    """What a module's ``source`` computes: its syntax tree, without comments, docstrings, line breaks and the words of
    errors. The same on every version of Python: what a later version adds to a tree is empty here, and left out."""

    def plain(node: object) -> object:
        if isinstance(node, list):
            return [plain(part) for part in node if not _is_text(part)]
        if isinstance(node, ast.Raise):
            return "Raise"
        if not isinstance(node, ast.AST):
            return repr(node)
        fields = [(name, plain(value)) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return [type(node).__name__, fields]

    return json.dumps(plain(ast.parse(source)))


def _is_text(node: object) -> bool:
    """True for a statement that is a text alone: a docstring of a module, class, function or constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def formulas_now() -> str:
    """A digest of the formulas' code. Lines written before 30 November 2026 have a digest of the modules' text in its
    place: they count as written by other formulas, and are computed again all the same."""
    sources = (FITTED.with_name(f"{name}.py").read_text(encoding="utf-8") for name in _FORMULAS)
    return digest("".join(map(code_of, sources)))


def content_of(row: Mapping[str, str]) -> str:
    """The content of a line about a measured row, as JSON, predicted with today's constants; "" where no prediction
    can be made."""
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


def without_prediction(row: Mapping[str, str]) -> str:
    """The content of a line, as JSON, about a row of which no prediction can be made: so that a published report
    without a content is always one whose content was deleted."""
    return json.dumps(
        {
            "version": __version__, "inputs": dict(row), "unpredicted": added(row)["error"] or "no time per token",
            "salt": secrets.token_hex(16),
        },
        sort_keys=True,
    )  # fmt: skip


def is_in_range(body: Mapping[str, Any]) -> bool:
    """True if the measured time per token lies within the predicted range."""
    predicted = body["predicted"]
    return float(predicted["tpot_low_ms"]) <= float(body["outcome"]["tpot_ms"]) <= float(predicted["tpot_high_ms"])


def replayed(body: Mapping[str, Any], constants: Mapping[str, str]) -> tuple[str, str]:
    """("" or what is wrong, the line in words): the prediction computed again with the constants of its day.

    ``constants`` maps a digest to the constants as JSON. A difference is a fault only where version and formulas are
    still those that wrote the line: later formulas may predict something else.
    """
    kept = constants.get(body["constants"])
    predicted = body["predicted"]
    text = (
        f"predicted {predicted['predicted_tpot_ms']} ms a token ({predicted['tpot_low_ms']} to "
        f"{predicted['tpot_high_ms']}, {predicted['rests_on']}), measured {body['outcome']['tpot_ms']}"
    )
    if kept is None or digest(kept) != body["constants"]:
        return "the constants it was made with are gone or changed", text
    try:
        again = _predicted_again(body["inputs"], json.loads(kept))
    except EstimateError as error:
        return f"its inputs can't be read any more: {error.message}", text
    except KeyError as error:
        return "", f"{text}; today's formulas need {error}, which those of version {body['version']} did not have"
    other = [name for name in PREDICTED if not _is_same(predicted[name], again[name])]
    if not other:
        return "", text
    today = f"{other[0]} {again[other[0]]}"
    if body["version"] != __version__ or body.get("formulas") != formulas_now():
        return "", (
            f"{text}; today's formulas predict {today} with the constants of that day, version {body['version']} "
            f"wrote it with other formulas"
        )
    return f"computed again it is {today}", text


def checked(lines: Iterable[Line], constants: Mapping[str, str], only: int | None = None) -> list[Checked]:
    """Walk the whole chain and compute again what the lines say, or line ``only``."""
    found, before = [], START
    for number, (line, day, content, hash_, body) in enumerate(lines, 1):
        fault = ""
        if line != number:
            fault, before = f"line {number} is missing", hash_
        elif chained(before, line, day, content) != hash_:
            fault = "its hash does not follow from the line before"
        elif body is not None and (not isinstance(body, str) or digest(body) != content):
            fault = "what it says is not what was written"
        text = "empty: the report was withdrawn, corrected or refused"
        if body is not None and not fault:
            fault, text = _read(body, constants)
        if only in (None, line):
            found.append(Checked(line, day, body is None, fault, text))
        before = hash_
    return found


_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What reading a content raises that is none."""


def _read(body: str, constants: Mapping[str, str]) -> tuple[str, str]:
    """:func:`replayed` of what is stored, whatever that is: a content that is none is wrong."""
    try:
        said = json.loads(body)
        if isinstance(said, dict) and isinstance(said.get("unpredicted"), str) and "predicted" not in said:
            return "", f"no prediction could be made: {said['unpredicted']}"
        missing = [name for name, kind in _PARTS.items() if not isinstance(said.get(name), kind)]
        return replayed(said, constants) if not missing else (f"it has no {missing[0]}", "not to be read")
    except _UNREADABLE:
        return "what it says can't be read", "not to be read"


def in_range_or_unreadable(body: str) -> bool | None:
    """:func:`is_in_range` of what is stored, None where that can't be read."""
    try:
        return is_in_range(json.loads(body))
    except _UNREADABLE:
        return None


def _predicted_again(row: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, str]:
    """What is predicted of ``row`` by the constants, offsets and ranges ``known`` then."""
    return columns(predict(question(row, shipped_shapes()), known))


def _is_same(written: str, again: str) -> bool:
    """True if two cells are the same word, or numbers that differ by no more than rounding."""
    try:
        return abs(float(written) - float(again)) <= SAME + SAME * float(again)
    except ValueError:
        return written == again
