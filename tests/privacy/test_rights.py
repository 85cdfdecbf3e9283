"""The rights page: every right, its meaning, a mail that begins well."""

import re
from html import unescape
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from app.privacy.requests.rights import RIGHTS
from tests import plain
from tests.conftest import Site

GDPR = {"access", "rectification", "erasure", "restriction", "portability", "objection", "withdrawal", "complaint"}
CCPA = {"know", "delete", "correct", "opt-out"}


@pytest.mark.parametrize("promise", ["P-9.1", "P-9.2"])
def test_each_right_is_explained_and_has_a_mail_that_names_its_kind(site: Site, promise: str) -> None:
    page = plain.get(f"{site.url}/privacy/rights").text
    assert (GDPR if promise == "P-9.1" else CCPA) <= {right.kind for right in RIGHTS}
    links = [unescape(link) for link in re.findall(r'href="(mailto:[^"?]+\?[^"]+)"', page)]
    assert len(links) == len(RIGHTS)
    for right, link in zip(sorted(RIGHTS, key=lambda r: ("GDPR", "CCPA", "any law").index(r.law)), links, strict=True):
        assert right.means in unescape(page)
        parts = urlsplit(link)
        assert unquote(parts.path) == "privacy@inferencebench.io"
        said = parse_qs(parts.query, strict_parsing=True)
        assert f"[{right.kind}]" in said["subject"][0]
        assert said["body"][0].startswith(right.asks)


@pytest.mark.parametrize("promise", ["P-9.3 P-9.4"])
def test_what_to_expect_is_said(site: Site, promise: str) -> None:
    page = " ".join(re.sub(r"<[^>]+>", " ", plain.get(f"{site.url}/privacy/rights").text).split())
    for words in (
        "within 30 days under the GDPR",
        "within 45 days under the CCPA",
        "Nothing personal is sent or erased before that",
        "never held against you",
        "Art. 11(2)",
    ):
        assert words in page


@pytest.mark.parametrize("promise", ["P-5 P-7"])
def test_every_processor_is_named_with_country_and_safeguard(site: Site, promise: str) -> None:
    import json

    from tests.conftest import ROOT

    page = unescape(plain.get(f"{site.url}/policies/privacy").text)
    listed = page.split('id="processors"')[1].split("</section>")[0]  # the policy's text may link the same address
    rows = json.loads((ROOT / "policies" / "processors.json").read_text())
    assert rows
    for row in rows:
        for field in ("name", "does", "data", "country", "safeguard"):
            assert row[field] in listed
        assert f'href="{row["privacy"]}"' in listed
