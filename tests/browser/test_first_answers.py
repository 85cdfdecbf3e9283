"""The first five minutes: no dead end, and no figure that contradicts the one beside it."""

import re
import sqlite3
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests import plain
from tests.conftest import Site, free_port, serve

EMPTY = re.compile("Nothing matches all of that|No model matches all of that|No measurement matches all of that|"
                   "No prices are recorded in this window|Nobody is known to offer this accelerator")  # fmt: skip
STARTS = ("/", "/prices", "/gpus/h100-sxm-80gb", "/models", "/models/meta-llama--llama-3.3-70b-instruct", "/calculator",
          "/benchmarks", "/compare", "/providers/verda", "/api", "/methodology", "/status")  # fmt: skip


def test_each_example_on_the_front_page_finds_offers(page: Page) -> None:
    page.goto("/")
    links = page.locator(".try a[href^='/prices']")
    assert links.count() >= 3
    for address in [link.get_attribute("href") or "" for link in links.all()]:
        page.goto(address)
        expect(page.locator("#board tbody tr").first).to_be_visible()
    page.goto("/")
    examples = (page.locator("main input[name=q]").get_attribute("placeholder") or "").split(", ")
    assert len(examples) == 3
    for words in examples:
        page.locator("main input[name=q]").fill(words)
        page.locator("main input[name=q]").press("Enter")
        expect(page.locator(".head p").first).to_contain_text("Understood")
        expect(page.locator("main tbody tr").first).to_be_visible()


@pytest.fixture(scope="module")
def american(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site that knows only on-demand offers in the United States, of GPUs under 80 GB, and one of
    whose sources fails."""
    data, port = tmp_path_factory.mktemp("american"), free_port()
    loading = serve(data, port)  # it loads the shipped prices
    loading.terminate()
    loading.wait(15)
    with sqlite3.connect(data / "inferencebench.sqlite") as database:
        for table in ("offer", "offer_tally"):
            database.execute(f"DELETE FROM {table} WHERE country <> 'us' OR tier <> 'on-demand' OR gpu_memory_gb >= 80")
        (left,) = database.execute("SELECT count(*) FROM offer").fetchone()
        database.execute(
            "UPDATE loaded_source SET error = ?, error_at = 1780000000, live = 1 WHERE name = 'price-feed'",
            ("refused: [Errno 111] Connect call failed ('203.0.113.9', 443)",),
        )
    database.close()
    assert left > 20
    process = serve(data, port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(15)


def test_examples_are_those_that_find_something_whatever_is_offered(browser: Browser, american: str) -> None:
    """In the shipped prices all of them do; here Europe, spot and 80 GB have nothing, and none is offered."""
    page = browser.new_page(base_url=american)
    for start, links, left_out in (("/", ".try a[href^='/prices']", "in Europe"),
                                   ("/search", ".asks a", "h100 spot europe")):  # fmt: skip
        page.goto(start)
        shown = page.locator(links)
        addresses = [link.get_attribute("href") or "" for link in shown.all()]
        assert len(addresses) >= 2, start
        assert left_out not in shown.all_inner_texts()
        for address in addresses:
            page.goto(address)
            leads = page.locator("#board tbody tr, main tbody tr, main .plainlist a")
            expect(leads.first, address).to_be_visible()
    page.close()


def test_a_failing_source_has_plain_words_and_its_technical_text_is_folded(browser: Browser, american: str) -> None:
    page = browser.new_page(base_url=american)
    page.goto("/status")
    row = page.locator("table.sources tr", has_text="price-feed").first
    expect(row.locator("summary")).to_be_visible()
    assert not re.search(r"Errno|\b443\b|refused:", page.locator("main").inner_text())
    row.locator("summary").click()
    expect(row.locator("code")).to_contain_text("Errno 111")
    page.close()


def test_each_search_that_is_suggested_leads_somewhere(page: Page) -> None:
    page.goto("/search?q=qwertzuiop")
    expect(page.locator(".head p").first).to_contain_text("Nothing here goes by that name")
    addresses = [link.get_attribute("href") or "" for link in page.locator(".asks a").all()]
    assert len(addresses) > 12
    for address in addresses:
        page.goto(address)
        expect(page.locator("main tbody tr, main .plainlist a").first, address).to_be_visible()


def test_no_link_of_a_page_that_people_start_from_leads_to_an_empty_one(site: Site) -> None:
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=30) as client:
        asked: dict[str, None] = {}
        for start in STARTS:
            for address in re.findall(r'<a [^>]*href="(/[^"#]*)', client.get(start).text):
                whole = urljoin(start, address.replace("&amp;", "&"))
                # each kind of link with a query, and one of each kind of page; the rest differ by their slug alone
                kind = urlsplit(whole).path.split("/")[1]
                if "?" in whole or not any(urlsplit(a).path.split("/")[1] == kind for a in asked):
                    asked[whole] = None
        shown = [address for address in asked if not address.startswith(("/submit", "/policies"))][:120]
        assert len(shown) > 30
        for address in shown:
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert not EMPTY.search(answer.text), address


def test_each_example_of_the_api_finds_offers_or_says_that_none_has_it(site: Site) -> None:
    text = plain.get(f"{site.url}/api").text
    examples = set(re.findall(r'data-label="Example"><code>([a-z_]+)=([^<]+)</code>', text))
    assert len(examples) > 8
    for name, value in examples - {("limit", "100")}:
        if name in ("gpu", "provider", "region", "tier", "stock", "min_memory_gb", "max_usd", "gpu_count", "q"):
            found = plain.get(f"{site.url}/api/prices", params={name: value}, follow_redirects=True).json()
            assert found["offers"], (name, value)
    assert "no offer states it at present" in text  # in the shipped prices nobody tells of stock


@pytest.mark.parametrize(
    ("words", "leads"),
    [("mi300", "/gpus/mi300x-192gb"), ("tpu v5e", "/gpus/tpu-v5e-16gb"), ("tpu", "/gpus/tpu-v6e-32gb"),
     ("amd", "/gpus/mi300x-192gb"), ("h10o", "/gpus/h100-sxm-80gb"), ("runpod 4090", "/providers/runpod"),
     ("lamma 70b", "/models/meta-llama--llama-3.3-70b-instruct"), ("h100 frankfurt", "region=de-or-not-stated"),
     ("günstigste h100 deutschland", "region=de-or-not-stated"), ("a100 80gb us", "region=us-or-not-stated"),
     ("google a100", "provider=gcp"), ("togetherai", "/providers/together"), ("cheapest gpu", 'href="/prices"'),
     ("what gpu for llama 3.3 70b", "/models/meta-llama--llama-3.3-70b-instruct"), ("nvidia", 'href="/gpus"'),
     ("llama 3.3 70b on h200", "/models/meta-llama--llama-3.3-70b-instruct"),
     ("gemma 3 27b", "nearest relative"), ("stable diffusion", "published")],
)  # fmt: skip
def test_what_a_newcomer_types_leads_somewhere(http: httpx.Client, words: str, leads: str) -> None:
    page = http.get("/search", params={"q": words}, follow_redirects=True).text
    main = page.partition('<main id="main">')[2].partition("</main>")[0].partition("</form>")[2]
    assert leads in main, words


def test_a_chart_says_whose_prices_it_shows_where_the_cards_speak_of_more(page: Page) -> None:
    page.goto("/gpus/h100-sxm-80gb")
    caption = page.locator(".chart figcaption")
    expect(caption).to_contain_text(
        re.compile(r"The lines cover (all \d+ providers|[A-Z].+ and .+), each from the day")
    )


def test_a_window_names_every_provider_whose_price_is_in_its_lines(page: Page) -> None:
    """The lowest spot price of the last 90 days of the shipped lists is that of one seen in May alone."""
    page.goto("/gpus/h100-sxm-80gb?days=all")
    every = page.locator(".chart figcaption").inner_text()
    page.goto("/gpus/h100-sxm-80gb?days=365")
    assert page.locator(".chart figcaption").inner_text().split("; each step")[0].split(".")[0] in every
    expect(page.locator(".chart figcaption")).to_contain_text(re.compile(r"cover (all (19|20) providers|.*Dataoorts)"))


@pytest.mark.parametrize("gpu", ["h100-sxm-80gb", "a100-sxm-80gb", "h200-sxm-141gb", "l40s-48gb"])
def test_the_chart_ends_at_the_prices_of_the_cards(page: Page, gpu: str) -> None:
    page.goto(f"/gpus/{gpu}")
    cards = page.locator(".figures").inner_text()
    page.goto(f"/gpus/{gpu}/history?days=all")
    _, low, _, spot, *_ = page.locator("main tbody tr").first.locator("th, td").all_inner_texts()
    for label, price in (("on demand", low), ("spot", spot)):
        card = re.search(rf"cheapest {label}\s+\$([\d.]+)", cards, re.IGNORECASE)
        assert card
        assert price.lstrip("$") == card[1]


def test_a_model_that_is_not_tracked_is_answered_by_a_relative(page: Page) -> None:
    page.goto("/models?q=nvidia+llama+3.3+70b+instruct+fp8")
    expect(page.locator("main .empty")).to_contain_text("Llama-3.3-70B-Instruct: the same architecture")
    page.goto("/models/meta-llama--llama-3.3-70b")
    expect(page.locator("main")).to_contain_text("is not tracked. Its nearest relative here is Llama-3.3-70B-Instruct")
    page.get_by_role("link", name="Llama-3.3-70B-Instruct").click()
    row = page.locator(".fitgrid tr", has=page.get_by_role("link", name="GeForce RTX 4090", exact=True))
    expect(row.locator("td").nth(1)).to_contain_text("INT4")


def test_errors_are_told_of_both_times(page: Page) -> None:
    page.goto("/benchmarks")
    expect(page.locator("main [role=status]")).to_contain_text(
        re.compile(r"TPOT,.*median error\s[\d.]+%.*TTFT,.*median error\s[\d.]+%", re.DOTALL)
    )


def test_the_methodology_shows_no_markup_and_keeps_numbers_whole(page: Page) -> None:
    page.goto("/methodology")
    page.eval_on_selector_all("main details", "(all) => all.forEach((part) => { part.open = true; })")
    text = page.inner_text("main")
    assert "Distinct experts" in text
    assert not re.search(r":[a-z]+:`|``|`", text)
    assert re.findall(r"(?<![\d.,/-])(?!(?:19|20)\d\d )\d{4,}(?= [a-z])", text) == []
    for cell in page.locator("main td.num").all()[:200]:
        assert cell.evaluate("(cell) => getComputedStyle(cell).whiteSpace") == "nowrap"
