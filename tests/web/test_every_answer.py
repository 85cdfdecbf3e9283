"""Every address × every kind of answer × every privacy signal: the same headers, no cookie, nothing of anybody else's.

The addresses are the application's own routes, so that a page that is added tomorrow is looked at too.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest

from app.site.routes import HANDLERS
from app.web.security import CONTENT_SECURITY_POLICY
from tests.conftest import Inside

SIGNALS: tuple[dict[str, str], ...] = ({}, {"dnt": "1"}, {"sec-gpc": "1"}, {"dnt": "1", "sec-gpc": "1"})
SENT = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
IN_PATH = {
    "gpu": ["h100-sxm-80gb", "no-such-gpu"],
    "provider": ["lambda", "nobody"],
    "model": ["meta-llama--llama-3.1-8b-instruct", "no-such-model"],
    "kind": ["price", "nothing"],
    "owner": ["meta-llama", "nobody"],
    "policy": ["privacy", "no-policy"],
    "version": ["2026-03-27", "1999-01-01", "x"],
    "receipt": ["ib-nothing"],
}
NEVER = ("set-cookie", "www-authenticate", "refresh", "report-to", "nel", "accept-ch", "x-powered-by")
VARYING = ("date", "retry-after")
OWN = re.compile(r"(?:https?:)?//(?:inside|localhost|127\.0\.0\.1)(?::\d+)?(?:/|$)")
LOADS = {
    "img": ("src", "srcset"), "script": ("src",), "iframe": ("src",), "embed": ("src",), "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",), "source": ("src", "srcset"), "track": ("src",), "input": ("src",), "form": ("action",),
    "button": ("formaction",),
    "image": ("href", "xlink:href"), "use": ("href", "xlink:href"), "a": ("ping",), "body": ("background",),
    "base": ("href",),
}  # fmt: skip
FOLLOWED = {"canonical", "alternate", "license", "author", "next", "prev", "search"}
"""Kinds of ``<link>`` that a browser does not fetch by itself."""


class Loaded(HTMLParser):
    """What a page makes a browser fetch or send, without anybody clicking."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name in LOADS.get(tag, ()):
            self.addresses += [given[name]] if name in given else []
        if tag == "link" and not set(given.get("rel", "").split()) <= FOLLOWED:
            self.addresses.append(given.get("href", ""))
        if tag == "meta" and given.get("http-equiv"):
            self.inline.append(f"meta {given['http-equiv']}")
        self.inline += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/ld+json"):
            self.inline.append(tag)


def addresses() -> Iterator[tuple[str, str]]:
    """(method, path) of every route, with a thing that exists and one that does not in each place of the path."""
    seen = set()
    for handler in HANDLERS:
        for template in handler.paths:
            paths = [template]
            for name in re.findall(r"{(\w+)(?::\w+)?}", template):
                values = IN_PATH.get(name, ["x"])
                paths = [re.sub(rf"{{{name}(:\w+)?}}", value, path) for path in paths for value in values]
            for path in paths:
                for method in sorted(str(one).rsplit(".", 1)[-1] for one in handler.http_methods):
                    if method != "OPTIONS" and (method, path) not in seen:
                        seen.add((method, path))
                        yield method, path


def variants(method: str, path: str) -> Iterator[tuple[str, str, dict[str, str], bytes]]:
    """The kinds of answer of one address: as asked, as HEAD, spelled otherwise, by a wrong method, with a bad
    query or body."""
    yield method, path, {}, b""
    if method == "GET":
        yield "HEAD", path, {}, b""
        yield "GET", f"{path}?nonsense=1&page=x&max_usd=x", {}, b""
        yield "DELETE", path, {}, b""
    else:
        yield method, path, {"sec-fetch-site": "cross-site"}, b"a=b"
        yield method, path, {"content-type": "application/json"}, b"{"
        yield method, path, {}, b"x" * 3_000_000
    yield method, f"/{path}" if path != "/" else "//", {}, b""
    yield method, f"{path}/" if path != "/" else "/?", {}, b""
    yield method, path.replace("s", "%73", 1), {}, b""


def faults(answer: httpx.Response) -> list[str]:
    """What an answer has that none may have, and lacks that each must have."""
    found = [f"{name}: {answer.headers.get(name)}" for name, value in SENT.items() if answer.headers.get(name) != value]
    found += [f"sends {name}" for name in NEVER if name in answer.headers]
    if "cross-origin-resource-policy" not in answer.headers or "permissions-policy" not in answer.headers:
        found.append("no cross-origin or permissions policy")
    if "cache-control" not in answer.headers and answer.status_code not in (304,):
        found.append("no cache-control")
    if answer.has_redirect_location and not answer.headers["location"].startswith("/"):
        found.append(f"leads away to {answer.headers['location']}")
    if answer.has_redirect_location and answer.headers["location"].startswith("//"):
        found.append("leads to another host")
    if answer.headers.get("content-type", "").startswith("text/html"):
        page = Loaded(answer.text)
        found += [
            f"loads {a}" for a in page.addresses if re.match(r"(?:[a-z]+:)?//|data:|blob:", a) and not OWN.match(a)
        ]
        found += [f"inline {what}" for what in page.inline]
    return found


def differing(one: httpx.Response, other: httpx.Response) -> str:
    """What tells two answers apart."""
    first, second = ({k: v for k, v in a.headers.items() if k not in VARYING} for a in (one, other))
    if (one.status_code, one.content) != (other.status_code, other.content):
        return f"{one.status_code} and {other.status_code}, {len(one.content)} and {len(other.content)} bytes"
    return "" if first == second else str(set(first.items()) ^ set(second.items()))


@pytest.mark.parametrize("promise", ["P-2.3a P-2.3b P-10a P-10b"])
def test_every_answer_of_every_address_is_protected_and_the_same_whatever_a_browser_signals(
    inside: Inside, promise: str
) -> None:
    wrong: list[str] = []
    statuses: set[int] = set()

    async def work(client: httpx.AsyncClient) -> None:
        for method, path in addresses():
            for verb, target, headers, body in variants(method, path):
                answers = [
                    await client.request(verb, target, headers=headers | signal, content=body) for signal in SIGNALS
                ]
                statuses.add(answers[0].status_code)
                label = f"{verb} {target} ({answers[0].status_code})"
                wrong.extend(f"{label}: {fault}" for fault in faults(answers[0]))
                wrong.extend(f"{label} with {signal}: {differing(answers[0], answer)}"
                             for signal, answer in zip(SIGNALS, answers, strict=True)
                             if differing(answers[0], answer))  # fmt: skip
                if verb == "GET" and (tag := answers[0].headers.get("etag")):
                    matched = await client.get(target, headers={"if-none-match": tag})
                    statuses.add(matched.status_code)
                    wrong.extend(f"{label} matched: {fault}" for fault in faults(matched))

    inside.run(work)
    assert wrong == []
    assert statuses >= {200, 304, 308, 400, 403, 404, 405, 413}
    assert 500 not in statuses
