"""The prediction for rows of a file: what ``inferencebench estimate`` does."""

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from app.benchmarks.measured import shipped_shapes
from app.benchmarks.rows import Question, question
from app.core.errors import InferenceBenchError
from app.estimate.constants import fitted
from app.estimate.inputs import EstimateError
from app.estimate.offsets import basis
from app.estimate.prediction_range import Stretch, step_range, stretch
from app.estimate.speed import Speed, estimate

ADDED = ("predicted_ttft_ms", "predicted_tpot_ms", "tpot_low_ms", "tpot_high_ms", "predicted_output_tokens_per_s",
    "limited_by", "ttft_low_ms",
         "ttft_high_ms", "rests_on", "error")  # fmt: skip
_NEEDED = ("model", "precision", "gpu", "input_tokens", "output_tokens")
_LONGEST = 100_000
EXTRA = "\0"


class FileError(InferenceBenchError):
    """A file of rows can't be read or written; the text says why."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for a set-up. ``tpot`` and ``ttft`` are the 80% ranges in seconds; ``rests_on`` is a key of
    :data:`app.estimate.offsets.RESTS_ON`."""

    speed: Speed
    rests_on: str
    tpot: tuple[float, float]
    ttft: tuple[float, float]


def ranged(
    speed: Speed, rests_on: str, by: Stretch = float, ranges: Mapping[str, Any] | None = None
) -> Prediction:  # fmt: skip
    """A speed with the ranges that go with what it rests on and with how busy the GPUs are, those of now where none
    are given; ``by`` is how an error of the steps carries to the time per token."""
    ranges = ranges or fitted()["ranges"]
    low, high = step_range(ranges, speed, rests_on, by)
    first_low, first_high = ranges["ttft"][rests_on]
    return Prediction(
        speed, rests_on, (speed.tpot * low, speed.tpot * high), (speed.ttft * first_low, speed.ttft * first_high)
    )


def predict(ask: Question, known: Mapping[str, Any] | None = None) -> Prediction:
    """The prediction for a row: physics, with the offset of its group; by the constants, offsets and ranges ``known``,
    those of now where none are given. Raises :class:`EstimateError` where the model does not fit."""
    known = known or fitted()
    rests = basis(known["offsets"], ask.family, ask.group)
    speed = estimate(ask.shape, ask.card, ask.layout, ask.traffic, known["constants"], rests.factors)
    if not speed.fits:
        raise EstimateError(
            "gpu",
            f"does not fit: {speed.weights / 1e9:.0f} GB of weights and {speed.kv_sequence / 1e9:.1f} GB of cache for "
            f"one sequence on each GPU of {ask.card.memory / 1e9:.0f} GB; use more GPUs or fewer bits",
        )
    by = stretch(ask.shape, ask.card, ask.layout, ask.traffic, known["constants"], rests.factors)
    return ranged(speed, rests.rests_on, by, known["ranges"])


def added(row: Mapping[str, str | None]) -> dict[str, str]:
    """The columns that a row gains: a prediction, or the reason why there is none. One output token has no time per
    token."""
    try:
        return columns(predict(question(row, shipped_shapes())))
    except EstimateError as error:
        return dict.fromkeys(ADDED, "") | {"error": error.message}


def columns(found: Prediction) -> dict[str, str]:
    """A prediction as the columns :data:`ADDED`."""
    speed = found.speed
    values = {"predicted_ttft_ms": speed.ttft, "ttft_low_ms": found.ttft[0], "ttft_high_ms": found.ttft[1]}
    if speed.tpot:
        values |= {"predicted_tpot_ms": speed.tpot, "tpot_low_ms": found.tpot[0], "tpot_high_ms": found.tpot[1]}
    texts = {name: f"{seconds * 1e3:.4f}" for name, seconds in values.items()}
    return (
        dict.fromkeys(ADDED, "")
        | texts
        | {
            "predicted_output_tokens_per_s": f"{speed.throughput:.3f}",
            "limited_by": speed.limited_by,
            "rests_on": found.rests_on,
        }
    )


def estimate_file(path: str, output: str | None) -> tuple[int, int]:
    """Predict every row of ``path`` to ``output`` or standard output; (rows, rows with an error).

    Raises :class:`FileError`. A file that exists is replaced only when all rows are written.
    """
    csv.field_size_limit(_LONGEST)
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as source:
            if output is None:
                return _write(source, path, sys.stdout)
            half = Path(f"{output}.part")
            try:
                with half.open("w", encoding="utf-8", newline="") as target:
                    counts = _write(source, path, target)
                half.replace(output)
            finally:
                half.unlink(missing_ok=True)
            return counts
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except csv.Error as error:
        raise FileError(f"{path} is not a CSV file: {error}") from None
    except OSError as error:
        raise FileError(f"{error.filename or path}: {(error.strerror or str(error)).lower()}") from None


def _write(source: TextIO, path: str, target: TextIO) -> tuple[int, int]:
    reader: csv.DictReader[str] = csv.DictReader(source, restkey=EXTRA, restval="")
    columns = list(reader.fieldnames or ())
    if missing := [name for name in _NEEDED if name not in columns]:
        raise FileError(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; the columns are those "
            f"of the shipped measurements"
        )
    kept = [name for name in columns if name not in ADDED]
    writer = csv.DictWriter(target, [*kept, *ADDED], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    rows = wrong = 0
    for row in reader:
        extra = row.pop(EXTRA, None)
        more = (
            dict.fromkeys(ADDED, "") | {"error": f"the row has more cells than the {len(columns)} columns"}
            if extra
            else added(row)
        )
        writer.writerow({**row, **more})
        rows, wrong = rows + 1, wrong + bool(more["error"])
    return rows, wrong
