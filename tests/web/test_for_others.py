"""What other people's pages and programs take from the site: the badge and llms.txt."""

import re
import xml.etree.ElementTree as ET

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.site import badge
from tests.conftest import Inside

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ET.Element:
    tree = ET.fromstring(text)
    assert tree.tag == f"{SVG}svg"
    assert tree.get("role") == "img"
    return tree


def test_a_badge_says_the_lowest_price_of_its_tier_and_its_day(http: httpx.Client) -> None:
    for tier, name in (("", "on demand"), ("?tier=spot", "spot")):
        answer = http.get(f"/badge/h100-sxm-80gb.svg{tier}")
        assert answer.headers["content-type"] == "image/svg+xml"
        tree = drawn(answer.text)
        title = tree.findtext(f"{SVG}title") or ""
        label, value = (text.text or "" for text in tree.iter(f"{SVG}text"))
        assert label.endswith(name)
        price, seen = re.fullmatch(r"(\$[\d.]+)/GPU-hour, (\d+ \w{3} \d{4})", value).groups()  # type: ignore[union-attr]
        assert title.startswith(f"{label}: lowest price {price} per GPU-hour, seen {seen}.")
        page = http.get("/gpus/h100-sxm-80gb").text
        heading = "Cheapest on demand" if not tier else "Cheapest spot"
        best = re.search(rf"<dt>{heading}</dt><dd><b[^>]*>([^<]+)</b>", re.sub(r"\n", " ", page))
        assert best
        assert best[1] == price
        assert f"/badge/h100-sxm-80gb.svg{tier}" in page


def test_a_badge_is_cached_shown_anywhere_and_holds_no_script(http: httpx.Client) -> None:
    answer = http.get("/badge/l4-24gb.svg")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "s-maxage=60" in answer.headers["cache-control"]
    assert http.get("/badge/l4-24gb.svg", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert not re.search(r"<script|href|style=|\son\w+=", answer.text)
    assert len(answer.content) < 2_000
    assert http.get("/gpus/l4-24gb").headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/badge/nothing.svg", 404), ("/badge/h100-sxm-80gb.png", 404), ("/badge/h100-sxm-80gb", 404),
        ("/badge/h100-sxm-80gb.svg?tier=reserved", 400), ("/badge/h100-sxm-80gb.svg?tier=spot&tier=on-demand", 400),
        ("/badge/h100-sxm-80gb.svg?tier=on-demand", 308), ("/badge/h100-sxm-80gb.svg?size=9", 308),
    ],
)  # fmt: skip
def test_what_is_no_badge_is_refused_or_moved(http: httpx.Client, address: str, status: int) -> None:
    assert http.get(address).status_code == status


def test_a_gpu_without_an_offer_says_so(http: httpx.Client) -> None:
    assert "no offer known" in http.get("/badge/tpu-v4-32gb.svg?tier=spot").text
    assert badge.texts("X", "spot", None)["value"] == "no offer known"


@given(st.text(max_size=400))
def test_a_badge_is_of_bounded_width_whatever_its_words(name: str) -> None:
    found = badge.texts(name, "spot", None)
    assert len(found["label"]) <= badge.MOST_CHARACTERS
    assert 20 <= found["left"] <= 20 + 10 * badge.MOST_CHARACTERS


@pytest.mark.parametrize("promise", ["P-2.3b"])
def test_on_which_page_a_badge_was_seen_is_not_noted(inside: Inside, promise: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for path in ("/badge/l4-24gb.svg", "/gpus/l4-24gb"):
            await client.get(path, headers={"referer": f"https://example.org/read{path}"})

    inside.run(work)
    inside.log.flush()
    noted = "".join(file.read_text() for file in inside.log.folder.glob("access-*.tsv"))
    assert "/badge/l4-24gb.svg" in noted
    assert "example.org/read/gpus" in noted
    assert "example.org/read/badge" not in noted


def test_llms_txt_names_addresses_that_answer(http: httpx.Client, site: object) -> None:
    answer = http.get("/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == "# InferenceBench"
    assert lines[2].startswith("> ")
    assert not re.search(r"<\w|&amp;|\{[{%]", answer.text)
    addresses = re.findall(r"\]\((http[^)]+)\)", answer.text) + re.findall(r"^(http\S+)$", answer.text, re.MULTILINE)
    assert len(addresses) > 12
    for address in addresses:
        assert http.get("/" + address.split("/", 3)[3]).status_code in (200, 308), address
