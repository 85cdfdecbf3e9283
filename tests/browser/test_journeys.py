"""The twelve ways people take, with scripts and without, and what each costs in clicks and screens scrolled.

``docs/journeys.md`` holds what each cost before the timetable and what it costs now; the second is what these hold to.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.walk import Walk
from tests.conftest import ROOT, free_port, serve

SLACK = 0.35
"""Screens that other letters on another machine may add to a way."""
RESULT = {"backend": "vllm", "completed": 10, "total_input_tokens": 5120, "total_output_tokens": 1280,
          "max_concurrency": 16, "median_ttft_ms": 50.5, "median_tpot_ms": 9.25}  # fmt: skip


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site of its own, since reports are sent to it."""
    port = free_port()
    process = serve(tmp_path_factory.mktemp("journeys"), port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(15)


def away_errors() -> dict[str, tuple[float, float]]:
    """Way → its cost before, and now, from the table of ``docs/journeys.md``."""
    rows = re.findall(r"^\| (\w[^|]*?) \|[^|]*\| ([\d.]+) \| ([\d.]+) \|$", (ROOT / "docs/journeys.md").read_text(),
                      re.MULTILINE)  # fmt: skip
    return {name: (float(before), float(now)) for name, before, now in rows}


def search(walk: Walk, words: str) -> None:
    field = walk.page.locator("input[name=q]").first
    walk.type(field, words)
    walk.enter(field)


def cheapest(walk: Walk) -> None:
    search(walk, "h100 spot europe")
    first = walk.page.locator("table.offers tbody tr").filter(has_text="Spot").first
    walk.see(first)
    expect(first).to_contain_text("H100")


def three(walk: Walk) -> None:
    search(walk, "h100 vs a100 vs l40s")
    walk.click(walk.page.get_by_role("link", name="Compare H100 SXM, A100 SXM 80 GB, L40S"))
    expect(walk.page.locator("table.compare th[scope=col]")).to_have_count(3)
    walk.see(walk.page.locator("table.compare tbody tr").first)


def calculator(walk: Walk) -> None:
    walk.click(walk.page.get_by_role("navigation", name="Main").get_by_role("link", name="Calculator"))
    walk.page.locator("#rows .pick").first.wait_for()


def at_300_ms(walk: Walk) -> None:
    calculator(walk)
    walk.type(walk.page.locator("#c-rate"), "5")
    walk.type(walk.page.locator("#c-ttft"), "300")
    expect(walk.page.locator("#excluded")).to_contain_text("the target is 300")
    walk.see(walk.page.locator("#answer"))
    walk.see(walk.page.locator("#rows .pick").first)


def why_out(walk: Walk) -> None:
    at_300_ms(walk)
    walk.click(walk.page.locator("#answer a"))
    row = walk.page.locator("#excluded tr", has=walk.page.get_by_role("cell", name="L40S", exact=True))
    expect(walk.see(row)).to_contain_text("It would qualify at")


def own_price(walk: Walk) -> None:
    calculator(walk)
    walk.type(walk.page.locator("#c-ownusd"), "0.3")
    walk.type(walk.page.locator("#c-owngpu"), "h200")
    expect(walk.page.locator("#answer")).to_contain_text("your own price")
    walk.see(walk.page.locator("#answer"))


def two_scenarios(walk: Walk) -> None:
    page = walk.page
    calculator(walk)
    walk.click(page.get_by_role("button", name="Save"))
    walk.type(page.locator("#c-rate"), "20")
    expect(page.locator("#c-name")).to_have_attribute("placeholder", re.compile("20/s"))
    walk.click(page.get_by_role("button", name="Save"))
    walk.click(page.get_by_role("button", name="Compare (2)"))
    walk.see(page.locator("#compared tbody tr").last)
    walk.click(page.get_by_role("button", name="Copy a link"))
    expect(page.locator("#said")).to_contain_text("copied")


def fits(walk: Walk) -> None:
    search(walk, "llama 3.3 70b")
    walk.click(walk.page.locator("main").get_by_role("link", name="Llama-3.3-70B-Instruct").first)
    row = walk.page.locator(".fitgrid tr", has=walk.page.get_by_role("link", name="GeForce RTX 4090", exact=True))
    expect(walk.see(row).locator("td").nth(1)).to_contain_text("INT4")


def changed(walk: Walk) -> None:
    search(walk, "what changed this month")
    walk.click(walk.page.locator("main").get_by_role("link", name="What changed").first)
    walk.see(walk.page.locator("main tbody tr").first)


def measured(walk: Walk) -> None:
    walk.click(walk.page.get_by_role("navigation", name="Main").get_by_role("link", name="Benchmarks"))
    walk.see(walk.page.locator("main tbody tr").first)


def send(walk: Walk) -> None:
    walk.click(walk.page.locator("#consent"))
    walk.click(walk.page.locator("#age"))
    walk.click(walk.page.get_by_role("button", name="Send the report"))
    walk.see(walk.page.locator("#receipt"))


def by_form(walk: Walk) -> None:
    page = walk.page
    search(walk, "report l4 spot coreweave")
    walk.click(page.get_by_role("link", name="Report a price you saw"))
    for name, value in (("provider", "coreweave"), ("gpu", "l4-24gb"), ("tier", "spot")):
        expect(page.locator(f"#{name}")).to_have_value(value)
    walk.type(page.locator("#gpu_count"), "1")
    walk.type(page.locator("#price"), "0.35")
    walk.choose(page.locator("#per"), "gpu-hour")
    walk.type(page.locator("#seen_on"), "2026-11-20")
    walk.type(page.locator("#seen_where"), f"the console, {walk.note}")
    send(walk)


def by_file(walk: Walk) -> None:
    page = walk.page
    search(walk, "report benchmark h100 sxm llama 3.1 8b instruct bf16")
    walk.click(page.get_by_role("link", name="Report a benchmark you ran"))
    walk.see(page.locator("#file")).set_input_files(walk.file)
    walk.clicks += 1
    walk.click(page.get_by_role("button", name="Fill the form"))
    expect(page.locator("#tpot_ms")).to_have_value("9.25")
    for name, value in (("model", "meta-llama/Llama-3.1-8B-Instruct"), ("gpu", "h100-sxm-80gb"), ("precision", "bf16")):
        expect(page.locator(f"#{name}")).to_have_value(value)
    for name, value in (("tensor_parallel", "1"), ("pipeline_parallel", "1"), ("engine_version", "0.11"),
                        ("concurrency", "16")):  # fmt: skip
        walk.type(page.locator(f"#{name}"), value)
    if not page.locator("#engine").input_value():
        walk.choose(page.locator("#engine"), "vllm")
    walk.type(page.locator("#measured_on"), "2026-11-20")
    walk.type(page.locator("#how"), f"vllm bench serve, {walk.note}")
    send(walk)


def its_receipt(walk: Walk) -> None:
    by_form(walk)
    walk.begin()
    walk.click(walk.page.get_by_role("button", name="See the report"))
    expect(walk.see(walk.page.locator("dl.facts"))).to_contain_text("CoreWeave")
    assert "ib-" not in walk.page.url


def deletion(walk: Walk) -> None:
    search(walk, "delete my data")
    walk.click(walk.page.get_by_role("link", name="Have your data deleted"))
    walk.see(walk.page.locator("#erasure a"))
    expect(walk.page.locator("#erasure a")).to_have_attribute("href", re.compile("^mailto:.*erasure"))


WAYS: dict[str, Callable[[Walk], None]] = {
    "cheapest H100 spot in Europe": cheapest, "three GPUs compared": three,
    "70B at 5 requests a second and 300 ms": at_300_ms, "why a GPU is out": why_out, "own price": own_price,
    "two scenarios saved, shared, compared": two_scenarios, "fits on 2 × RTX 4090": fits,
    "what changed this month": changed, "measured beside predicted": measured, "a report by form": by_form,
    "a report by file": by_file, "its receipt": its_receipt, "a deletion request": deletion,
}  # fmt: skip
COMPUTED_IN_THE_BROWSER = {at_300_ms, why_out, own_price, two_scenarios}
"""What needs scripts, since nothing typed into the calculator may be sent."""


@pytest.mark.parametrize(
    ("name", "scripts"),
    [(name, scripts) for name, way in WAYS.items() for scripts in (True, False)
     if scripts or way not in COMPUTED_IN_THE_BROWSER],
)  # fmt: skip
def test_a_way_through_the_site_costs_what_is_told(
    browser: Browser, own: str, tmp_path: Path, name: str, scripts: bool
) -> None:
    context: BrowserContext = browser.new_context(
        base_url=own, java_script_enabled=scripts, viewport={"width": 1280, "height": 900}
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page: Page = context.new_page()
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    page.goto("/")
    walk = Walk(page, note=f"{name} {scripts}", file=tmp_path / "result.json")
    WAYS[name](walk)
    assert walk.cost <= away_errors()[name][1] + SLACK, (walk.clicks, walk.screens)
    assert context.cookies() == []
    context.close()


def test_every_way_is_told_and_takes_at_most_half_where_it_took_more_than_a_click() -> None:
    costs = away_errors()
    assert costs.keys() == WAYS.keys()
    long = {name: now / before for name, (before, now) in costs.items() if before > 1}
    assert all(now <= before for before, now in costs.values())
    assert {name for name, share in long.items() if share > 0.5} == set()
