"""A report as a table, CSV or JSON, for the person who sent it and for the operator."""

import json
from decimal import Decimal
from typing import Any

from app.core import csv_text
from app.submissions.forms import FORMS, Field, Known
from app.submissions.store import Submission

STATES = {"waiting": "awaiting review", "approved": "published", "rejected": "rejected", "withdrawn": "withdrawn"}
"""State of a report → the words for it on pages, at the command line and in every file."""
ONE = {"months": "month", "tokens": "token", "requests": "request"}
"""Units of which one has another form."""


def labels(report: Submission, known: Known) -> list[tuple[str, str, str]]:
    """(label, value, kind of field) for each value of a report, in the form's order, for a reader: names instead of
    slugs, numbers grouped and with their unit. Dates are left as they are, for the page's own filter."""
    return [
        (field.label, _shown(field, report.values[field.name], known), field.kind)
        for field in FORMS[report.kind].fields
        if field.name in report.values
    ]


def _shown(field: Field, value: str, known: Known) -> str:
    if field.kind == "choice":
        return dict(known.of(field)).get(value, value)
    if field.kind in ("whole", "number"):
        unit = ONE.get(field.unit, field.unit) if Decimal(value) == 1 else field.unit
        return f"{Decimal(value):,} {unit}".strip()
    return value


def as_dict(report: Submission) -> dict[str, Any]:
    """Everything that is stored of a report, for JSON."""
    return {
        "id": report.id, "kind": report.kind, "sent_on": report.day, "state": STATES[report.state],
        "frozen": report.restricted, "report": report.values,
        "contact": report.contact or None, "consent": report.consent, "privacy_policy": report.policy,
        "reason": report.reason or None,
    }  # fmt: skip


def as_csv(reports: list[Submission]) -> str:
    """Reports as CSV: a row for each field, so that all kinds fit.

    Cells that a spreadsheet would evaluate begin with an apostrophe.
    """
    return csv_text.table(
        ("id", "kind", "sent_on", "state", "field", "value"),
        (
            (report.id, report.kind, report.day, STATES[report.state], name, value)
            for report in reports
            for name, value in (report.values | _present(report)).items()
        ),
    )


def _present(report: Submission) -> dict[str, str]:
    """The contact address, consent and policy version of a report, without those that are empty."""
    more = {"contact": report.contact, "consent": report.consent, "privacy_policy": report.policy}
    return {name: value for name, value in more.items() if value}


def as_json(reports: list[Submission]) -> str:
    """Reports as JSON, with everything that is stored of them."""
    return json.dumps([as_dict(report) for report in reports], indent=1, ensure_ascii=False)
