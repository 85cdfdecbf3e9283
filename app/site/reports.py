"""Sending a report: the three forms, with and without scripts, every error at its field."""

import hmac
import json
import secrets
from typing import Any

from litestar import Request, Response, post

from app.catalog.facts import gpus, providers
from app.core import client_address, clock, limited_process
from app.core.errors import NotFoundError, QueryError
from app.core.settings import Settings
from app.core.units import DAY_S, HOUR_S
from app.core.version_keys import MODELS_KEY
from app.models.store import every_model
from app.policies.documents import Version
from app.policies.files import policies
from app.site.render import render
from app.site.search_actions import report_address
from app.storage.engine import UNAVAILABLE, is_disk_full
from app.submissions import plausible, receive, store
from app.submissions.forms import CONTACT, FORMS, Form, Known, read
from app.web import same_origin
from app.web.answers import Answer, Ask, unkept
from app.web.form_body import fields_and_file
from app.web.front import public
from app.web.rate_limit import RateLimit

MOST_SENT, MOST_POSTS = 10, 120
"""The most reports, and the most posts of any kind, that one address may send in an hour."""
MOST_TYPED = 20_000
HONEYPOT = "website"
AGE = "I am at least 16 years old."
LATER = "Many reports came from your network within the hour. Nothing you typed is lost: please send it again later."
NO_ROOM = "The report could not be kept: our disk is full. Nothing you typed is lost: please send it again later."
FULL = "Many reports are awaiting review at the moment. Nothing you typed is lost: please send it again later."


def limits() -> dict[str, RateLimit]:
    """The limits of one web process, in memory only."""
    return {"sent": RateLimit(MOST_SENT, HOUR_S), "posts": RateLimit(MOST_POSTS, HOUR_S)}


async def known() -> Known:
    """The names that a report may use."""
    return Known(
        {
            slug: provider.name
            for slug, provider in sorted(providers().items(), key=lambda item: item[1].name.casefold())
        },
        {slug: gpu.name for slug, gpu in gpus().items()},
        {row["model"]: row["model"] for row in await every_model()},
    )


def policy_in_force(settings: Settings) -> Version:
    """The privacy policy that a consent refers to."""
    return policies(settings).state_at(clock.timestamp()).in_force["privacy"]


def consent_words(policy: Version) -> str:
    """The wording that a sender agrees to."""
    return (
        f"I agree that InferenceBench keeps and publishes this report as described in its privacy policy, version "
        f"{policy.version}, in force since {policy.effective.day} {policy.effective:%B %Y}. "
        "I can withdraw this at any time with the receipt."
    )


def _form(kind: str) -> Form:
    if kind not in FORMS:
        raise NotFoundError(
            "There is no such form.", tuple((form.title, f"/submit/{name}") for name, form in FORMS.items())
        )
    return FORMS[kind]


async def form_page(settings: Settings, form: Form, typed: dict[str, str], **more: Any) -> bytes:
    """The form with what was entered, and what is wrong with it."""
    policy = policy_in_force(settings)
    return render(
        "submissions/form.html", settings=settings, path="/submit", form=form, contact=CONTACT, typed=typed,
        known=await known(), honeypot=HONEYPOT,
        consent=consent_words(policy), policy=policy, age=AGE, title=form.title, today=f"{clock.now():%Y-%m-%d}",
        description=form.lead, **({"errors": {}, "doubts": {}, "notice": "", "runs": (),
            "action": f"/submit/{form.kind}"} | more),
    )  # fmt: skip


@public("/submit")
async def submit(ask: Ask) -> Answer:
    """What can be reported, and what happens to a report."""
    ask.redirect_to_canonical("/submit")
    return Answer(render(
        "submissions/start.html", settings=ask.settings, path="/submit", canonical="/submit", forms=FORMS.values(),
        title="Report", description="Report a GPU price, a benchmark or an experience: no account, a receipt instead.",
    ))  # fmt: skip


@public("/submit/{kind:str}", shows=(MODELS_KEY,))
async def form(ask: Ask) -> Answer:
    """A form, empty but for the choices that its address makes."""
    found = _form(ask.parts["kind"])
    here, names = f"/submit/{found.kind}", await known()
    lists = {field.name: dict(names.of(field)) for field in found.fields if field.kind == "choice"}
    chosen = {name: value for name, value in ask.pairs() if value in lists.get(name, {})}
    ask.redirect_to_canonical(report_address(here, chosen))
    midnight = ask.now - ask.now % DAY_S + DAY_S  # the latest date that may be entered
    return Answer(await form_page(ask.settings, found, chosen, canonical=here), valid_until=midnight)


async def typed_in(request: Request[Any, Any, Any]) -> tuple[dict[str, str], bytes]:
    """(the fields of a post, an uploaded file's bytes). Raises :class:`QueryError` if it is not a form."""
    same_origin.refuse_foreign(request.scope, request.app.state.settings)
    fields, file = await fields_and_file(request)
    if sum(map(len, fields.values())) > MOST_TYPED and "pasted" not in fields:
        raise QueryError(
            "body", f"That is more text than {MOST_TYPED:,} characters.", "Shorten the longest field.", status=422
        )
    return fields, file


async def too_often(request: Request[Any, Any, Any], name: str) -> int:
    """Seconds to wait if the visitor's address did this too often, 0 if it may."""
    state, now = request.app.state, clock.timestamp()
    limit: RateLimit = state.submit_limits[name]
    address = client_address.of(request.scope, state.settings.trusted_proxies)
    return 0 if await state.limits.allows(name, limit, address, now) else limit.wait_s(now)


def refused_often(wait_s: int) -> Response[bytes]:
    """A short answer that costs next to nothing: the browser keeps what was entered."""
    words = "Too many posts from your network within the hour. Go back, nothing you typed is lost, and send it later.\n"
    return unkept(words.encode(), "text/plain; charset=utf-8", 429, headers={"retry-after": str(wait_s)})


@post("/submit/{kind:str}", status_code=200)
async def send(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Accept a report: check it, store it, return the receipt."""
    settings: Settings = request.app.state.settings
    if wait := await too_often(request, "posts"):
        return refused_often(wait)
    found = _form(str(request.path_params["kind"]))
    typed, file = await typed_in(request)
    pasted, chosen = typed.pop("pasted", "").strip(), typed.pop("run", "")
    if chosen:
        return await _chosen(settings, found, typed, chosen)
    if file or pasted or typed.get("do") == "fill":
        return await _fill(settings, found, typed, file or pasted.encode("utf-8", "replace"))
    values, errors = read(found, typed, await known(), clock.now().date())
    policy = policy_in_force(settings)
    errors |= _agreement(typed, policy)
    if errors:
        return unkept(await form_page(settings, found, typed, errors=errors), status=422)
    doubts = await plausible.doubts(found.kind, values)
    if doubts and typed.get("checked") != "yes":
        return unkept(await form_page(settings, found, typed, doubts=doubts), status=422)
    return await _keep(request, found, typed, values, policy)


async def _keep(
    request: Request[Any, Any, Any], found: Form, typed: dict[str, str], values: dict[str, str], policy: Version
) -> Response[bytes]:
    settings: Settings = request.app.state.settings
    if wait := await too_often(request, "sent"):
        return unkept(
            await form_page(settings, found, typed, notice=LATER), status=429, headers={"retry-after": str(wait)}
        )
    try:
        kept = await receive.send(found.kind, values, policy.name, f"{consent_words(policy)} {AGE}")
    except UNAVAILABLE as error:
        if not is_disk_full(error):
            raise
        return unkept(
            await form_page(settings, found, typed, notice=NO_ROOM), status=503, headers={"retry-after": "600"}
        )
    except store.FullError:
        return unkept(
            await form_page(settings, found, typed, notice=FULL), status=429, headers={"retry-after": str(HOUR_S)}
        )
    return unkept(
        render(
            "submissions/received.html",
            settings=settings,
            path="/submit",
            title="Report received" if kept else "Already published",
            kept=kept,
            form=found,
            description="",
        )
    )


def _agreement(typed: dict[str, str], policy: Version) -> dict[str, str]:
    errors = {}
    if typed.get("consent") != "yes":
        errors["consent"] = "Without your consent the report can't be kept; tick the box if you agree."
    elif typed.get("policy") != policy.name:
        errors["consent"] = "The privacy policy has changed meanwhile; please read the sentence again and tick the box."
    if typed.get("age") != "yes":
        errors["age"] = "Reports are taken from people of 16 and older only."
    if typed.get(HONEYPOT):
        errors[HONEYPOT] = "This field must stay empty."
    return errors


async def _fill(settings: Settings, found: Form, typed: dict[str, str], data: bytes) -> Response[bytes]:
    """The form filled in from a benchmark's result file, to be checked and sent; the file is not kept.

    If the file contains several runs, they are offered, each as a button that carries its own figures.
    """
    if found.kind != "benchmark":
        raise QueryError("file", "Only a benchmark can be filled from a file.", "/submit/benchmark", status=422)
    try:
        parsed = await limited_process.call("app.submissions.result_files:parse_for_form", data)
    except (limited_process.RefusedError, limited_process.LimitError) as error:
        return unkept(await form_page(settings, found, typed, errors={"file": str(error)}), status=422)
    runs = parsed["runs"]
    if len(runs) > 1:
        offered = [(run["label"], _signed(json.dumps(run, separators=(",", ":")))) for run in runs]
        first = "" if parsed["of"] == len(runs) else f" The first {len(runs)} are offered; cut the file for the others."
        notice = f"The file holds {parsed['of']:,} runs. Choose one.{first}"
        return unkept(await form_page(settings, found, typed, runs=offered, notice=notice))
    return await _filled(settings, found, typed, runs[0])


_SIGNING_KEY = secrets.token_bytes(32)
"""Known only to this process: a run that comes back with a button is one that it offered, not somebody's invention."""


def _signed(text: str) -> str:
    return f"{hmac.digest(_SIGNING_KEY, text.encode('utf-8', 'replace'), 'sha256').hex()} {text}"


async def _chosen(settings: Settings, found: Form, typed: dict[str, str], chosen: str) -> Response[bytes]:
    """The form filled in with the chosen run of a file: its figures come back with the button."""
    text = chosen.partition(" ")[2]
    if not hmac.compare_digest(_signed(text).encode(), chosen.encode("utf-8", "replace")):
        raise QueryError("run", "That run is not from a file read here.", "Choose the file again.", status=422)
    return await _filled(settings, found, typed, json.loads(text))


async def _filled(settings: Settings, found: Form, typed: dict[str, str], run: dict[str, Any]) -> Response[bytes]:
    names = {name.casefold(): name for name in (await known()).models}
    known_fields = {field.name for field in found.fields}
    result = {name: value[:200] for name, value in run["values"].items() if name in known_fields}
    unknown = ""
    if "model" in result and result["model"].casefold() not in names:
        unknown = result.pop("model")
    elif "model" in result:
        result["model"] = names[result["model"].casefold()]
    filled = [field.label for field in found.fields if result.get(field.name)]
    notice = f"Filled in from the file: {', '.join(filled)}. Please check them, add the rest and send." if filled else (
        "The file was recognised but has none of the figures the form asks for."
    )  # fmt: skip
    notes = [*run["notes"], *([f"the model {unknown!r} is not among those listed"] if unknown else [])]
    if notes:
        notice += f" Mind: {'; '.join(notes)}."
    return unkept(
        await form_page(
            settings, found, typed | {name: value for name, value in result.items() if value}, notice=notice
        )
    )
