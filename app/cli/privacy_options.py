"""The options of ``inferencebench privacy``; what each does stands in :mod:`app.cli.privacy`."""

import argparse
from collections.abc import Callable
from typing import Any

from app.core.settings import Settings
from app.privacy.requests.request import KINDS, LAWS


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its parts."""
    text = "privacy requests: read, verify, carry out, answer in time"
    privacy = commands.add_parser("privacy", help=text, description=text).add_subparsers(required=True, metavar="WHAT")

    def part(name: str, what: str, reference: bool = True, function: str = "") -> argparse.ArgumentParser:
        made = privacy.add_parser(name, help=what, description=what)
        if reference:
            made.add_argument("reference", metavar="REFERENCE")
        made.set_defaults(run=_later(function or name))
        return made

    part("poll", "read the mailbox now, send what waits", reference=False, function="polling")
    part("retry", "read again what was set aside because it could not be kept", reference=False, function="retry")
    record = part("record", "enter a request that came another way", reference=False)
    record.add_argument("--kind", required=True, choices=KINDS)
    record.add_argument("--law", default="other", choices=LAWS)
    record.add_argument("--address", default="", metavar="EMAIL", help="where answers go, if it is known")
    record.add_argument(
        "--way", required=True, metavar="TEXT", help="how it came, such as 'GitHub issue 12' or 'letter'"
    )
    record.add_argument("--received", default="", metavar="TIME", help="when it came; now if not given")
    record.add_argument("--text", default="", metavar="FILE", help="what it said")
    listing = part("list", "what is open, the most urgent first", reference=False, function="listing")
    listing.add_argument("--all", action="store_true", help="resolved ones too")
    part("show", "one case with its correspondence")
    verify = part("verify", "confirm identity, or kind and law")
    verify.add_argument("--code", default="", help="the code that the person told")
    verify.add_argument("--proof", default="", metavar="TEXT", help="what else shows who it is; recorded")
    verify.add_argument("--send-code", action="store_true", help="send a new code to the address on record")
    verify.add_argument("--kind", default="", choices=("", *KINDS))
    verify.add_argument("--law", default="", choices=("", *LAWS))
    export = part("export", "gather all that is held into a zip")
    export.add_argument("--output", default="", metavar="FILE.zip")
    export.add_argument("--send", action="store_true", help="send it as the answer")
    export.add_argument("--ip", default="", metavar="IP", help="rows of the server log of this address too")
    export.add_argument(
        "--ip-proof", default="", metavar="TEXT", help="what shows that the address was theirs; recorded"
    )
    export.add_argument("--since", default="", metavar="TIME")
    export.add_argument("--until", default="", metavar="TIME")
    restrict = part("restrict", "freeze what is held")
    restrict.add_argument("--end", action="store_true", help="end the restriction")
    restrict.add_argument("--dry-run", action="store_true")
    erase = part("erase", "say what would be erased; with --yes erase it and send the certificate")
    erase.add_argument("--yes", action="store_true")
    for one in (export, restrict, erase):
        one.add_argument("--receipt", action="append", default=[], help="a report whose receipt was shown")
    resolve = part("resolve", "answer, extend, refuse or end a case")
    resolve.add_argument("--state", default="resolved", choices=("answered", "refused", "resolved", "spam"))
    resolve.add_argument("--answer", default="", metavar="FILE", help="text to send")
    resolve.add_argument("--extend", action="store_true", help="extend the deadline, once")
    resolve.add_argument("--reason", default="", metavar="TEXT")


def _later(name: str) -> Callable[[Settings, Any], int]:
    def run(settings: Settings, asked: Any) -> int:
        from app.cli import privacy as requests_command

        found: Callable[[Settings, Any], int] = getattr(requests_command, name)
        return found(settings, asked)

    return run
