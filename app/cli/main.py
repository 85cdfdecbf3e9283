"""The commands. Each calls one function of a feature; what is slow to load is loaded where it is needed."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.cli import privacy_options as privacy
from app.core import data_folder
from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. A known error is one line on stderr, never a stack trace."""
    if arguments is None:  # a process of its own, not a call from within another
        data_folder.private_from_now_on()
    asked = _parser().parse_args(arguments)
    command: Callable[[Settings, argparse.Namespace], int] = asked.run
    try:
        return command(load(), asked)
    except InferenceBenchError as error:
        print(f"inferencebench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="inferencebench", description=__import__("app").__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("up", _up, "serve the pages and keep the prices fresh: web, worker and queue"),
        ("serve", _serve, "the web process alone"),
        ("work", _work, "the worker alone, with a queue of its own where none is set"),
        ("doctor", _doctor, "say in plain words what is misconfigured"),
    ):
        commands.add_parser(name, help=text, description=text).set_defaults(run=run)
    for name, keep, text in (
        ("backup", _backup, "write everything that must survive into one file, while the site runs"),
        ("restore", _restore, "put a backup into the data folder; what was erased since stays erased"),
    ):
        kept = commands.add_parser(name, help=text, description=text)
        kept.add_argument("file", metavar="FILE")
        kept.set_defaults(run=keep)
    text = "fetch prices now, every source or those named; exit status 1 if any failed"
    refresh = commands.add_parser("refresh", help=text, description=text)
    refresh.add_argument("sources", nargs="*", metavar="SOURCE")
    text = "believe this source's answer although it is small or its prices leapt"
    refresh.add_argument("--accept", action="append", default=[], metavar="SOURCE", help=text)
    refresh.set_defaults(run=_refresh)
    text = "predict time to first token and time per output token of every row of a file"
    estimate = commands.add_parser("estimate", help=text, description=text)
    estimate.add_argument("file", metavar="FILE.csv")
    estimate.add_argument("--output", metavar="OUT.csv", help="where the rows go; standard output if not given")
    estimate.set_defaults(run=_estimate)
    policy = commands.add_parser(
        "policy", help="versions of the policies", description="versions of the policies"
    ).add_subparsers(required=True, metavar="WHAT")
    for name, run, text in (
        ("list", _policy_list, "every version and how it stands"),
        ("check", _policy_check, "refuse what would cut a notice short or change the past"),
    ):
        policy.add_parser(name, help=text, description=text).set_defaults(run=run)
    text = "write the next version's skeleton, with dates that hold"
    new = policy.add_parser("new", help=text, description=text)
    new.add_argument("policy", metavar="POLICY")
    new.set_defaults(run=_policy_new)
    _retention(commands)
    _submissions(commands)
    privacy.add(commands)
    return parser


def _retention(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "what is kept, how long, and what is due for deletion"
    retention = commands.add_parser("retention", help=text, description=text).add_subparsers(
        required=True, metavar="WHAT"
    )
    status = retention.add_parser("status", help=text, description=text)
    text = "erase what is past its limit"
    erase = retention.add_parser("run", help=text, description=text)
    erase.add_argument("--dry-run", action="store_true", help="say what would go, and erase nothing")
    for each in (status, erase):
        each.add_argument(
            "--now", default="", metavar="TIME", help="as if it were this instant, such as 2027-02-28T00:00:00Z"
        )
    text = "plant artificial rows of every kind shortly before their limit, wait for it, and see whether they are gone; exit status 1 if not"
    canary = retention.add_parser("canary", help=text, description=text)
    canary.add_argument(
        "--wait", type=int, default=0, metavar="SECONDS", help="how long until the limit; 65 if not given"
    )
    canary.set_defaults(run=_retention_canary)
    status.set_defaults(run=_retention_status)
    erase.set_defaults(run=_retention_run)
    text = "who asks most and whose requests fail in bursts, from the access log"
    abuse = commands.add_parser("abuse", help=text, description=text)
    abuse.add_argument("--since", default="", metavar="TIME", help="from here on; a day ago if not given")
    abuse.add_argument("--until", default="", metavar="TIME", help="up to here")
    abuse.add_argument("--address", default="", metavar="IP", help="every row of one address instead")
    abuse.add_argument("--top", type=int, default=10, metavar="N", help="so many addresses; 10 if not given")
    abuse.set_defaults(run=_abuse)


def _retention_status(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import retention

    return retention.status(settings, asked.now)


def _retention_canary(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import retention

    return retention.canary(settings, asked.wait)


def _retention_run(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import retention

    return retention.run(settings, asked.now, dry=asked.dry_run)


def _abuse(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import retention

    return retention.abuse(settings, since=asked.since, until=asked.until, address=asked.address, top=asked.top)


def _submissions(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "the community's reports: look at them and decide"
    reports = commands.add_parser("submissions", help=text, description=text).add_subparsers(
        required=True, metavar="WHAT"
    )
    text = "the queue, or reports of another state"
    listing = reports.add_parser("list", help=text, description=text)
    listing.add_argument("--state", default="waiting", choices=("waiting", "approved", "rejected", "withdrawn", "all"))
    listing.add_argument("--kind", default="", choices=("price", "benchmark", "experience"))
    listing.set_defaults(run=_submissions_list)
    text = "one report whole, with what is known of the same thing beside it"
    show = reports.add_parser("show", help=text, description=text)
    show.add_argument("id", metavar="NUMBER")
    show.set_defaults(run=_submissions_show)
    for action, text in (
        ("approve", "publish reports, marked community"),
        ("reject", "refuse reports, with a reason for their senders"),
    ):
        decide = reports.add_parser(action, help=text, description=text)
        decide.add_argument("ids", nargs="+", metavar="NUMBER")
        decide.add_argument("--reason", default="", help="what the sender reads; a rejection needs one")
        decide.set_defaults(run=_submissions_decide, action=action)
    text = "write approved benchmarks as measured rows, for make calibrate COMMUNITY=FILE.csv"
    benchmarks = reports.add_parser("benchmarks", help=text, description=text)
    benchmarks.add_argument("output", metavar="FILE.csv")
    benchmarks.set_defaults(run=_submissions_benchmarks)


def _submissions_list(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import submissions

    return submissions.listing(settings, asked.state, asked.kind)


def _submissions_show(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import submissions

    return submissions.showing(settings, asked.id)


def _submissions_decide(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import submissions

    return submissions.decide(settings, asked.ids, asked.action, asked.reason)


def _submissions_benchmarks(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import submissions

    return submissions.benchmarks(settings, asked.output)


def _policy_list(settings: Settings, _: argparse.Namespace) -> int:
    from app.cli import policies

    return policies.list_versions(settings)


def _policy_check(settings: Settings, _: argparse.Namespace) -> int:
    from app.cli import policies

    return policies.check(settings)


def _policy_new(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import policies

    return policies.new(settings, asked.policy)


def _estimate(_: Settings, asked: argparse.Namespace) -> int:
    from app.benchmarks.predict import estimate_file

    rows, wrong = estimate_file(asked.file, asked.output)
    print(f"{rows} rows, {rows - wrong} predicted, {wrong} with an error", file=sys.stderr)
    return 0


def _up(settings: Settings, _: argparse.Namespace) -> int:
    from app.process import serve

    return serve.run(settings, with_worker=True)


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    from app.process import serve

    return serve.run(settings)


def _work(settings: Settings, _: argparse.Namespace) -> int:
    from app.process import prepare, supervise

    prepare.prepare(settings)
    return supervise.run_worker(settings)


def _refresh(settings: Settings, asked: argparse.Namespace) -> int:
    from app.cli import refresh

    return refresh.run(settings, asked.sources, asked.accept)


def _backup(settings: Settings, asked: argparse.Namespace) -> int:
    from app.process import backup

    size = backup.backup(settings, Path(asked.file))
    print(f"{asked.file}: {size / 1e6:,.1f} MB")
    return 0


def _restore(settings: Settings, asked: argparse.Namespace) -> int:
    from app.process import backup

    came = backup.restore(settings, Path(asked.file))
    print("restored: " + ", ".join(f"{count:,} {what}" for what, count in came.items()))
    return 0


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    from app.process import doctor

    return doctor.run(settings)
