"""The contents of a file before its tool is known: rows of JSON, CSV or a Markdown table, or plain text.

Pure.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MOST_BYTES = 900_000
MOST_ROWS, MOST_COLUMNS = 5_000, 300
Row = Mapping[str, Any]


class FileError(ValueError):
    """The file can't be read as a benchmark's result; the message says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """One benchmark run: ``label`` distinguishes it from others in the file, ``values`` are the form's fields,
    ``notes`` are remarks for the sender."""

    label: str
    values: dict[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A file: its text, and its rows, none if it is plain text."""

    text: str
    rows: list[Row] = field(default_factory=list)


def document(data: bytes) -> Document:
    """Read bytes as rows.

    Raises :class:`FileError` if it is too large, no text, or neither JSON, a table nor console output.
    """
    if len(data) > MOST_BYTES:
        raise FileError(
            f"It is larger than {MOST_BYTES // 1000:,} kB; remove the single requests (input_lens, ttfts, itls) or "
            f"paste the summary."
        )
    text = _decoded(data)
    if not text:
        raise FileError("It is empty.")
    begin = re.search(r"^[ \t]*[\[{]", text, re.MULTILINE)  # text that a program prints before its JSON is skipped
    if begin:
        if rows := _json_rows(text[begin.start() :].strip()):
            return Document(text, _bounded(rows))
        if begin.start() == 0:
            raise FileError("It is neither whole JSON nor JSON Lines; perhaps it was cut off.")
    return Document(text, _bounded(list(_table_rows(text))))


def _decoded(data: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if data.startswith(mark):
            try:
                return data.decode(encoding).strip().lstrip("\ufeff")
            except UnicodeDecodeError:
                break
    raise FileError("It is not UTF-8 or UTF-16 text; expected is a JSON, CSV or text file of a benchmark tool.")


def _json_rows(text: str) -> list[Row]:
    """The objects of a JSON array, of one object, or of JSON Lines; text after them is skipped."""
    found: list[Row] = []
    reader, at = json.JSONDecoder(), 0
    while at < len(text) and len(found) <= MOST_ROWS:
        try:
            value, end = reader.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, dict):
                return []
            found.append(one)
        at = end
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    rest = text[at:].lstrip()
    cut_off = rest[:1] in ("{", "[") and len(found) <= MOST_ROWS  # a last object that is not whole
    return [] if cut_off else found


def _table_rows(text: str) -> Iterator[Row]:
    """The rows of a CSV with a heading, or of a Markdown table; none if the text is neither."""
    lines = text.splitlines()
    if any(line.startswith("|") for line in lines[:50]):
        cells = [
            [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if line.startswith("|")
        ]
        heading, body = (
            cells[0][:MOST_COLUMNS],
            [row for row in cells[1:] if not all(re.fullmatch(r":?-+:?", cell) for cell in row)],
        )
        yield from (dict(zip(heading, row, strict=False)) for row in body[: MOST_ROWS + 1])
        return
    mark = max(",;\t", key=lines[0].count)
    if lines[0].count(mark) < 3:
        return
    if lines[0].count(mark) >= MOST_COLUMNS:
        raise FileError(f"It has more than {MOST_COLUMNS:,} columns; no benchmark tool writes so many.")
    csv.field_size_limit(MOST_BYTES)
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text), delimiter=mark)):
            if number > MOST_ROWS:
                break
            yield {str(name): value for name, value in row.items() if isinstance(value, str)}
    except csv.Error as error:
        raise FileError(f"It is no CSV that can be read: {error}.") from None


def _bounded(rows: list[Row]) -> list[Row]:
    if len(rows) > MOST_ROWS:
        raise FileError(f"It has more than {MOST_ROWS:,} rows; send the summary of one benchmark.")
    return rows


def number(value: Any, least: float = 1e-6) -> float:
    """A measured figure; 0 if it is not a number, not finite, not positive, or larger than can be measured."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return 0.0
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) and least <= found < 1e12 else 0.0


def plain(value: float) -> str:
    """A figure as the form takes it, at most four places; ``""`` for 0."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if value >= 1e-4 else ""


def whole(value: Any) -> str:
    """A count, ``""`` where it is none."""
    found = number(value, 1)
    return str(round(found)) if found and abs(found - round(found)) < 1e-6 else ""


def average(total: Any, count: Any) -> str:
    """A measured length: a total divided by the completed requests, rounded; ``""`` if either is missing."""
    many, all_of_them = number(count, 1), number(total, 1)
    return str(round(all_of_them / many)) if many and all_of_them >= many else ""


def text_of(value: Any, most: int = 200) -> str:
    """A short text, ``""`` for anything else. Lone surrogates, which JSON may contain, are removed."""
    return value.strip()[:most].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def inside(row: Any, *path: str) -> Any:
    """The value at a path of keys, looking inside lists of one element; None if the path does not exist."""
    for name in path:
        if isinstance(row, list) and len(row) == 1:
            row = row[0]
        if not isinstance(row, dict):
            return None
        row = row.get(name)
    return row[0] if isinstance(row, list) and len(row) == 1 else row


def day_of(value: Any) -> str:
    """``20261120-093000`` or the beginning of an ISO instant as a day."""
    text = text_of(value, 40)
    for form, length in (("%Y%m%d-%H%M%S", 15), ("%Y-%m-%d", 10)):
        try:
            return datetime.strptime(text[:length], form).date().isoformat()  # noqa: DTZ007 -- a day is all that is read
        except ValueError:
            continue
    return ""


def run(label: str, values: Mapping[str, str], *notes: str) -> Run:
    """A run without its empty values and notes."""
    label = text_of(label, 160)
    return Run(label, {name: value for name, value in values.items() if value}, tuple(note for note in notes if note))
