"""Policies as pages, as Markdown and as a feed: current, every version for ever, and what changed."""

from functools import lru_cache
from itertools import pairwise

from app.core import clock
from app.core.errors import NotFoundError
from app.core.retention import kinds
from app.core.settings import Settings
from app.policies.difference import difference
from app.policies.documents import POLICIES, Version
from app.policies.files import Policies, policies
from app.privacy.processors import processors
from app.site import feeds
from app.site.render import render
from app.web.answers import Answer, Ask, MovedError
from app.web.front import public

MARKDOWN = "text/markdown; charset=utf-8"


def _filled(version: Version, settings: Settings) -> str:
    """The text with the controller, the addresses and the list of queried services filled in."""
    from app.pricing.sources import EVERY

    asked = {title: address for source in EVERY.values() for title, address in source.asked().items()}
    asked |= {"Hugging Face Hub": "https://huggingface.co/privacy"}
    services = "\n".join(f"- [{title}]({address})" for title, address in sorted(asked.items()))
    values = {
        "controller": settings.controller_name,
        "contact": settings.contact_email,
        "site": settings.base_url.split("://")[-1],
        "services": services,
    }
    text = version.body
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def anchor(heading: str) -> str:
    """The anchor of a section: ``2.3 What we do not collect`` → ``2-3-what-we-do-not-collect``."""
    return "-".join("".join(c if c.isalnum() else " " for c in heading.casefold()).split())


@lru_cache(maxsize=64)
def to_html(text: str) -> tuple[str, tuple[tuple[int, str, str], ...]]:
    """(Markdown as HTML with an anchor for each section, (level, anchor, heading) of the sections).

    HTML in the text is escaped.
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False})
    tokens = reader.parse(text)
    found = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor(inline.content))
            found.append((int(opening.tag[1]), anchor(inline.content), inline.content))
    return str(reader.renderer.render(tokens, reader.options, {})), tuple(found)


def _public_versions(all_: Policies, now: int) -> list[Version]:
    policy_state = all_.state_at(now)
    return [version for version in all_.versions if policy_state.is_public(version)]


def _version(all_: Policies, policy: str, name: str, now: int) -> Version:
    known = _public_versions(all_, now)
    found = next((version for version in known if version.key == (policy, name)), None)
    if found is None:
        links = (
            tuple(
                (f"{POLICIES[policy]}, {v.name}", f"/policies/{policy}/{v.name}") for v in known if v.policy == policy
            )
            if policy in POLICIES
            else ()
        )
        raise NotFoundError("There is no such version of a policy.", (*links[-4:], ("All policies", "/policies")))
    return found


def _page(ask: Ask, version: Version, here: str) -> Answer:
    all_ = policies(ask.settings)
    policy_state = all_.state_at(ask.now)
    text, contents = to_html(_filled(version, ask.settings))
    history = sorted(
        (other for other in _public_versions(all_, ask.now) if other.policy == version.policy),
        key=lambda other: other.effective,
        reverse=True,
    )
    body = render(
        "policies/page.html", settings=ask.settings, path="/policies", canonical=here, version=version, text=text,
        contents=contents,
        state=policy_state.state(version), history=[(other, policy_state.state(other)) for other in history],
        title=version.title,
        description=f"{version.title} of InferenceBench, effective {version.effective}.",
        kinds=kinds(on_server=bool(ask.settings.database_url)),
        annex=here == "/policies/privacy", processors=processors(ask.settings),
    )  # fmt: skip
    return Answer(body)


@public("/policies")
async def policy_list(ask: Ask) -> Answer:
    """Every policy, with the version in force and any announced one."""
    ask.redirect_to_canonical("/policies")
    policy_state = policies(ask.settings).state_at(ask.now)
    body = render(
        "policies/list.html", settings=ask.settings, path="/policies", canonical="/policies", policy_state=policy_state,
        names=POLICIES, title="Policies",
        description="Privacy, terms of use, accessibility, independence and security: what is in force, since when, "
                    "and what changed.",
    )  # fmt: skip
    return Answer(body)


@public("/policies/{policy:str}")
async def policy_page(ask: Ask) -> Answer:
    """The version of a policy that is in force."""
    policy = ask.parts["policy"]
    current = policies(ask.settings).state_at(ask.now).in_force.get(policy)
    if current is None:
        raise NotFoundError(
            "There is no such policy.", tuple((title, f"/policies/{name}") for name, title in POLICIES.items())
        )
    ask.redirect_to_canonical(f"/policies/{policy}")
    return _page(ask, current, f"/policies/{policy}")


@public("/policies/{policy:str}/{version:str}")
async def policy_version(ask: Ask) -> Answer:
    """One version, available for ever, as a page or, with ``.md``, as Markdown."""
    policy, name = ask.parts["policy"], ask.parts["version"]
    version = _version(policies(ask.settings), policy, name.removesuffix(".md"), ask.now)
    here = f"/policies/{policy}/{name}"
    ask.redirect_to_canonical(here)
    if name.endswith(".md"):
        return Answer(
            f"# {version.title}\n\nEffective {version.effective}.\n\n{_filled(version, ask.settings)}".encode(),
            MARKDOWN,
        )
    return _page(ask, version, here)


@public("/policies/{policy:str}/changes/{old:str}/{new:str}")
async def policy_changes(ask: Ask) -> Answer:
    """What changed from one version to another, by section."""
    all_ = policies(ask.settings)
    old, new = (_version(all_, ask.parts["policy"], ask.parts[which], ask.now) for which in ("old", "new"))
    here = f"/policies/{new.policy}/changes/{old.name}/{new.name}"
    ask.redirect_to_canonical(here)
    body = render(
        "policies/changes.html", settings=ask.settings, path="/policies", canonical=here, old=old, new=new,
        changes=difference(old, new), anchor=anchor,
        title=f"{new.title}: what changed",
        description=f"What changed in the {new.title.lower()} from {old.effective} to {new.effective}.",
    )  # fmt: skip
    return Answer(body)


@public("/policies/changes.atom")
async def policy_feed(ask: Ask) -> Answer:
    """Every announced version as an Atom feed (RFC 4287), the newest first."""
    ask.redirect_to_canonical("/policies/changes.atom")
    versions = _public_versions(policies(ask.settings), ask.now)
    versions.sort(key=lambda version: (version.announced, version.policy), reverse=True)
    newest = str(versions[0].announced) if versions else f"{clock.from_timestamp(0):%Y-%m-%d}"
    return feeds.atom(
        ask.settings,
        feeds.Feed(
            "InferenceBench: policies",
            "/policies",
            "/policies/changes.atom",
            newest,
            [_entry(version, ask.settings) for version in versions],
        ),
    )


def _entry(version: Version, settings: Settings) -> feeds.Entry:
    address = f"/policies/{version.policy}/{version.name}"
    title = f"{version.title}, effective {version.effective}"
    return feeds.Entry(settings.base_url + address, title, address, str(version.announced), version.summary)


@public("/privacy")
async def privacy(ask: Ask) -> Answer:
    """A redirect to the privacy policy."""
    raise MovedError("/policies/privacy")
