"""Atom feeds (RFC 4287) and the sitemap, from templates."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.core.settings import Settings
from app.site.render import render
from app.web.answers import Answer

ATOM = "application/atom+xml; charset=utf-8"
XML = "application/xml; charset=utf-8"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may contain, not even escaped (section 2.2)."""


class Entry(NamedTuple):
    """An entry: ``identity`` is a URI that never changes, ``address`` a path on this site, ``day`` an ISO date or
    instant."""

    identity: str
    title: str
    address: str
    day: str
    summary: str


class Feed(NamedTuple):
    """A feed: ``address`` is the page that it follows, ``own_address`` is its own, ``day`` is its newest entry's ISO
    date or instant."""

    title: str
    address: str
    own_address: str
    day: str
    entries: Sequence[Entry]


def atom(settings: Settings, feed: Feed) -> Answer:
    """The feed as an answer. Characters that XML forbids are left out."""
    readable = feed._replace(
        title=_readable(feed.title), entries=[Entry(*map(_readable, entry)) for entry in feed.entries]
    )
    return Answer(render("site/feed.atom", settings=settings, feed=readable), ATOM)


def sitemap(settings: Settings, pages: Iterable[str]) -> Answer:
    """The paths of ``pages`` as a sitemap (sitemaps.org, protocol 0.9)."""
    return Answer(render("site/sitemap.xml", settings=settings, pages=pages), XML)


def _readable(text: str) -> str:
    return _FORBIDDEN.sub("", text)
