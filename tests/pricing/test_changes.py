"""What moved: five per cent and more, from one recorded day to the next, once."""

import re
import xml.etree.ElementTree as ET

import httpx
import pytest

from app.pricing.history.price_moves import price_moves

ATOM = "{http://www.w3.org/2005/Atom}"


def point(day: str, micro: int, provider: str = "aws", region: str = "us-east-1") -> dict[str, object]:
    return {
        "day": day,
        "provider": provider,
        "gpu": "l4-24gb",
        "tier": "spot",
        "commitment_months": None,
        "region": region,
        "usd_per_gpu_hour_micro": micro,
    }


def test_a_move_under_five_per_cent_is_not_told_and_one_of_five_is() -> None:
    found = price_moves(
        [point("2026-06-01", 1_000_000), point("2026-06-02", 1_049_999), point("2026-06-03", 1_102_499)]
    )
    assert [(c.day, c.before_micro, c.after_micro) for c in found] == [("2026-06-03", 1_049_999, 1_102_499)]


def test_the_lowest_price_of_a_day_counts_and_regions_stay_apart() -> None:
    found = price_moves(
        [
            point("2026-06-01", 2_000_000),
            point("2026-06-01", 1_000_000),
            point("2026-06-02", 1_000_000),
            point("2026-06-02", 9_000_000),
            point("2026-06-02", 500_000, region="eu-west-1"),
        ]
    )
    assert found == []


def test_a_fall_is_negative_and_the_newest_comes_first() -> None:
    found = price_moves([point("2026-06-01", 1_000_000), point("2026-06-02", 500_000), point("2026-06-05", 600_000)])
    assert [(c.day, round(c.percent, 3)) for c in found] == [("2026-06-05", 20.0), ("2026-06-02", -50.0)]


@pytest.mark.parametrize("query", ["", "?gpu=h100-sxm-80gb"])
def test_the_feed_and_the_page_tell_the_same_changes(http: httpx.Client, query: str) -> None:
    tree = ET.fromstring(http.get(f"/prices/changes.atom{query}").content)
    entries = tree.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert entries
    assert len(set(ids)) == len(ids)
    page = http.get(f"/prices/changes{query}").text
    assert page.count('class="n c"') == min(len(entries), 120)
    for entry in entries:
        assert entry.findtext(f"{ATOM}updated", "").endswith("T00:00:00Z")


def test_changes_are_of_one_gpu_or_of_all(http: httpx.Client) -> None:
    assert http.get("/prices/changes?gpu=l4-24gb&gpu=l40-48gb").status_code == 400
    assert http.get("/prices/changes?gpu=nothing").status_code == 400
    assert "No recorded price moved" in http.get("/prices/changes?gpu=tpu-v4-32gb").text


def test_what_octobers_lists_asked_since_may_is_among_the_changes(http: httpx.Client) -> None:
    page = re.sub(r"<[^>]+>", " ", http.get("/prices/changes?gpu=h100-sxm-80gb").text)
    assert re.search(r"3 Oct 2026\s+H100 SXM\s+Verda\s+On demand\s+not stated\s+2.29\s+3.70\s+\+61.6%", page)
    assert "at Verda: $3.70, +61.6%" in http.get("/prices/changes.atom?gpu=h100-sxm-80gb").text


def test_a_slice_another_market_and_a_part_of_a_price_are_no_change(http: httpx.Client) -> None:
    page = re.sub(r"<[^>]+>", " ", http.get("/prices/changes").text)
    assert re.search(r"10 Oct 2026\s+B300 SXM\s+RunPod\s+On demand\s+any region\s+7.39\s+8.99", page)  # no slice
    assert not re.search(r"10 Oct 2026\s+H100 NVL\s+RunPod", page)  # the community cloud is not the secure one
    assert not re.search(r"L40S\s+Oracle Cloud\s+On demand\s+any region\s+0.60", page)  # never the price of a card
