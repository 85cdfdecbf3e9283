"""A person's data export: a zip with JSON, CSV and a README in plain words, with what GDPR Art. 15 asks for."""

import io
import json
import zipfile
from dataclasses import asdict
from operator import itemgetter
from typing import Any

from app.core import clock, csv_text
from app.core.errors import InferenceBenchError
from app.core.retention import KINDS
from app.core.settings import Settings
from app.privacy.fulfilment.fulfil import held, proven
from app.privacy.mail import templates
from app.privacy.processors import processors
from app.privacy.requests import cases
from app.privacy.requests.cases import Case
from app.submissions.export import STATES, as_csv, as_json
from app.submissions.forms import FORMS
from app.telemetry import nodes


async def log_rows(settings: Settings, address: str, since: int, until: int | None, proof: str) -> list[dict[str, Any]]:
    """The rows of an IP address in all nodes' server logs from ``since`` to ``until`` (seconds). Needs ``proof`` that
    the address was this person's, which is recorded (GDPR Art. 11(2)).

    Raises :class:`InferenceBenchError` if a node did not answer: part of the logs would be taken for all of them.
    """
    if not proof.strip():
        raise InferenceBenchError(
            "a mailbox proves no IP address: say with --ip-proof what shows that it was this person's, for example "
            "'statement of the provider, 2026-11-20'"
        )
    rows, silent = await nodes.gather(settings, nodes.Question("rows", since, until, address))
    if silent:
        raise InferenceBenchError(f"the server log could not be read whole, without {'; '.join(silent)}; try again")
    return sorted(rows, key=itemgetter("at"))


README = """What InferenceBench holds about you
====================================

Request {reference}, gathered {day}. Controller: {controller}, {contact}.

reports.json, reports.csv   The reports you sent: number, kind, the day it came, its state, every field as you filled it
                            in, the sentence you agreed to and the version of the privacy policy it names. "frozen"
                            means kept and not shown.
correspondence.json, .csv   What you wrote to us and what we answered: time (UTC), direction, subject, text; and of
                            each case its kind, law, deadline and state.
{logs}
{fields}

Why we hold it, on what legal basis, for how long and how it is erased stands in purposes.json, one entry for each kind
of data. Where it comes from: from you. Who receives it: {processors} Nothing is sold. No decision is made about you
automatically, and no profile is made. Where data leaves your country, the safeguard is named in purposes.json.

Your rights: rectification, erasure, restriction, objection, portability, withdrawal of consent, and a complaint to the
supervisory authority where you live or work. {rights}
"""


async def export(
    settings: Settings, reference: str, receipts: list[str], logs: list[dict[str, Any]]
) -> tuple[bytes, dict[str, int]]:
    """The zip for the case ``reference``: the reports with its address or with the given receipts, the correspondence
    and the ``logs``; and how many of each there are."""
    case = await proven(reference)
    reports = await held(case, receipts)
    mine = await cases.by_address(case.address) if case.address else [case]
    letters = [
        {"reference": one.reference, **letter} for one in mine for letter in await cases.correspondence(one.reference)
    ]
    for letter in letters:
        letter["at"] = _instant(letter["at"])
    records = [await _case_record(one) for one in mine]
    named = processors(settings) or ()
    purposes = {
        "kinds": [
            {
                name: getattr(kind, name)
                for name in ("title", "fields", "purpose", "basis", "kept", "counted_from", "erased")
            }
            for kind in KINDS
            if kind.personal
        ],
        "processors": [asdict(row) for row in named],
    }
    readme = README.format(
        reference=case.reference, day=templates.day(clock.timestamp()), controller=settings.controller_name,
        contact=settings.contact_email,
        logs="server-log.json             Requests noted from the IP address and period that you proved to be yours.\n"
        if logs else "",
        processors=" ".join(f"{row.name} ({row.does})." for row in named) or "nobody.", fields=_fields(bool(logs)),
        rights=f"{settings.base_url}/privacy/rights",
    )  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", readme)
        bundle.writestr("reports.json", as_json(reports))
        bundle.writestr("reports.csv", as_csv(reports))
        bundle.writestr(
            "correspondence.json", json.dumps({"cases": records, "messages": letters}, indent=1, ensure_ascii=False)
        )
        bundle.writestr("correspondence.csv", _csv(letters))
        bundle.writestr("purposes.json", json.dumps(purposes, indent=1, ensure_ascii=False))
        if logs:
            bundle.writestr("server-log.json", json.dumps(logs, indent=1))
    return out.getvalue(), {"reports": len(reports), "messages": len(letters), "rows of the server log": len(logs)}


async def _case_record(case: Case) -> dict[str, Any]:
    """A request with its correspondence and history, for ``correspondence.json``."""
    return {
        "reference": case.reference, "kind": case.kind, "law": case.law, "state": case.state, "way": case.way,
        "address": case.address,
        "received": _day(case.received_at), "deadline": _day(case.deadline_at), "extended": case.extended,
        "identity": case.proof, "reason": case.reason,
        "history": [{"at": _instant(at), "what": what} for at, what in await cases.events(case.reference)],
    }  # fmt: skip


_REPORT = {
    "id": "its number", "kind": "price, benchmark or experience", "sent_on": "the UTC day it came",
    "state": ", ".join([*STATES.values()][:-1]) + f" or {[*STATES.values()][-1]}",
    "frozen": "true while it is kept and not shown", "contact": "the address for questions that you gave",
    "consent": "the sentence you agreed to",
    "privacy_policy": "the version of the privacy policy it names", "reason": "why it was rejected",
    "field, value": "in the CSV: one row for each field",
}  # fmt: skip
_LETTER = {
    "reference": "the request it belongs to", "at": "when it was read or written, UTC",
    "direction": "in: from you; out: from us", "sender": "whose address it came from",
    "subject": "its subject", "body": "its text; codes are blotted out",
    "checks": "what the mail server found of its origin: SPF, DKIM, DMARC", "note": "what was left out or enclosed",
    "law": "the law whose deadline holds", "received, deadline": "the days it came and an answer is due",
    "extended": "why the deadline was extended",
    "way, address": "how the request came, and from where", "identity": "how it was shown that it is you",
    "reason": "why it was refused or ended", "history": "what happened, and when",
}  # fmt: skip
_LOG = {
    "at": "when, in seconds since 1970", "address": "the IP address",
    "browser, system": "families, such as Firefox and Linux", "referrer": "the page that led here, without query",
    "method, route, path": "what was asked for", "status": "the answer's code",
    "ms": "how long it took, in milliseconds",
}  # fmt: skip


def _fields(logs: bool) -> str:
    """The README's list of the files' fields in plain words; those of reports come from the forms."""
    parts = [("Of every report", _REPORT)]
    parts += [
        (
            f"Of {form.title[0].lower()}{form.title[1:]}",
            {f.name: f.label + (f", {f.unit}" if f.unit else "") for f in form.fields},
        )
        for form in FORMS.values()
    ]
    parts += [("Of correspondence and requests", _LETTER), *([("Of the server log", _LOG)] if logs else [])]
    return "\n\n".join(
        f"{title}:\n" + "\n".join(f"  {name:<27} {meaning}" for name, meaning in fields.items())
        for title, fields in parts
    )


def _instant(at: int) -> str:
    return f"{clock.from_timestamp(at):%Y-%m-%dT%H:%M:%SZ}"


def _day(at: int) -> str:
    return f"{clock.from_timestamp(at):%Y-%m-%d}"


def _csv(letters: list[dict[str, Any]]) -> str:
    names = ("reference", "at", "direction", "sender", "subject", "body")
    return csv_text.table(names, ([letter[name] for name in names] for letter in letters))
