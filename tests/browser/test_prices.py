"""The price board as a visitor uses it."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, Route, expect

from app.catalog.facts import gpus
from app.pricing.offers.offer import Tier
from app.pricing.snapshot import files
from tests.conftest import Site

PAGES = ["/", "/prices", "/prices?tier=reserved", "/prices?gpu=h100-sxm-80gb", "/prices?provider=gcp", "/prices?q=zz",
         "/gpus", "/gpus/h100-sxm-80gb", "/gpus/h100-sxm-80gb?days=all&below=2",
         "/gpus/h100-sxm-80gb/history", "/search", "/search?q=8%20h100", "/search?q=llama%2070b", "/search?q=zebra",
         "/prices/changes", "/gpus/tpu-v4-32gb", "/models", "/bill?gpu=h100-sxm-80gb&gpus=8", "/index",
         "/index?gpu=h100-sxm-80gb", "/prices/lasting?gpu=h100-sxm-80gb", "/prices?sort=reclaims",
         "/models?q=zzz", "/models/deepseek-ai--deepseek-v3", "/providers", "/providers/gcp",
         "/compare", "/compare?gpu=b200-sxm-180gb&gpu=h100-sxm-80gb&gpu=mi300x-192gb", "/status", "/api", "/calculator",
         "/calculator/hardware/deepseek-ai--deepseek-r1", "/benchmarks", "/benchmarks?engine=llama.cpp&sort=error",
         "/methodology", "/methodology/errors", "/methodology/constants", "/methodology/traffic", "/status/rejected",
         "/models/meta-llama--llama-3.3-70b-instruct", "/gpus/nothing", "/prices?max_usd=abc",
         "/policies", "/policies/privacy", "/policies/terms/2026-03-27", "/privacy/rights", "/submit",
         "/submit/price", "/submit/benchmark", "/submit/experience", "/submissions", "/nothing"]  # fmt: skip

LARGE = [offer for offer in files.offers() if (gpus()[offer.gpu].memory_gb or 0) >= 24]
"""The offers that the page opens with; ``min_memory_gb=24`` is the chip that stands for it."""
ALL, EVERY = len(LARGE), len(files.offers())
SPOT, RESERVED = (sum(offer.tier is tier for offer in LARGE) for tier in (Tier.SPOT, Tier.RESERVED))


def count(page: Page) -> int:
    return int((page.locator("#count strong").inner_text()).replace(",", ""))


def first_rows(page: Page) -> list[str]:
    return [" ".join(text.split()) for text in page.locator("table.offers tbody tr:not(.group)").all_inner_texts()[:5]]


def settled(page: Page, address: str) -> None:
    page.wait_for_url(re.compile(re.escape(address) + "$"))
    expect(page.locator("#filters.htmx-request")).to_have_count(0)


def travel(page: Page, way: str, address: str) -> None:
    """Back or forward in the history, until the page of that address stands, loaded anew."""
    page.evaluate("window.before = true")
    page.evaluate(f"history.{way}()")
    for _ in range(200):
        try:
            stands = page.evaluate("[!window.before, document.readyState, location.pathname + location.search]")
        except Error:
            stands = None  # between two pages
        if stands == [True, "complete", address]:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{address} does not come")


def test_a_filter_swaps_only_the_results_and_the_address_follows(page: Page) -> None:
    page.goto("/prices")
    page.evaluate("window.stayed = true")
    page.get_by_role("checkbox", name="Spot (may be interrupted)").check()
    settled(page, "/prices?tier=spot&min_memory_gb=24")
    assert count(page) == SPOT
    assert page.evaluate("window.stayed") is True
    assert page.evaluate("document.activeElement.value") == "spot", "focus stays where it was"
    page.reload()
    assert count(page) == SPOT
    assert page.get_by_role("checkbox", name="Spot (may be interrupted)").is_checked()


def test_back_and_forward_give_the_same_rows(page: Page) -> None:
    page.goto("/prices")
    everything = first_rows(page)
    page.get_by_role("checkbox", name="Spot (may be interrupted)").check()
    settled(page, "/prices?tier=spot&min_memory_gb=24")
    spot = first_rows(page)
    page.locator("#sort-gpu").click()
    settled(page, "/prices?tier=spot&min_memory_gb=24&sort=gpu")
    travel(page, "back", "/prices?tier=spot&min_memory_gb=24")
    assert count(page) == SPOT
    assert first_rows(page) == spot
    travel(page, "back", "/prices")
    assert count(page) == ALL
    assert first_rows(page) == everything
    assert not page.get_by_role("checkbox", name="Spot (may be interrupted)").is_checked()
    travel(page, "forward", "/prices?tier=spot&min_memory_gb=24")
    assert count(page) == SPOT


def test_every_column_sorts_both_ways(page: Page) -> None:
    page.goto("/prices?provider=runpod")
    for key in ("gpu", "count", "provider", "tier", "region", "instance", "seen"):
        page.locator(f"#sort-{key}").click()
        settled(page, f"sort={key}")
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
        page.locator(f"#sort-{key}").click()
        settled(page, f"sort={key}&order=desc")
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_chips_show_the_active_filters_and_take_them_away(page: Page) -> None:
    page.goto("/prices?gpu=l4-24gb&tier=spot")
    page.get_by_role("link", name="Remove the filter L4").click()
    settled(page, "/prices?tier=spot")
    assert page.locator(".chips li").count() == 1
    page.get_by_role("link", name="Remove the filter Spot").click()
    settled(page, "/prices?min_memory_gb=0")
    assert count(page) == EVERY
    assert not page.get_by_role("checkbox", name="Spot (may be interrupted)").is_checked()


def test_the_page_opens_with_large_cards_and_data_with_all(page: Page) -> None:
    page.goto("/prices")
    assert count(page) == ALL < EVERY
    page.get_by_role("link", name="Remove the filter at least 24 GB").click()
    settled(page, "/prices?min_memory_gb=0")
    assert count(page) == EVERY
    assert page.locator(".chips li").count() == 0
    assert page.request.get("/api/prices?limit=1").json()["count"] == EVERY
    page.goto("/prices")
    page.locator("#q").fill("t4")  # less than 24 GB: words that name a GPU are not narrowed by how the page opens
    page.keyboard.press("Enter")
    settled(page, "/prices?gpu=t4-16gb")
    assert count(page) > 0


def test_the_words_of_a_search_become_filters_however_slowly_they_are_typed(page: Page) -> None:
    page.goto("/prices")
    page.locator("#q").press_sequentially("h100 80gb spot under 2", delay=40)
    page.keyboard.press("Enter")
    settled(page, "gpu=h100-80gb&gpu=h100-pcie-80gb&gpu=h100-sxm-80gb&tier=spot&max_usd=2")
    assert page.get_by_role("checkbox", name="Spot (may be interrupted)").is_checked()
    assert 0 < count(page) < 130
    expect(page.locator("#q")).to_have_value("")
    page.locator("#q").fill("zebra")
    page.keyboard.press("Enter")
    settled(page, "&q=zebra")
    expect(page.locator("#q")).to_have_value("zebra")
    assert count(page) == 0


def test_pages_go_on_and_open_in_a_new_tab_alike(page: Page) -> None:
    page.goto("/prices")
    page.get_by_role("link", name="Next").click()
    settled(page, "/prices?page=2")
    swapped = first_rows(page)
    other = page.context.new_page()
    other.goto(page.url)
    assert first_rows(other) == swapped
    other.close()


def test_an_empty_result_says_which_filter_to_loosen(page: Page) -> None:
    page.goto("/prices?gpu=h100-sxm-80gb&max_usd=0.1")
    assert count(page) == 0
    page.get_by_role("link", name="Without at most $0.1 per GPU-hour").click()
    settled(page, "/prices?gpu=h100-sxm-80gb")
    assert count(page) > 0


def test_a_server_error_is_never_swapped_in_and_offers_to_try_again(page: Page) -> None:
    page.goto("/prices")
    broken = True

    def answer(route: Route) -> None:
        if broken:
            route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")
        else:
            route.continue_()

    page.route("**/prices/table*", answer)
    page.get_by_role("checkbox", name="Spot (may be interrupted)").check()
    expect(page.locator("#trouble")).to_be_visible()
    assert "Bad gateway" not in page.content()
    assert count(page) == ALL
    broken = False
    page.get_by_role("button", name="Try again").click()
    settled(page, "/prices?tier=spot&min_memory_gb=24")
    expect(page.locator("#trouble")).to_be_hidden()
    assert count(page) == SPOT


def test_htmx_is_never_told_the_address(page: Page) -> None:
    page.goto("/prices#secret-after-hash")
    with page.expect_request("**/prices/table*") as caught:
        page.get_by_role("checkbox", name="On demand").check()
    assert "hx-current-url" not in caught.value.headers
    assert "secret" not in str(caught.value.headers)


def test_the_count_is_announced(page: Page) -> None:
    page.goto("/prices")
    status = page.get_by_role("status")
    expect(status).to_contain_text(f"{ALL:,} offers")
    page.get_by_role("checkbox", name="Reserved for a term").check()
    expect(status).to_contain_text(f"{RESERVED:,} offers")


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.goto("/prices")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.locator("#q").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.get_by_role("checkbox", name="Spot (may be interrupted)").focus()
    page.keyboard.press("Space")
    settled(page, "/prices?tier=spot&min_memory_gb=24")
    assert page.evaluate("document.activeElement.value") == "spot"


def test_without_javascript_everything_works(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/prices")
    page.get_by_role("checkbox", name="Spot (may be interrupted)").check()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/prices?tier=spot&min_memory_gb=24")
    assert count(page) == SPOT
    page.locator("#sort-gpu").click()
    page.wait_for_url("**/prices?tier=spot&min_memory_gb=24&sort=gpu")
    page.locator("#q").fill("l4")
    page.locator("#q").press("Enter")
    page.wait_for_url("**/prices?gpu=l4-24gb&tier=spot&sort=gpu")
    page.get_by_role("link", name="Clear all").click()
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**/prices?min_memory_gb=0&page=2")
    context.close()


def test_the_theme_is_kept_in_this_browser_only(page: Page) -> None:
    page.goto("/")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != paper
    page.goto("/gpus")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.evaluate("localStorage.getItem('theme')") == "dark"
    page.get_by_label("Theme").select_option("")
    assert page.evaluate("localStorage.getItem('theme')") is None


def test_the_systems_dark_scheme_is_followed(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url, color_scheme="dark")
    page = context.new_page()
    page.goto("/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 22)"
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_scrolls_sideways(page: Page, path: str) -> None:
    page.goto(path)
    if path == "/calculator":  # its rows come after the page
        page.locator("#rows tbody tr").first.wait_for()
    for width in (320, 390, 768, 1000, 1024, 1100, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_on_a_phone_a_row_is_three_lines_and_filters_lie_over_the_page(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/prices")
    rows = page.locator("table.offers tbody tr:not(.group)")
    assert rows.nth(1).bounding_box()["height"] <= 80  # type: ignore[index]
    expect(page.locator(".filters")).to_be_hidden()
    page.locator(".toggle").click()
    expect(page.locator(".filters")).to_be_visible()
    page.get_by_role("checkbox", name="Spot (may be interrupted)").check()
    settled(page, "/prices?tier=spot&min_memory_gb=24")
    expect(page.locator(".filters")).to_be_visible()
    page.get_by_role("button", name=f"Show {SPOT:,} offers").click()
    expect(page.locator(".filters")).to_be_hidden()
    assert count(page) == SPOT


AXE = {"resultTypes": ["violations"], "preload": False}  # style sheets are read for no rule that is on
COLOUR = ("color-contrast", "link-in-text-block")
"""The rules that a page's colours decide; all others are the same in light and dark."""
OF_A_KIND = (*COLOUR, "target-size")
"""The rules that judge an element by how it is drawn, and take nearly all of the time: asked of two of each kind."""
EVERY_RULE = {"rules": {"target-size": {"enabled": True}}}
"""With the size of what is clicked, which axe leaves out unless it is asked."""
ONE_OF_A_KIND = """() => { const seen = {}
  const other =
    / (?!class|role|hidden|disabled|open|type|scope|form|list|data-(js|open|part|label)|aria-)[a-z-]+="[^"]*"/g
  const words = / (aria-(label|labelledby|describedby|controls))="[^"]*"/g
  for (const inner of ["svg *", "option", "li", "dl > div", "tbody > tr"])
    for (const one of document.querySelectorAll(inner)) {
      const html = one.outerHTML.replace(/>[^<]*</g, "><").replace(other, "").replace(words, " $1")
      const kind = inner + one.parentElement.className + html
      seen[kind] = (seen[kind] || 0) + 1
      if (seen[kind] > 2) one.remove()
    } }"""
"""Leaves two of the marks, items and rows that differ only in their words and figures: of two thousand elements some
hundred, in which every kind of row is. Marks first: two rows of a chart differ in how many they have."""


def violations(page: Page, scheme: str, width: int, options: dict[str, Any]) -> list[Any]:
    """What axe, loaded before, finds against its rules in a colour scheme and at a width in pixels."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    found = page.evaluate("(options) => axe.run(document, options)", {**AXE, **options})["violations"]
    return [(scheme, width, v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found]


def only(rules: tuple[str, ...]) -> dict[str, Any]:
    return {"runOnly": {"type": "rule", "values": [*rules]}}


def every_violation(page: Page) -> list[Any]:
    """What axe finds in light and dark, on a desk and on a phone."""
    page.evaluate(Axe().axe_script)
    found = violations(page, "light", 1280, {"rules": {rule: {"enabled": False} for rule in OF_A_KIND}})
    page.evaluate(ONE_OF_A_KIND)
    found += violations(page, "light", 1280, only(OF_A_KIND))
    found += violations(page, "light", 390, EVERY_RULE)
    found += violations(page, "dark", 390, only(COLOUR))
    return found + violations(page, "dark", 1280, only(COLOUR))


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation(page: Page, path: str) -> None:
    page.goto(path)
    assert every_violation(page) == []


def test_axe_finds_what_is_wrong_with_one_row_of_many(page: Page) -> None:
    page.goto("/gpus")
    page.evaluate("""() => {
        const rows = document.querySelectorAll("tbody > tr")
        rows[60].querySelector("input").removeAttribute("aria-label")
        rows[70].cells[3].className = "pale"
        document.styleSheets[0].insertRule("td.pale { color: #bbb }", document.styleSheets[0].cssRules.length)
        rows[80].cells[3].className = "small"
        rows[80].cells[3].innerHTML = "<button>a</button><button>b</button>"
        const thin = "td.small button { padding: 0; border: 0; font-size: 5px; min-height: 0 }"
        document.styleSheets[0].insertRule(thin, document.styleSheets[0].cssRules.length) }""")
    found = every_violation(page)
    assert {rule for _, _, rule, _ in found} == {"label", "color-contrast", "target-size"}, found


def test_no_page_shifts_its_layout_while_it_arrives(page: Page) -> None:
    """On a slow processor and a slow line, where a table is painted before its last row is known."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    session.send("Network.enable")
    slow = {"offline": False, "latency": 50, "downloadThroughput": 40_000, "uploadThroughput": 40_000}
    session.send("Network.emulateNetworkConditions", slow)
    for path in ("/", "/prices", "/gpus/h100-sxm-80gb", "/models", "/models/meta-llama--llama-3.3-70b-instruct",
                 "/calculator", "/benchmarks", "/status", "/compare?gpu=h100-sxm-80gb&gpu=l40s-48gb", "/bill",
                 "/prices/lasting?gpu=h100-sxm-80gb"):  # fmt: skip
        page.goto(path)
        shift = page.evaluate(
            """() => new Promise(done => { let sum = 0;
            new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value })
              .observe({type: "layout-shift", buffered: true});
            setTimeout(() => done(sum), 500) })"""
        )
        assert shift < 0.01, path


def test_a_chart_reads_as_a_table_too(page: Page) -> None:
    page.goto("/gpus/h100-sxm-80gb")
    expect(page.get_by_role("img", name=re.compile("H100 SXM: USD per GPU-hour"))).to_be_visible()
    page.get_by_text("Show as table").click()
    page.wait_for_url("**/gpus/h100-sxm-80gb/history?days=*")
    assert 2 <= page.locator("table.days tbody tr").count() <= 100
