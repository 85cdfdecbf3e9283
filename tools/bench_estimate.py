"""Benchmarks of the estimator: in Python on one core, and in the browser when a field of the calculator changes."""

import re
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import brotli
import httpx
from playwright.sync_api import sync_playwright

from app.benchmarks.accuracy import load_rows
from app.estimate.constants import fitted
from app.estimate.speed import estimate as estimate_one
from tests.conftest import free_port
from tools.bench_site import Line, site

RUNS = 7
_CHANGE = """async (n) => { const field = document.getElementById('c-output'), times = [];
  for (const box of ['c-spot', 'c-reserved']) document.getElementById(box).checked = true;
  document.getElementById('c-precision').value = 'any';
  for (let i = 0; i < n; i++) { field.value = 300 + i;
    const from = performance.now(), before = document.querySelector('#rows tbody');
    field.dispatchEvent(new Event('input', { bubbles: true }));
    while (document.querySelector('#rows tbody') === before) await new Promise(requestAnimationFrame);
    times.push(performance.now() - from); }
  return times; }"""


def estimate(folder: Path) -> Iterator[Line]:
    """Estimates per second over the measured rows; the time from a field's change until all rows are shown; sizes; a
    first render."""
    asked = [row.ask for row in load_rows()]
    constants = fitted()["constants"]
    rates = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        for ask in asked:
            estimate_one(ask.shape, ask.card, ask.layout, ask.traffic, constants)
        rates.append(len(asked) / (time.perf_counter() - begin))
    yield "estimates a second, one core, Python", f"{statistics.median(rates):,.0f}", "≥ 20,000"
    with site(folder, free_port()) as url:
        begin = time.perf_counter()
        httpx.get(f"{url}/calculator/hardware/deepseek-ai--deepseek-r1")
        yield "first render of a model's hardware for five presets", f"{(time.perf_counter() - begin) * 1e3:.0f} ms", ""
        page = httpx.get(f"{url}/calculator").text
        address = re.findall(r'data-sheet="([^"]+)"', page)[0]
        sheet = httpx.get(url + address, headers={"accept-encoding": "br"})
        yield (
            "the calculator's sheet (br)",
            f"{len(brotli.compress(sheet.content, quality=11)) / 1e3:.1f} kB",
            "< 60 kB",
        )
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            tab = browser.new_page()
            tab.goto(f"{url}/calculator")
            tab.wait_for_selector("#rows tbody")
            times = tab.evaluate(_CHANGE, 20)
            cards, rows = len({offer[0] for offer in sheet.json()["offers"]}), tab.locator("#rows tbody tr").count()
            browser.close()
        yield (
            (
                f"a field changes until all rows stand again ({cards} offered GPUs, every split, three formats, three "
                f"tiers; {rows} rows)"
            ),
            f"{statistics.median(times):.0f} ms (at most {max(times):.0f})",
            "< 50 ms",
        )
