"""Without a mouse, with a system's own colours, without motion, on paper."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Site

PHONE = {"width": 390, "height": 844}
WALKED = ("/", "/prices", "/gpus/h100-sxm-80gb", "/calculator", "/submit/price")
FOCUS = """() => { const e = document.activeElement, box = e.getBoundingClientRect(), how = getComputedStyle(e);
    const next = e.nextElementSibling && getComputedStyle(e.nextElementSibling);
    const ring = (s) => s && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
    return { on: e !== document.body, name: `${e.tagName} ${e.id || e.className || e.textContent.trim().slice(0, 20)}`,
      ring: ring(how) || ring(next), seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 }; }"""


@pytest.fixture(scope="module")
def walker(browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", WALKED)
def test_each_stop_of_the_tab_key_is_on_the_screen_and_has_a_ring(walker: Page, path: str) -> None:
    walker.goto(path)
    stops = []
    for _ in range(28):
        walker.keyboard.press("Tab")
        stops.append(walker.evaluate(FOCUS))
    assert stops[0]["name"].endswith("skip")
    assert [stop["name"] for stop in stops if stop["on"] and not (stop["ring"] and stop["seen"])] == []
    assert len({stop["name"] for stop in stops}) > 12


def test_the_skip_link_leads_past_the_masthead(walker: Page) -> None:
    walker.goto("/prices")
    walker.keyboard.press("Tab")
    walker.keyboard.press("Enter")
    walker.keyboard.press("Tab")
    assert walker.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_escape_closes_what_lies_over_the_page_and_gives_the_focus_back(browser: Browser, site: Site) -> None:
    page = browser.new_page(base_url=site.url, viewport=PHONE)  # type: ignore[arg-type]
    page.goto("/prices")
    page.locator("#show-filters").focus()
    page.keyboard.press("Space")
    expect(page.locator("#filters .done")).to_be_visible()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('#filters').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(page.locator("#filters .done")).not_to_be_visible()
    assert page.evaluate("document.activeElement.id") == "show-filters"
    remark = page.locator("td.f summary").first
    remark.focus()
    page.keyboard.press("Enter")
    expect(page.locator("td.f ul").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("td.f ul").first).not_to_be_visible()
    expect(remark).to_be_focused()
    remark.click()
    page.locator("h1, #count").first.click()
    expect(page.locator("td.f ul").first).not_to_be_visible()
    page.close()


def test_a_systems_own_colours_keep_the_ticks_and_the_best_value(browser: Browser, site: Site) -> None:
    for scheme in ("light", "dark"):
        page = browser.new_page(base_url=site.url, forced_colors="active", color_scheme=scheme)
        page.goto("/gpus/h100-sxm-80gb")
        colour = "(e, name) => getComputedStyle(e)[name]"
        sheet = page.locator("body").evaluate(colour, "backgroundColor")
        assert page.locator(".won").first.evaluate(colour, "backgroundColor") not in (sheet, "rgba(0, 0, 0, 0)")
        for mark in (".strip .od", ".strip .sp"):
            used = {page.locator(mark).first.evaluate(colour, name) for name in ("stroke", "fill")}
            assert used - {sheet, "none"}, mark
        page.close()


def test_who_wants_no_motion_gets_none(browser: Browser, site: Site) -> None:
    page = browser.new_page(base_url=site.url, reduced_motion="reduce")
    page.goto("/prices")
    moving = page.evaluate("""() => [...document.querySelectorAll("*")].filter((e) => { const s = getComputedStyle(e);
        return parseFloat(s.transitionDuration) > 0 || s.animationName !== "none" || s.scrollBehavior === "smooth"; })
        .length""")
    assert moving == 0
    page.close()


def test_on_paper_there_are_rows_and_no_controls(browser: Browser, site: Site) -> None:
    page = browser.new_page(base_url=site.url, color_scheme="dark")
    page.emulate_media(media="print")
    for path in ("/", "/prices", "/gpus/h100-sxm-80gb"):
        page.goto(path)
        assert page.locator("main tbody tr").first.is_visible()
        for control in page.locator("form, input, button, .mast nav, .toggle").all():
            assert not control.is_visible(), (path, control.evaluate("(e) => e.outerHTML.slice(0, 80)"))
        ink = page.locator("main h2, main td").first.evaluate("(e) => getComputedStyle(e).color")
        assert re.match(r"rgb\((\d|[1-5]\d), ", ink), ink  # dark on paper, whatever the screen shows
    page.close()
