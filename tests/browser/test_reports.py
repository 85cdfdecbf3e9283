"""The forms in Chromium, with scripts and without: sending, errors at their fields, the receipt's life."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Site, free_port, serve

EXPERIENCE = {"provider": "lambda", "topic": "support", "rating": "5"}
PRICE = {"provider": "coreweave", "gpu": "l4-24gb", "tier": "spot", "per": "gpu-hour"}
BENCHMARK = {"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "h100-sxm-80gb", "engine": "vllm", "precision": "bf16"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site of its own, so that reports meet no other test's."""
    data, port = tmp_path_factory.mktemp("reports"), free_port()
    process = serve(data, port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(15)


def fill(page: Page, kind: str, words: str) -> None:
    if kind == "experience":
        for name, value in EXPERIENCE.items():
            page.select_option(f"#{name}", value)
        page.fill("#text", f"They answered within an hour, {words}.")
    elif kind == "price":
        for name, value in PRICE.items():
            page.select_option(f"#{name}", value)
        for name, value in (("gpu_count", "1"), ("price", "0.35"), ("seen_on", "2026-11-20"), ("seen_where", words)):
            page.fill(f"#{name}", value)
    else:
        for name, value in BENCHMARK.items():
            page.select_option(f"#{name}", value)
        for name, value in (("tensor_parallel", "1"), ("pipeline_parallel", "1"), ("engine_version", "0.11"),
                            ("input_tokens", "1024"), ("output_tokens", "256"), ("concurrency", "8"),
                            ("tpot_ms", "8.1"), ("measured_on", "2026-11-20"), ("how", words)):  # fmt: skip
            page.fill(f"#{name}", value)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("kind", ["price", "benchmark", "experience"])
def test_a_form_is_filled_corrected_and_sent(browser: Browser, own: str, kind: str, scripts: bool) -> None:
    context = browser.new_context(base_url=own, java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"/submit/{kind}")
    fill(page, kind, f"words {kind} {scripts}")
    page.get_by_role("button", name="Send the report").click()
    expect(page.locator("#consent-wrong")).to_contain_text("consent")
    expect(page.locator("#age-wrong")).to_have_count(1)
    assert (
        page.input_value("#text" if kind == "experience" else "#how" if kind == "benchmark" else "#seen_where").count(
            str(scripts)
        )
        == 1
    )
    page.check("#consent")
    page.check("#age")
    page.get_by_role("button", name="Send the report").click()
    receipt = page.locator("#receipt").inner_text()
    assert re.fullmatch(r"ib(-[a-z0-9]{4}){6}", receipt)
    expect(page.locator("#copy")).to_be_visible(visible=scripts)  # the script is deferred
    assert receipt not in page.url
    assert receipt not in page.title()
    page.goto("/submissions")
    page.fill("#receipt", receipt)
    page.get_by_role("button", name="Show the report").click()
    expect(page.locator("main")).to_contain_text("awaiting review")
    assert receipt not in page.url
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator("main")).to_contain_text("Withdrawn")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.locator("main")).to_contain_text("Tick the box")
    page.check("input[name=sure]")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.locator("main")).to_contain_text("Erased")
    assert context.cookies() == []
    context.close()


def test_a_result_file_fills_the_form(browser: Browser, own: str, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    result.write_text(
        json.dumps(
            {
                "backend": "vllm",
                "completed": 10,
                "total_input_tokens": 5120,
                "total_output_tokens": 1280,
                "max_concurrency": 16,
                "median_ttft_ms": 50.5,
                "median_tpot_ms": 9.25,
            }
        )
    )
    page = browser.new_page(base_url=own)
    page.goto("/submit/benchmark")
    page.set_input_files("#file", result)
    page.get_by_role("button", name="Fill the form").click()
    expect(page.locator("#tpot_ms")).to_have_value("9.25")
    expect(page.locator("#input_tokens")).to_have_value("512")
    expect(page.locator("main")).to_contain_text("Filled in from the file")
    page.close()


def test_the_receipt_can_be_downloaded(browser: Browser, own: str) -> None:
    page = browser.new_page(base_url=own)
    page.goto("/submit/experience")
    fill(page, "experience", "to be downloaded")
    page.check("#consent")
    page.check("#age")
    page.get_by_role("button", name="Send the report").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    text = Path(waiting.value.path()).read_text()
    assert page.locator("#receipt").inner_text() in text
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_a_form_full_of_errors(browser: Browser, own: str, scheme: str) -> None:
    page = browser.new_page(base_url=own, color_scheme=scheme, viewport={"width": 390, "height": 800})  # type: ignore[arg-type]
    page.goto("/submit/price")
    page.fill("#price", "cheap")
    page.get_by_role("button", name="Send the report").click()
    expect(page.locator(".wrong").nth(5)).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="Price is not a plain number").click()
    expect(page).to_have_url(re.compile("#price$"))
    page.close()


def test_a_report_is_reached_from_every_page(page: Page, site: Site) -> None:
    page.goto("/")
    page.get_by_role("link", name="Report a price or benchmark").click()
    expect(page).to_have_url(f"{site.url}/submit")
