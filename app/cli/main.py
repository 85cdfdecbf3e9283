"""The command line: which module implements each command, and how it is run.

A command's module is imported only when the command is called. Its function's parameters are its arguments and options;
the parameter ``settings`` is passed in by :func:`main`. ``docs/cli.md`` is generated from all of this.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import app as software
from app.core import data_folder
from app.core.errors import InferenceBenchError
from app.core.plain_text import visible
from app.core.settings import load

if TYPE_CHECKING:
    import inspect

    from cyclopts import App

PROCESSES = ("up", "serve", "work")
"""Commands without options, in :mod:`app.cli.processes`. They start without importing the option parser, which takes
longer to import than everything else they need at start."""
COMMANDS = (
    ("up", "processes:up", "Serve the pages and keep the prices fresh: web, worker and queue."),
    ("serve", "processes:serve", "Run the web process alone."),
    ("work", "processes:work", "Run the worker alone, with a queue of its own unless one is configured."),
    ("doctor", "processes:doctor", "Say in plain words what is misconfigured."),
    ("backup", "processes:backup", "Write everything that must survive into one file, while the site runs."),
    ("restore", "processes:restore", "Put a backup into the data folder; what was erased since stays erased."),
    ("move", "move:move", "Copy the database to PostgreSQL, compared row for row."),
    ("refresh", "refresh:refresh", "Fetch prices now, from every source or those named; exit status 1 if any failed."),
    ("estimate", "processes:estimate", "Predict time to first token and time per output token for each row of a file."),
    ("policy", "policies:app", "List, check and begin versions of the policies."),
    ("retention", "retention:app", "Show what is kept, how long, and what is due for deletion; delete it."),
    ("abuse", "retention:abuse", "Show the addresses with most requests, or bursts of failures, from the access log."),
    ("nodes", "nodes:app", "List the nodes that share the work, or forget one that will not come back."),
    ("submissions", "submissions:app", "Review the community's reports: list, approve, reject."),
    ("ledger", "ledger:app", "Check what was predicted of reported measurements before they were published."),
    ("privacy", "privacy:app", "Handle privacy requests: read, verify, carry out, answer in time."),
)
"""(name, function or group of commands in a module of this folder, what it does)."""


class CommandLineError(InferenceBenchError):
    """The command line names no known command, or its arguments do not fit the command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. A known error is printed as one line on stderr, never as a stack
    trace."""
    if arguments is None:  # called as a program, not from within another
        data_folder.private_from_now_on()
        arguments = sys.argv[1:]
    try:
        if len(arguments) == 1 and arguments[0] in PROCESSES:
            started: Callable[..., int] = getattr(importlib.import_module("app.cli.processes"), arguments[0])
            return started(settings=load())
        command, bound = read(arguments)
        if "settings" in bound.signature.parameters:  # the help takes none, and must work with wrong settings too
            bound.arguments["settings"] = load()
        return _despite_damage(command, bound)
    except InferenceBenchError as error:
        print(f"inferencebench: {visible(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of the output closed it
        sys.stdout = None
        return 0
    except Exception as error:
        from app.storage.engine import is_disk_full

        if not is_disk_full(error):
            raise
        print("inferencebench: the disk is full; make room and do it again", file=sys.stderr)
        return 2


ONLY_READ = frozenset(
    ("privacy.listing", "privacy.show", "submissions.listing", "submissions.show", "retention.status", "ledger.verify")
)
"""Functions of commands that change nothing: where one fails at a damaged row, it is run again without that row."""


def _despite_damage(command: Callable[..., Any], bound: "inspect.BoundArguments") -> int:
    """Run a command. One that fails at damaged rows of the database names them; it goes on without them if it only
    reads, and ends with status 2 if it changes anything."""
    try:
        return int(command(*bound.args, **bound.kwargs) or 0)
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError, OSError):
        from app.storage import engine

        troubles = engine.run(engine.find_left_out())
        if not troubles:
            raise
    for line in troubles[:20]:
        print(f"inferencebench: {line}", file=sys.stderr)
    reads = f"{command.__module__}.{command.__name__}".removeprefix("app.cli.") in ONLY_READ
    return int(command(*bound.args, **bound.kwargs) or 0) if reads else 2


def root() -> "App":
    """The command ``inferencebench`` with all its subcommands."""
    from app.cli.options import group

    made = group("inferencebench", (software.__doc__ or "").strip())
    for place, (name, where, text) in enumerate(COMMANDS):
        made.command(f"app.cli.{where}", name=name, help=text, sort_key=place)
    return made


def read(arguments: Sequence[str]) -> "tuple[Callable[..., Any], inspect.BoundArguments]":
    """The function that a command line names, and the values for its parameters other than ``settings``.

    Raises :class:`CommandLineError`.
    """
    from cyclopts import CycloptsError

    top = root()
    try:
        command, bound, _ = top.parse_args(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise CommandLineError(" ".join(str(error).split())) from None
    if command == top.help_print and not {"--help", "-h"} & set(arguments):
        asked = " ".join((top.name[0], *arguments))
        raise CommandLineError(f"which command? {asked} --help names them")
    return command, bound
