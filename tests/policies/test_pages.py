"""Policies on the site: every promise stands in the text, a notice stands on every page until its day."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

from app.core.settings import load
from app.policies import files
from tests import plain
from tests.conftest import ROOT, Inside, Site, database_of
from tests.policies.test_documents import text

SAID = {
    "P-2.1a": "pricing reports, benchmark data and reports of your experience",
    "P-2.1b": "by e-mail, on GitHub or in another way",
    "P-2.2a": "your IP address, the type of your browser, your operating system, the referring address, the page, and "
              "the time",
    "P-2.2b": "kept for at most 90 days and used for security, against abuse, and for aggregate statistics only",
    "P-2.2c": "Page load times and error rates are counted anonymously",
    "P-2.3a": "no account, no registration and no log-in",
    "P-2.3b": "no tracking cookies, no pixels, no analysis of behaviour, no tracking across sites and no "
              "fingerprinting",
    "P-2.3c": "payment data, social security numbers or government identifiers",
    "P-2.4": "live only in your browser's local storage. They never leave your device",
    "P-3a": "legitimate interest",
    "P-3b": "You may withdraw consent at any time; that stops later processing and leaves earlier processing lawful",
    "P-4": "make aggregate, de-identified statistics. Never to make profiles",
    "P-5": "Nothing is sold, rented or traded", "P-6": "called from the server only and receive no data of visitors",
    "P-7": "standard contractual clauses, an adequacy decision or a data processing agreement",
    "P-8a": "Server logs: at most 90 days, then purged",
    "P-8b": "until you ask for their deletion or they are no longer needed",
    "P-8c": "at most 12 months after the matter was resolved",
    "P-8d": "a button that clears everything this site stored there",
    "P-9.1": "right of access, to rectification, to erasure, to restriction, to data portability, to object, to "
             "withdraw consent, and to complain",
    "P-9.2": "right to know, to delete, to correct, and to opt out of sale or sharing",
    "P-9.3": "Within 30 days under the GDPR and 45 days under the CCPA", "P-9.4": "we may verify your identity",
    "P-10a": "TLS 1.2 or newer", "P-10b": "content security policy", "P-10c": "read-only file system",
    "P-10d": "without administrator rights and with every capability dropped",
    "P-10e": "Dependencies are locked and reviewed regularly",
    "P-10f": "No password, key or credential is in anything a browser receives", "P-11": "children under 16",
    "P-12": "honours Do Not Track",
    "P-13a": "announced prominently on the site at least 30 days before it takes effect",
    "P-13b": "every older version stays readable", "P-14": "We answer questions about privacy within 30 days",
}  # fmt: skip
"""Promise → the words of the privacy policy that make it."""


def words(site: Site, path: str) -> str:
    page = plain.get(f"{site.url}{path}").text
    return " ".join(re.sub(r"<[^>]+>", "", page).replace("&#39;", "'").split())


@pytest.mark.parametrize("promise", SAID)
def test_the_privacy_policy_makes_every_promise(site: Site, promise: str) -> None:
    assert SAID[promise] in words(site, "/policies/privacy")


@pytest.mark.parametrize("promise", ["P-6"])
def test_everyone_who_is_asked_is_named_with_a_privacy_policy(site: Site, promise: str) -> None:
    from app.pricing.sources import EVERY

    page = plain.get(f"{site.url}/policies/privacy").text
    known: list[Any] = [*EVERY.values()]
    for source in known:
        assert source.privacy.startswith("https://")
        assert f'href="{source.privacy}"' in page
    asked = {title: address for source in EVERY.values() for title, address in source.asked().items()}
    asked |= {"Hugging Face Hub": "https://huggingface.co/privacy"}  # of the models, not only one of the price sources
    links = re.findall(r'href="([^"]+)"[^>]*>([^<]+)</a>', page)
    named = {(unescape(title), unescape(address)) for address, title in links}
    assert {*asked.items()} <= named
    for name in ("lium", "daytona", "digitalocean", "seeweb", "jarvislabs", "hugging face hub"):
        assert any(name in title.casefold() for title, _ in named), name


def test_controller_and_contact_are_configuration(inside: Inside) -> None:
    settings = load(
        database_of(
            inside.settings,
            INFERENCEBENCH_CONTROLLER_NAME="Somebody Else",
            INFERENCEBENCH_CONTACT_EMAIL="dpo@example.org",
        )
    )
    other = Inside(settings)

    async def work(client: httpx.AsyncClient) -> None:
        page = (await client.get("/policies/privacy")).text
        assert "Somebody Else" in page
        assert "mailto:dpo@example.org" in page
        assert "privacy@inferencebench.io" not in page

    other.run(work)
    other.app._prepared._watch.close()


def test_policies_can_be_read_as_pages_markdown_and_feed(site: Site) -> None:
    assert plain.get(f"{site.url}/privacy").headers["location"] == "/policies/privacy"
    for policy in ("privacy", "terms", "accessibility", "independence", "security"):
        page = plain.get(f"{site.url}/policies/{policy}").text
        assert "in force" in page
        assert '<time datetime="2026-03-27">' in page
        assert not re.search(r"\{\{|\}\}", page)
        for anchor in re.findall(r'<li><a href="#([^"]+)"', page):
            assert f'id="{anchor}"' in page
        assert plain.get(f"{site.url}/policies/{policy}/2026-03-27").status_code == 200
        assert (
            plain.get(f"{site.url}/policies/{policy}/2026-03-27.md").headers["content-type"]
            == "text/markdown; charset=utf-8"
        )
    assert plain.get(f"{site.url}/policies/changes.atom").text.count("<entry>") == 5
    for path in (
        "/policies/cookies",
        "/policies/privacy/2020-01-01",
        "/policies/privacy/changes/2020-01-01/2026-03-27",
    ):
        assert plain.get(f"{site.url}{path}").status_code == 404


@pytest.fixture
def changing(inside: Inside, tmp_path: Path) -> Iterator[Inside]:
    """A site whose privacy policy changes on 5 January 2027, announced on 1 December 2026."""
    folder = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    body = (
        (folder / "privacy" / "2026-03-27.md")
        .read_text()
        .split("---\n", 2)[2]
        .replace("at most 90 days and", "at most 60 days and")
    )
    (folder / "privacy" / "2027-01-05.md").write_text(text("2027-01-05", "2026-12-01", "true", "2", body))
    settings = load(database_of(inside.settings, INFERENCEBENCH_POLICIES_DIR=str(folder)))
    files._known.clear()
    with time_machine.travel(datetime(2026, 11, 30, 12, tzinfo=UTC), tick=False):
        made = Inside(settings)
        files.policies(settings)
    yield made
    made.app._prepared._watch.close()
    files._known.clear()


@pytest.mark.parametrize("promise", ["P-13a"])
def test_a_notice_stands_on_every_page_from_announcement_to_effect_kept_pages_included(
    changing: Inside, promise: str
) -> None:
    def seen(moment: datetime, path: str) -> httpx.Response:
        with time_machine.travel(moment, tick=False):
            found = changing.run(lambda client: client.get(path))
        assert isinstance(found, httpx.Response)
        return found

    for path in ("/", "/prices", "/gpus/l4-24gb", "/models", "/calculator", "/status", "/policies"):
        before = seen(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), path)
        assert "data-notice" not in before.text, path
        assert "s-maxage=1" in before.headers["cache-control"] or "s-maxage=0" in before.headers["cache-control"], path
        first = seen(datetime(2026, 12, 1, tzinfo=UTC), path)
        assert 'data-notice="privacy-2027-01-05"' in first.text, path
        assert "/policies/privacy/changes/2026-03-27/2027-01-05" in first.text
        assert 'data-notice="privacy-2027-01-05"' in seen(datetime(2027, 1, 4, 23, 59, 59, tzinfo=UTC), path).text
        assert "data-notice" not in seen(datetime(2027, 1, 5, tzinfo=UTC), path).text, path
    assert 'data-notice="privacy-2027-01-05"' in seen(datetime(2026, 12, 3, tzinfo=UTC), "/nothing-here").text


@pytest.mark.parametrize("promise", ["P-13b"])
def test_old_versions_stay_and_the_difference_is_shown(changing: Inside, promise: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        page = (await client.get("/policies/privacy")).text
        assert "at most 60 days and" in page
        assert "superseded" in page
        old = (await client.get("/policies/privacy/2026-03-27")).text
        assert "at most 90 days and" in old
        assert "This version is superseded" in old
        changes = (await client.get("/policies/privacy/changes/2026-03-27/2027-01-05")).text
        assert changes.count("<section") == 1
        assert "<ins>" in changes
        assert "<del>" in changes
        assert (await client.get("/readyz")).json().get("mend") is None

    with time_machine.travel(datetime(2027, 1, 6, tzinfo=UTC), tick=False):
        changing.run(work)


def test_a_late_version_is_told_to_the_operator_and_not_to_visitors(inside: Inside, tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    (folder / "privacy" / "2027-01-05.md").write_text(text("2027-01-05", "2026-12-01", "true", "2"))
    settings = load(database_of(inside.settings, INFERENCEBENCH_POLICIES_DIR=str(folder)))
    files._known.clear()
    with time_machine.travel(datetime(2026, 12, 20, tzinfo=UTC), tick=False):
        late = Inside(settings)

        async def work(client: httpx.AsyncClient) -> None:
            assert "data-notice" not in (await client.get("/")).text
            ready = await client.get("/readyz")
            assert ready.status_code == 200
            assert "earliest effective date that holds is 2027-01-19" in ready.json()["mend"][0]

        late.run(work)
        late.app._prepared._watch.close()
    files._known.clear()
