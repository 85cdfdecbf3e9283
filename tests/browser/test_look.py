"""The look, measured: rows above the fold, page weight, layout shift, what the comparison and the search do."""

import csv
import io
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import ROOT, Site

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
ROWS = """() => [...document.querySelectorAll("main tbody tr:not(.group)")].filter((row) => {
    const box = row.getBoundingClientRect();
    return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight; }).length"""
SHIFT = """() => new Promise((done) => { let sum = 0;
    new PerformanceObserver((list) => { for (const e of list.getEntries()) sum += e.value; })
      .observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 100); })"""
OWN = ["/", "/prices", "/prices?min_memory_gb=0", "/prices?gpu=h100-sxm-80gb", "/gpus", "/gpus/h100-sxm-80gb",
       "/gpus/l4-24gb", "/gpus/h100-sxm-80gb/history", "/providers", "/providers/gcp", "/status", "/status/rejected",
       "/benchmarks", "/models", "/compare", "/methodology", "/methodology/errors",
       "/methodology/constants", "/methodology/traffic", "/prices/changes", "/api",
       "/search?q=h100", "/bill", "/bill?gpu=a100-sxm-80gb&gpus=8", "/prices?min_memory_gb=0&sort=instance&order=desc",
       "/prices?min_memory_gb=0&page=40&sort=count", "/providers/azure", "/models/meta-llama--llama-3.3-70b-instruct",
       "/calculator/hardware/meta-llama--llama-3.3-70b-instruct", "/search", "/index", "/prices/lasting",
       "/prices/lasting?gpu=h100-sxm-80gb", "/bill?gpu=h100-sxm-80gb&gpus=64", "/prices?unit=year&min_memory_gb=0",
       "/policies/privacy", "/submit/benchmark"]  # fmt: skip
ABOVE = [("/", 16, 4), ("/prices", 20, 6), ("/gpus/h100-sxm-80gb", 12, 0), ("/benchmarks", 12, 0)]
"""Page, rows wholly above the fold at 1280 × 900, and at 390 × 844."""
NARROW = ("/", "/prices", "/gpus/l4-24gb", "/providers/gcp", "/benchmarks", "/status", "/search?q=h100+spot+europe",
          "/submit/benchmark", "/privacy/rights", "/nothing", "/methodology", "/methodology/errors",
          "/methodology/constants",
          "/models", "/models/meta-llama--llama-3.3-70b-instruct", "/search", "/bill", "/prices/changes", "/compare",
          "/api", "/prices/lasting", "/index")  # fmt: skip
BEFORE = [("/gpus", 26_470), ("/gpus/h100-sxm-80gb", 26_185), ("/methodology", 15_700), ("/models", 14_200),
          ("/models/meta-llama--llama-3.3-70b-instruct", 12_500), ("/methodology/constants", 16_249)]  # fmt: skip
"""Page, and its height at 390 before long parts were folded or laid out in fewer lines."""
RAW = 60_000
"""Bytes of a page as it is written."""
PACKED_FIRST_VIEW = 14_000
"""Bytes of a page and its style sheets as a browser gets them that knows Brotli: what comes in the first round trip."""
LONGER = {"/benchmarks": 17_000, "/methodology": 19_500, "/status": 15_500}
"""Pages that take a second round trip: forty rows of eleven figures, a text of forty screens, each route's counts."""


@pytest.fixture(scope="module")
def visitor(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=site.url, viewport=DESK)  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
def view(visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    yield page
    page.evaluate("localStorage.clear()")
    page.close()


@pytest.mark.parametrize(("path", "desk", "phone"), ABOVE)
def test_rows_above_the_fold(view: Page, path: str, desk: int, phone: int) -> None:
    for size, least in ((DESK, desk), (PHONE, phone)):
        view.set_viewport_size(size)  # type: ignore[arg-type]
        view.goto(path)
        assert view.evaluate(ROWS) >= least, size
        assert round(view.evaluate(SHIFT), 4) == 0, size


def test_a_row_is_one_line_on_a_desk_and_headings_are_whole(view: Page) -> None:
    for path in ("/", "/prices", "/gpus", "/gpus/h100-sxm-80gb", "/providers/gcp", "/benchmarks", "/prices/changes"):
        view.goto(path)
        height = "(rows) => rows.map((row) => row.getBoundingClientRect().height)"
        heights = view.eval_on_selector_all("main tbody tr", height)
        assert heights, path
        assert max(heights) <= 33, path
        cut = view.eval_on_selector_all(
            "main thead th:not(.strip)", "(all) => all.filter((th) => th.scrollWidth > th.clientWidth + 1)"
            ".map((th) => th.innerText)")  # fmt: skip
        assert not cut, path


def test_no_name_is_cut_short_and_no_page_is_wider_than_the_window(view: Page) -> None:
    """At 320 px, which is 1280 at a zoom of 400%."""
    for sheet in (ROOT / "static").glob("*.css"):
        assert not re.search(r"^(?!.*select).*ellipsis", sheet.read_text(), re.MULTILINE), sheet.name
    view.set_viewport_size({"width": 320, "height": 256})
    for path in NARROW:
        view.goto(path)
        assert view.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_the_front_page_has_the_best_price_of_every_gpu_that_is_offered(http: httpx.Client) -> None:
    text = http.get("/").text
    offered = {row["gpu"] for row in csv.DictReader(io.StringIO(http.get("/prices.csv").text))
               if row["tier"] in ("on-demand", "spot") and row["source"] != "community"}  # fmt: skip
    assert len(offered) > 100
    assert {slug for slug in offered if f'href="/gpus/{slug}"' not in text} == set()
    small = re.findall(r'<li><a href="/gpus/([^"]+)">[^<]+</a> <b>([\d.]+)( spot)?</b> <i>\w', text)
    assert len(small) > 50
    slug, price, spot = small[0]
    data = http.get(f"/prices.csv?gpu={slug}&tier={'spot' if spot else 'on-demand'}").text
    cheapest = float(next(csv.DictReader(io.StringIO(data)))["usd_per_gpu_hour"])
    assert float(price) == pytest.approx(cheapest, abs=0.005)  # to the cent


def test_a_phone_needs_half_of_the_scrolling_of_before(view: Page) -> None:
    """Heights of the pages before they were folded, in pixels at 390."""
    view.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for path, before in BEFORE:
        view.goto(path)
        assert view.evaluate("document.documentElement.scrollHeight") <= before / 2, path


def test_what_is_folded_is_there_without_a_script_and_on_paper(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    for path, words in (("/methodology", "Distinct experts"), ("/models", "gpt2"),
                        ("/models/meta-llama--llama-3.3-70b-instruct", "GeForce GTX 1080")):  # fmt: skip
        page.emulate_media(media="screen")
        page.goto(path)
        folded = page.locator("details.more", has_text=words).last
        inside = folded.locator("> :not(summary)").first
        expect(inside).not_to_be_visible()
        page.emulate_media(media="print")
        assert inside.evaluate("(part) => part.checkVisibility() && part.getBoundingClientRect().height > 20"), path
        page.emulate_media(media="screen")
        folded.locator("summary").first.click()
        expect(inside).to_be_visible()
    context.close()


@pytest.mark.parametrize("path", OWN)
def test_a_page_is_light(http: httpx.Client, path: str) -> None:
    page = http.get(path, follow_redirects=True)
    assert len(page.content) < RAW
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
    assert sheets
    packed = 0
    for address in (path, *sheets):
        with http.stream("GET", address, headers={"accept-encoding": "br"}, follow_redirects=True) as answer:
            packed += sum(len(part) for part in answer.iter_raw())
    assert packed < LONGER.get(path, PACKED_FIRST_VIEW)


def test_where_every_price_is_stale_one_sentence_says_so(http: httpx.Client) -> None:
    for path in ("/", "/prices", "/gpus", "/gpus/h100-sxm-80gb", "/providers/gcp", "/providers"):
        rows = http.get(path).text.partition("<tbody>")[2].partition('id="runs"')[0]
        assert http.get(path).text.count('class="stale"') >= 1, path
        assert 'class="stale"' not in rows, path


def test_providers_with_a_price_come_first_and_the_others_are_folded(view: Page) -> None:
    view.goto("/providers")
    shown = view.locator("main table").first
    assert set(shown.locator("tbody td.n:nth-child(3)").all_inner_texts()).isdisjoint({"0"})
    assert set(view.locator("details.more td.n:nth-child(3)").all_text_contents()) == {"0"}
    view.locator("details.more summary").click()
    expect(view.get_by_role("link", name="Alibaba Cloud")).to_be_visible()
    assert "every 6 hours" in view.content()


def test_a_change_shows_what_the_price_was_on_a_phone_too(view: Page) -> None:
    view.set_viewport_size(PHONE)  # type: ignore[arg-type]
    view.goto("/prices/changes")
    for cell in view.locator("main tbody tr").first.locator("td").all():
        expect(cell).to_be_visible()


def test_a_measurement_on_a_phone_has_its_tokens_and_a_throughput_is_no_tpot(view: Page) -> None:
    view.set_viewport_size(PHONE)  # type: ignore[arg-type]
    view.goto("/benchmarks?engine=trtllm")
    label = "(cell) => getComputedStyle(cell, '::before').content"
    throughputs = view.locator(".bench td.o1", has_text="tok/s")
    assert throughputs.count() > 0
    assert {cell.evaluate(label) for cell in throughputs.all()} == {"none"}
    times = view.locator(".bench td.o1", has_text="ms")
    assert {cell.evaluate(label) for cell in times.all()} == {'"TPOT "'}
    for cell in view.locator(".bench tbody tr").first.locator("td:not(:empty)").all():
        expect(cell).to_be_visible()


def test_prices_on_a_phone_are_not_broken_into_two_lines(view: Page) -> None:
    view.set_viewport_size(PHONE)  # type: ignore[arg-type]
    view.goto("/gpus")
    lines = """(cells) => cells.filter((cell) => { const words = document.createRange();
        words.selectNodeContents(cell); return words.getBoundingClientRect().height > 30; })
        .map((cell) => cell.innerText)"""
    assert view.eval_on_selector_all(".gpus tbody td:is(:nth-child(8), :nth-child(9))", lines) == []


def test_a_strip_is_told_in_words_too(view: Page) -> None:
    view.goto("/gpus/h100-sxm-80gb")
    words = r"\d+ on demand from \$[\d.]+ to \$[\d.]+, median .*; \d+ spot from"
    strip = view.get_by_role("img", name=re.compile(words))
    expect(strip.first).to_be_visible()


def test_a_table_stays_a_table_on_a_phone(view: Page) -> None:
    """Rows are laid out as grids there; what assistive software is told must not change."""
    view.set_viewport_size(PHONE)  # type: ignore[arg-type]
    view.goto("/gpus/h100-sxm-80gb")
    tree = view.context.new_cdp_session(view).send("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in tree if not node.get("ignored")]
    assert roles.count("table") >= 2
    assert roles.count("row") > 50
    assert roles.count("cell") + roles.count("gridcell") > 400


def test_a_tick_on_any_page_puts_a_gpu_into_one_comparison_of_at_most_six(view: Page) -> None:
    view.goto("/")
    for box in view.locator('input[form="cmp"]').all()[:4]:
        box.check()
    view.goto("/gpus")  # the choice goes along
    expect(view.locator('input[form="cmp"]:checked')).to_have_count(4)
    for _ in range(2):
        view.locator('input[form="cmp"]:not(:checked)').last.click()
    expect(view.locator('input[form="cmp"]:checked')).to_have_count(6)
    seventh = view.locator('input[form="cmp"]:not(:checked)').first
    seventh.click()
    expect(seventh).not_to_be_checked()
    expect(view.locator("#cmp-said")).to_contain_text("You can compare up to six GPUs")
    view.get_by_role("button", name="Compare", exact=True).click()
    view.wait_for_url(re.compile(r"/compare\?gpu="))
    assert view.locator("thead th").count() == 6


def test_a_highlighted_value_of_a_comparison_can_be_read_on_a_phone_in_both_schemes(view: Page) -> None:
    """The label of a cell is made by the style sheet there, where axe does not look."""
    view.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for scheme in ("light", "dark"):
        view.emulate_media(color_scheme=scheme)
        view.goto("/compare?gpu=h100-sxm-80gb&gpu=l40s-48gb")
        label = "(cell) => [getComputedStyle(cell, '::before').color, getComputedStyle(cell).color]"
        for cell in view.locator("td.best").all():
            shown, value = cell.evaluate(label)
            assert shown == value, scheme
    view.emulate_media(color_scheme="light")


def test_a_comparison_is_chosen_without_javascript_too(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/gpus")
    for box in page.locator('input[form="cmp"]').all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url(re.compile(r"/compare\?gpu=.*&gpu="))
    context.close()


@pytest.mark.parametrize(
    ("words", "understood", "leads"),
    [("h100 spot europe", "Spot", "main table.offers tbody tr"), ("8 h100", "8 GPUs", "main table.offers tbody tr"),
     ("h-100", "H100 SXM", "main table.best tbody tr"), ("runpod", "RunPod", 'main a[href="/providers/runpod"]'),
     ("llama 70b", "model", 'main a[href="/models/meta-llama--llama-3.3-70b-instruct"]'),
     ("runpdo", "Did you mean", 'main a[href="/search?q=runpod"]')],
)  # fmt: skip
def test_the_masthead_finds_gpus_models_and_providers_and_says_what_it_understood(
    view: Page, words: str, understood: str, leads: str
) -> None:
    view.goto("/status")
    view.get_by_role("searchbox", name="GPU, model or provider").fill(words)
    view.keyboard.press("Enter")
    view.wait_for_url(re.compile("/search"))
    expect(view.locator(".head p").first).to_contain_text(understood)
    expect(view.locator(leads).first).to_be_visible()


def test_letters_of_a_chart_keep_their_size_and_lines_are_named_at_their_ends(view: Page) -> None:
    for size in (DESK, PHONE):
        view.set_viewport_size(size)  # type: ignore[arg-type]
        view.goto("/gpus/h100-sxm-80gb")
        names = view.locator(".plotted .ends text")
        assert names.count() == view.locator(".plotted .lines path.line").count() == 3
        for text in view.locator(".plotted text").all():
            scale = text.evaluate("(t) => t.getScreenCTM().a * parseFloat(getComputedStyle(t).fontSize)")
            assert scale == pytest.approx(12)
