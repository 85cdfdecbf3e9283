"""A sender's own report, found by its receipt: see, correct, export, withdraw, erase.

The receipt arrives in a body and is passed on nowhere.
"""

import json
from typing import Any

from litestar import Request, Response, post

from app.core import clock
from app.core.errors import ConflictError
from app.site.render import render
from app.site.reports import NO_ROOM, form_page, known, refused_often, too_often, typed_in
from app.storage.engine import UNAVAILABLE, is_disk_full, scrub
from app.submissions import plausible, publish, receive, store, transitions
from app.submissions.export import STATES, as_csv, as_dict, labels
from app.submissions.forms import CONTACT, FORMS, read
from app.submissions.receipts import looks_right
from app.submissions.store import Submission
from app.web.answers import Answer, Ask, unkept
from app.web.front import public


@public("/submissions")
async def submissions(ask: Ask) -> Answer:
    """The page where a receipt is entered."""
    ask.redirect_to_canonical("/submissions")
    return Answer(_page(ask.settings, canonical="/submissions"))


def _page(settings: Any, **more: Any) -> bytes:
    values = {
        "report": None,
        "receipt": "",
        "error": "",
        "notice": "",
        "labels": (),
        "may": (),
        "states": STATES,
    } | more
    return render("submissions/manage.html", settings=settings, path="/submissions", title="Your reports",
                  description="See, correct, export, withdraw or erase a report with its receipt.",
                  **values)  # fmt: skip


@post("/submissions", status_code=200)
async def manage(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Do what is requested with the report that a receipt belongs to."""
    settings = request.app.state.settings
    typed, _ = await typed_in(request)
    receipt, action = typed.get("receipt", "")[:100], typed.get("do", "show")
    report = await store.by_receipt(receipt) if looks_right(receipt) else None
    if report is None:  # a receipt's holder may always see, withdraw and erase; guessing is limited
        if wait := await too_often(request, "posts"):
            return refused_often(wait)
        words = (
            "No report has this receipt. It begins with ib- and has 24 more letters and digits; perhaps the report "
            "was erased."
            if receipt.strip()
            else "Enter the receipt you got when you sent the report."
        )
        return unkept(_page(settings, error=words), status=422)
    done = _ACTIONS.get(action)
    if done is None:
        return await _shown(
            settings, report, receipt, error=f"Nothing here is called {action[:20]!r}; use a button.", status=422
        )
    try:
        return await done(settings, report, receipt, typed)
    except ConflictError as error:
        return await _shown(settings, await store.by_id(report.id), receipt, error=str(error), status=409)


async def _shown(
    settings: Any, report: Submission | None, receipt: str, notice: str = "", error: str = "", status: int = 200
) -> Response[bytes]:
    may = {
        do
        for do in ("correct", "withdraw")
        if report and not transitions.refusal(do, report.state, frozen=report.restricted)
    }
    page = _page(settings, report=report, receipt=receipt, notice=notice, error=error, may=may,
                 labels=labels(report, await known()) if report else ())  # fmt: skip
    return unkept(page, status=status)


async def _show(settings: Any, report: Submission, receipt: str, _: dict[str, str]) -> Response[bytes]:
    return await _shown(settings, report, receipt)


async def _correct(settings: Any, report: Submission, receipt: str, _: dict[str, str]) -> Response[bytes]:
    transitions.after("correct", report.state, frozen=report.restricted)
    typed = {**report.values, CONTACT.name: report.contact}
    return unkept(await form_page(settings, FORMS[report.kind], typed, receipt=receipt, action="/submissions"))


async def _save(settings: Any, report: Submission, receipt: str, typed: dict[str, str]) -> Response[bytes]:
    transitions.after("correct", report.state, frozen=report.restricted)
    form = FORMS[report.kind]
    values, errors = read(form, typed, await known(), clock.now().date())
    doubts = {} if errors or typed.get("checked") == "yes" else await plausible.doubts(report.kind, values)
    if errors or doubts:
        return unkept(
            await form_page(
                settings, form, typed, errors=errors, doubts=doubts, receipt=receipt, action="/submissions"
            ),
            status=422,
        )
    try:
        corrected, _ = await publish.with_prices(receive.correct(report, values))
    except UNAVAILABLE as error:
        if not is_disk_full(error):
            raise
        return unkept(
            await form_page(settings, form, typed, notice=NO_ROOM, receipt=receipt, action="/submissions"),
            status=503, headers={"retry-after": "600"},
        )  # fmt: skip
    if not corrected:
        return unkept(
            await form_page(
                settings,
                form,
                typed,
                notice="Another report that says exactly this is published already.",
                receipt=receipt,
                action="/submissions",
            ),
            status=409,
        )
    return await _shown(
        settings,
        await store.by_id(report.id),
        receipt,
        notice="Corrected. It awaits review again and is shown nowhere until then.",
    )


async def _json(_: Any, report: Submission, __: str, ___: dict[str, str]) -> Response[bytes]:
    return _file(json.dumps(as_dict(report), indent=1, ensure_ascii=False), "application/json", f"{report.id}.json")


async def _csv(_: Any, report: Submission, __: str, ___: dict[str, str]) -> Response[bytes]:
    return _file(as_csv([report]), "text/csv; charset=utf-8", f"{report.id}.csv")


def _file(text: str, kind: str, name: str) -> Response[bytes]:
    return unkept(text.encode(), kind, headers={"content-disposition": f'attachment; filename="{name}"'})


async def _withdraw(settings: Any, report: Submission, receipt: str, _: dict[str, str]) -> Response[bytes]:
    await publish.with_prices(store.withdraw(settings.data_dir, report))
    return await _shown(
        settings,
        await store.by_id(report.id),
        receipt,
        notice="Withdrawn. It is shown nowhere any more, and is erased within 8 days; you can erase it now.",
    )


async def _erase(settings: Any, report: Submission, receipt: str, typed: dict[str, str]) -> Response[bytes]:
    if typed.get("sure") != "yes":
        return await _shown(
            settings,
            report,
            receipt,
            error="Tick the box beside the button: what is erased can't be brought back.",
            status=422,
        )
    await publish.with_prices(store.erase(settings.data_dir, [report]))
    emptied = await scrub(tries=ANSWER_TRIES)
    return await _shown(settings, None, "", notice=ERASED if emptied else ERASED_LATER)


ANSWER_TRIES = 10
"""Attempts to empty the write-ahead log while the visitor waits, about two seconds; after that the page says when it
will be emptied."""
ERASED = "Erased. Nothing of the report is left here but its number in a list of what was erased."
ERASED_LATER = (
    "Erased, and shown nowhere. Its text still stands in the database's log of recent writes, which somebody is "
    "reading just now; the next purge, within the hour, empties that."
)
_ACTIONS = {
    "show": _show,
    "correct": _correct,
    "save": _save,
    "json": _json,
    "csv": _csv,
    "withdraw": _withdraw,
    "erase": _erase,
}
