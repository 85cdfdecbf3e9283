"""Feeds and the sitemap are well-formed whatever their texts hold, and have all that RFC 4287 asks for."""

import re
import xml.etree.ElementTree as ET

import httpx
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import load
from app.site import feeds
from app.site.feeds import Entry, Feed

ATOM = "{http://www.w3.org/2005/Atom}"
SETTINGS = load({"INFERENCEBENCH_BASE_URL": "https://bench.example"})
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped (section 2.2)."""


def parsed(*entries: Entry, title: str = "News") -> ET.Element:
    answer = feeds.atom(SETTINGS, Feed(title, "/news?gpu=a&b", "/news.atom?gpu=a&b", "2026-11-25", entries))
    assert answer.media_type == "application/atom+xml; charset=utf-8"
    return ET.fromstring(answer.body)


@given(st.text(max_size=40), st.text(max_size=40), st.text(st.characters(codec=None), max_size=10))
def test_a_feed_says_what_it_was_given_whatever_that_is(title: str, summary: str, place: str) -> None:
    tree = parsed(Entry("tag:x,2026:1", title, "/a", "2026-11-24", summary + place), title=place)

    def read(text: str) -> str:
        return FORBIDDEN.sub("", text).replace("\r\n", "\n").replace("\r", "\n")

    (entry,) = tree.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == read(title)
    assert entry.findtext(f"{ATOM}summary") == read(summary + place)
    assert tree.findtext(f"{ATOM}title") == read(place)


def test_a_feed_has_what_the_standard_asks_for() -> None:
    tree = parsed(Entry("tag:x,2026:1", "One <b>", "/one?a=1&b=2", "2026-11-24", 'says "x" & y'))
    assert tree.findtext(f"{ATOM}id") == "https://bench.example/news?gpu=a&b"
    assert tree.findtext(f"{ATOM}updated") == "2026-11-25T00:00:00Z"
    assert tree.findtext(f"{ATOM}author/{ATOM}name") == "InferenceBench"
    links = {link.get("rel"): link.get("href") for link in tree.findall(f"{ATOM}link")}
    assert links == {"self": "https://bench.example/news.atom?gpu=a&b", None: "https://bench.example/news?gpu=a&b"}
    (entry,) = tree.findall(f"{ATOM}entry")
    assert [child.tag.removeprefix(ATOM) for child in entry] == ["title", "id", "updated", "link", "summary"]
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "https://bench.example/one?a=1&b=2"
    assert entry.findtext(f"{ATOM}updated") == "2026-11-24T00:00:00Z"


def test_the_feeds_of_the_site_are_such_feeds(http: httpx.Client) -> None:
    for address in ("/prices/changes.atom", "/prices/changes.atom?gpu=l4-24gb", "/policies/changes.atom"):
        answer = http.get(address)
        assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
        tree = ET.fromstring(answer.content)
        assert all(tree.findtext(f"{ATOM}{name}") for name in ("title", "id", "updated"))
        ids = [entry.findtext(f"{ATOM}id") or "" for entry in tree.findall(f"{ATOM}entry")]
        assert all(ids)
        assert len(set(ids)) == len(ids)
        for link in tree.findall(f"{ATOM}link"):
            assert http.get((link.get("href") or "").split("/", 3)[3].join(("/", ""))).status_code == 200
