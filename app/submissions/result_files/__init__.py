"""A benchmark tool's own result file, read into the fields of the report form. Pure; the file is not kept.

:func:`parse` is what the site calls, in a process with limits on memory and time. Each tool has a module that says
which files are its own and what is read of them (``READS``); ``docs/what-is-read.md`` is made from those.
"""

from typing import Any

from app.submissions.result_files import llama_bench, other_tools, serving
from app.submissions.result_files.document import FileError, Run, document

READERS = (llama_bench, serving, other_tools)


def runs_of(data: bytes) -> list[Run]:
    """Every run that a file reports, at least one. Raises :class:`FileError` with the reason it can't be used."""
    file = document(data)
    found: list[Run] = []
    refused: FileError | None = None
    for reader in READERS:
        try:
            found += reader.read(file)
        except FileError as error:
            refused = refused or error
    if found:
        return found
    if refused:
        raise refused
    tools = ", ".join(name for reader in READERS for name in reader.READS)
    raise FileError(f"No result was recognised in it. Read are the files of: {tools}.")


MOST_RUNS = 60
"""How many runs of a file are offered to choose from."""


def parse(data: bytes) -> list[dict[str, Any]]:
    """:func:`runs_of` in plain types: a label, the values by field, and remarks, of each run."""
    return [
        {"label": run.label or f"run {number}", "values": run.values, "notes": list(run.notes)}
        for number, run in enumerate(runs_of(data), 1)
    ]


def parse_for_form(data: bytes) -> dict[str, Any]:
    """The first :data:`MOST_RUNS` of :func:`parse`, and how many there are."""
    runs = parse(data)
    return {"runs": runs[:MOST_RUNS], "of": len(runs)}
