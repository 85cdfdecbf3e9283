"""In Chromium: one anonymous beacon a view, and a button that clears everything."""

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from tests.conftest import Site, free_port, serve

HIDE = (
    "Object.defineProperty(document, 'hidden', {get: () => true, configurable: true}); document.dispatchEvent(new"
    " Event('visibilitychange', {bubbles: true}))"
)


@pytest.fixture
def sent(context: BrowserContext) -> list[str]:
    """The bodies of beacons."""
    bodies: list[str] = []
    context.on(
        "request", lambda request: bodies.append(request.post_data or "") if request.url.endswith("/beacon") else None
    )
    return bodies


@pytest.mark.parametrize("promise", ["P-2.2c P-2.3b"])
def test_one_beacon_a_view_says_buckets_and_nothing_else(page: Page, sent: list[str], promise: str) -> None:
    for path in ("/prices?tier=spot&max_usd=3.7321", "/gpus/l4-24gb"):
        page.goto(path, wait_until="load")
        page.wait_for_timeout(100)
        page.evaluate(HIDE)
        page.evaluate(HIDE)
        page.wait_for_timeout(100)
    said = [parse_qs(body, strict_parsing=True) for body in sent]
    assert [form["page"] for form in said] == [["/prices"], ["/gpus/{gpu}"]]
    for form in said:
        assert set(form) == {"page", "load", "paint", "shift", "errors"}
        assert all(form[name][0].isdigit() and len(form[name][0]) <= 2 for name in ("load", "paint", "shift", "errors"))
        assert form["errors"] == ["0"]


def test_a_page_that_is_left_is_counted_once(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    process = serve(tmp_path, port)
    try:
        left = browser.new_page(base_url=f"http://127.0.0.1:{port}")
        for path in ("/gpus", "/providers"):
            left.goto(path, wait_until="load")
            left.wait_for_timeout(200)
        left.close(run_before_unload=True)
        time.sleep(1)
    finally:
        process.terminate()  # what was counted is written at the end
        process.wait(15)
    with sqlite3.connect(tmp_path / "inferencebench.sqlite") as connection:
        views = dict(
            connection.execute("SELECT page, sum(count) FROM daily_counter WHERE measure = 'load' GROUP BY page")
        )
    connection.close()
    assert views["/gpus"] == 1
    log = "".join(path.read_text() for path in (tmp_path / "logs").glob("*.tsv"))
    assert "\t/gpus\t" in log
    assert "/beacon" not in log.replace("/static/beacon", "")


def test_a_script_error_is_counted_and_its_text_is_not_sent(page: Page, sent: list[str]) -> None:
    page.goto("/gpus", wait_until="load")
    page.wait_for_timeout(100)
    page.evaluate("for (let i = 0; i < 3; i++) dispatchEvent(new Event('error'))")
    page.evaluate(HIDE)
    page.wait_for_timeout(100)
    assert len(sent) == 1
    assert "errors=2" in sent[0]


def test_a_browser_without_shift_reports_still_works(context: BrowserContext) -> None:
    context.add_init_script("delete globalThis.PerformanceObserver")
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/gpus", wait_until="load")
    page.goto("about:blank")
    page.close()
    assert errors == []


def clear_button(page: Page) -> Locator:
    """The button of the rights page that clears what is stored in the browser."""
    page.goto("/privacy/rights")
    return page.get_by_role("button", name="Clear everything stored in this browser")


@pytest.fixture
def storing(browser: Browser, site: Site) -> Iterator[Page]:
    """A page of a context of its own that has stored something."""
    kept = browser.new_context(base_url=site.url)
    page = kept.new_page()
    page.goto("/")
    page.evaluate("localStorage.setItem('theme', 'dark'); sessionStorage.setItem('seen', '1')")
    yield page
    kept.close()


@pytest.mark.parametrize("promise", ["P-8d"])
def test_everything_stored_in_the_browser_is_cleared(page: Page, promise: str) -> None:
    page.goto("/")
    page.select_option("#theme", "dark")
    page.evaluate("localStorage.setItem('scenarios', '{}'); sessionStorage.setItem('x', '1')")
    clear_button(page).press("Enter")
    page.get_by_text("Everything this site stored in this browser is gone").wait_for()
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    page.goto("/privacy/rights")
    assert page.evaluate("document.documentElement.dataset.theme ?? ''") == ""


@pytest.mark.parametrize("promise", ["P-8d"])
def test_without_scripts_the_servers_answer_clears_the_storage(storing: Page, promise: str) -> None:
    storing.route("**/rights.*.js", lambda route: route.abort())  # the button then works by itself alone
    clear_button(storing).click()
    storing.get_by_text("is gone").wait_for()
    assert storing.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("promise", ["P-8d"])
def test_without_the_servers_header_the_script_clears_the_storage(storing: Page, promise: str) -> None:
    storing.route(  # over plain http from another machine browsers ignore Clear-Site-Data
        "**/privacy/rights/clear",
        lambda route: route.fulfill(status=200, content_type="text/html", body="<p>an answer without the header"),
    )
    clear_button(storing).click()
    storing.get_by_text("an answer without the header").wait_for()
    assert storing.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_each_mail_link_can_be_reached_and_says_what_it_asks(page: Page) -> None:
    page.goto("/privacy/rights")
    link = page.get_by_role("link", name=re.compile(r"Write the e-mail ?: Erasure"))
    link.focus()
    assert "%5Berasure%5D" in (link.get_attribute("href") or "")
