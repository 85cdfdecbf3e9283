"""What the search finds, and that the price list understands the same words in the same way."""

import re
from html import unescape

import httpx
import pytest

NOTHING = "Nothing here goes by that name"


def main_of(http: httpx.Client, words: str) -> str:
    """What a reader sees of the answer to ``words``."""
    page = http.get("/search", params={"q": words}, follow_redirects=True).text
    text = page.partition('<main id="main">')[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL))).split())


@pytest.mark.parametrize(
    "words",
    ["us-east-1", "nd96", "p5.48xlarge", "p4d", "quadro", "google", "amazon", "hopper", "blackwell", "ada", "ampere",
     "cdna", "frankfurt", "eastus", "h100 us-east-1", "a3-highgpu", "h100 spot europe", "titan", "gcp spot"],
)  # fmt: skip
def test_search_and_price_list_understand_the_same(http: httpx.Client, words: str) -> None:
    count = http.get("/api/prices", params={"q": words, "limit": "1"}).json()["count"]
    assert count > 0
    text = main_of(http, words)
    assert NOTHING not in text
    assert f"{count:,} offer" in text


def board_of(text: str) -> str:
    """The table of GPUs in the text of a page."""
    return text.partition("GPUs found, USD per GPU-hour")[2].partition(" offers ")[0]


def test_the_table_of_gpus_holds_what_was_understood(http: httpx.Client) -> None:
    limited = board_of(main_of(http, "h100 max $2"))
    prices = [float(price) for price in re.findall(r"(?<![$\w.])\d+\.\d+(?= [A-Z])", limited)]
    assert prices
    assert max(prices) <= 2
    spot = board_of(main_of(http, "h100 spot europe"))
    asked = {"q": "h100 spot europe", "limit": "1"}
    cheapest = http.get("/api/prices", params=asked).json()["offers"][0]["usd_per_gpu_hour"]
    first = re.search(r"Compare GPU Spot from .*?GB (\d+\.\d+) ", spot)
    assert first, spot
    assert float(first[1]) == pytest.approx(cheapest, abs=0.005)
    assert "On demand" not in spot
    page = (
        http.get("/search", params={"q": "h100 spot"}).text.partition('class="line best"')[2].partition("</table>")[0]
    )
    assert set(re.findall(r'<td class="n p m"([^>]*)>', page)) == {' data-tier="spot"'}, "a phone has no headings"


@pytest.mark.parametrize("words", ["h20", "h800", "l20", "mi308x", "b100"])
def test_a_gpu_that_is_not_tracked_is_not_replaced_by_another(http: httpx.Client, words: str) -> None:
    text = main_of(http, words)
    assert f"No GPU called “{words}” is tracked" in text
    assert "GPUs found" not in text
    assert http.get("/api/prices", params={"q": words}).json()["count"] == 0


def test_a_letter_typed_for_a_digit_is_put_right(http: httpx.Client) -> None:
    assert "No match for “h10o”. Did you mean h100 ?" in main_of(http, "h10o")


def test_an_instance_is_no_part_of_a_models_name(http: httpx.Client) -> None:
    text = main_of(http, "p4d")
    assert "Models found" not in text
    assert "p4d.24xlarge" in text


def test_a_house_that_rents_and_makes_models_is_found_as_both(http: httpx.Client) -> None:
    text = main_of(http, "google")
    assert "Google Cloud : " in text
    assert "gemma" in text


@pytest.mark.parametrize(
    ("asked", "leads"),
    [("/gpus/h100-sxm", "/gpus/h100-sxm-80gb"), ("/gpus/RTX-4090", "/gpus/rtx-4090-24gb"),
     ("/gpus/4090", "/gpus/rtx-4090-24gb"),
     ("/providers/google", "/providers/gcp"), ("/providers/Amazon", "/providers/aws")],
)  # fmt: skip
def test_a_name_that_the_search_knows_leads_to_the_page(http: httpx.Client, asked: str, leads: str) -> None:
    answer = http.get(asked)
    assert (answer.status_code, answer.headers.get("location")) == (308, leads)


def test_a_name_of_several_gpus_offers_them(http: httpx.Client) -> None:
    answer = http.get("/gpus/h100")
    assert answer.status_code == 404
    assert {"/gpus/h100-sxm-80gb", "/gpus/h100-pcie-80gb", "/gpus/h100-nvl-94gb"} <= set(
        re.findall(r'href="(/gpus/[^"]+)"', answer.text)
    )


def test_a_count_that_nobody_sells_is_answered_by_machines_of_other_sizes(http: httpx.Client) -> None:
    text = main_of(http, "2x4090")
    assert "No offer is a machine of 2 of them; these have other sizes." in text
    assert "No current offer matches" not in text
    assert text.count("GeForce RTX 4090") > 2
    assert "have other sizes" not in main_of(http, "8x h100")
