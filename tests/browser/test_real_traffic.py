"""Traffic as it is: Python and the browser tell the same, and the page says what users see."""

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.estimate.disaggregation import best_apart
from app.estimate.latency import Seen, seen
from app.estimate.lengths import counted, spread
from app.estimate.queueing import Load
from app.estimate.replicas import replicas
from app.estimate.speculative_decoding import drafting, gain
from app.estimate.step_time import Pace
from app.web.assets import address
from tests.browser.test_own_traffic import OPENAI, rows
from tests.conftest import Site
from tests.estimate.loads import DEVELOP, agents, loads
from tests.estimate.simulator import Engine
from tests.estimate.test_simulator import PACE, drawn, every

SLOW = 30_000
"""Milliseconds until a state must have come: a module's first page also waits for the sheet to be made."""


@pytest.fixture(scope="module")
def page(browser: Browser, site: Site) -> Iterator[Page]:
    opened = browser.new_page(base_url=site.url)
    opened.goto("/robots.txt")
    yield opened
    opened.close()


def call(page: Page, module: str, script: str, *given: Any) -> Any:
    return page.evaluate(
        f"async ([module, ...given]) => {{ const M = await import(module); {script} }}", [address(module), *given]
    )


def test_python_and_the_browser_see_the_same_users(page: Page) -> None:
    judged = list(loads(DEVELOP, 60))
    theirs = call(
        page, "queueing.js", "return given[0].map(([p, l]) => M.seen(p, l));",
        [[asdict(one.pace), asdict(one.load)] for one in judged],
    )  # fmt: skip
    for one, their in zip(judged, theirs, strict=True):
        mine = asdict(seen(one.pace, one.load))
        assert their.pop("sure") == mine.pop("sure")
        for name, value in mine.items():
            assert their[name] == pytest.approx(list(value) if isinstance(value, tuple) else value, rel=1e-6), name


def test_python_and_the_browser_spread_lengths_alike(page: Page) -> None:
    for mean, p95 in ((1000, 900), (1000, 1000), (300, 450.5), (8, 25), (5000, 19_500)):
        theirs = call(page, "queueing.js", "return M.spread(given[0], given[1]);", mean, p95)
        for their, mine in zip(theirs, spread(mean, p95), strict=True):
            assert their == pytest.approx(list(mine), rel=1e-12)
    counts = [(round(1.02**n), n * 7 % 13) for n in range(400)]
    theirs = call(page, "queueing.js", "return M.counted(given[0]);", counts)
    for their, mine in zip(theirs, counted(counts), strict=True):
        assert their == pytest.approx(list(mine), rel=1e-12)


@pytest.mark.parametrize(("cap", "room", "advance"), [(256, 400_000.0, 1.0), (12, 36_000.0, 1.0), (64, 60_000.0, 2.5)])
def test_python_and_the_browser_simulate_the_same_engine(page: Page, cap: int, room: float, advance: float) -> None:
    given = drawn(7, 400, 3.0, sessions=True)
    rows = [[asdict(one) for one in every([first])] for first in given]
    pace = replace(PACE, cap=cap, room=room)
    theirs = call(
        page, "simulate.js",
        """const [p, sessions, advance, queueing] = given, all = [], Q = await import(queueing);
        for (const rows of sessions) {
          const made = rows.map((r) => M.request(r.at, r.prompt, r.output, r.session, r.shared, null, r.pause));
          made.forEach((one, i) => { one.follows = made[i + 1] ?? null; });
          all.push(made[0]);
        }
        const told = new M.Engine(Q, p, { advance, width: advance > 1 ? 4 : 1 }).run(all);
        return { ...told, requests: told.requests.map((r) => [r.session, r.prompt, M.ttftOf(r), M.wholeOf(r)]) };""",
        asdict(pace), rows, advance, address("queueing.js"),
    )  # fmt: skip
    mine = Engine(pace, advance=advance, width=4.0 if advance > 1 else 1.0).run(given)
    assert theirs["requests"] == [
        [r.session, r.prompt, pytest.approx(r.ttft, rel=1e-6), pytest.approx(r.whole, rel=1e-6)] for r in mine.requests
    ]
    for name in ("now", "busy", "computed", "hit", "prompts", "steps", "full", "again"):
        assert theirs[name] == pytest.approx(getattr(mine, name), rel=1e-9)
    if cap < 64:
        assert mine.full


def test_python_and_the_browser_keep_sessions_draft_and_split_alike(page: Page) -> None:
    judged = list(agents(DEVELOP, 25))
    answers = [spread(*one.answer) for one in judged]
    theirs = call(
        page, "sessions.js",
        """const Q = await import(given[1]);
        return given[0].map(([p, agents, added, outputs, rate, base]) => {
          const found = M.reused(Q, p, agents, added, outputs, rate, 1, base), machines = found.load.rate > 1 ? 7 : 4;
          const load = M.drafting(p, found.load, 3, 2.5),
            [split, apart] = M.bestApart(Q, p, load, machines, 2e10, 2, 0.05);
          const see = (n) => Q.seen(p, { ...load, rate: rate * 20 / n });
          return [found.hit, found.cached, found.kept === Infinity ? 1e9 : found.kept, found.free, found.seen.ttft[1],
            Q.seen(p, load).each[1], split.prefill, apart.whole[1], M.gain(Q, p, 8, 1000, 3, 2.5),
            M.replicas(see, 1e9, 1e9)[0]];
        });""",
        [[asdict(one.pace), asdict(one.agents), spread(*one.added), answer, one.rate,
          asdict(Load(1.0, 1.0, ((1.0, 0.0, 1.0),), answer))] for one, answer in zip(judged, answers, strict=True)],
        address("queueing.js"),
    )  # fmt: skip
    for one, their in zip(judged, theirs, strict=True):
        found, p = one.formula(), one.pace
        machines = 7 if found.load.rate > 1 else 4
        load = drafting(p, found.load, 3, 2.5)
        split, apart = best_apart(p, load, machines, 2e10, 2, 0.05)

        def see(n: int, p: Pace = p, load: Load = load, rate: float = one.rate) -> Seen:
            return seen(p, replace(load, rate=rate * 20 / n))

        size = replicas(see, 1e9, 1e9)
        assert size
        mine = [found.hit, found.cached, min(found.kept, 1e9), found.free, found.seen.ttft[1], seen(p, load).each[1],
                split.prefill, apart.whole[1], gain(p, 8, 1000, 3, 2.5), size[0]]  # fmt: skip
        assert their == pytest.approx(mine, rel=1e-6)


@pytest.fixture(scope="module")
def calculator(browser: Browser, site: Site) -> Iterator[tuple[Page, list[str]]]:
    """The calculator with the part opened, and every address that was asked for since, with what was sent."""
    opened = browser.new_page(base_url=site.url, viewport={"width": 1280, "height": 900})
    opened.goto("/calculator")
    expect(opened.locator("#answer")).to_contain_text("a month", timeout=SLOW)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(f"{request.method} {request.url} {request.post_data or ''}"))
    yield opened, asked
    assert [one for one in asked if not one.startswith((f"GET {site.url}/static/", "GET blob:"))] == []
    assert opened.evaluate("localStorage.length + sessionStorage.length") == 0
    opened.close()


def said(page: Page, words: str) -> None:
    expect(page.locator("#real-said")).to_contain_text(words, timeout=SLOW)


def told(page: Page, name: str) -> str:
    return page.locator("#real-said dl > div", has_text=name).locator("dd").inner_text()


def figures(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,]*\.?\d+(?=\sm?s| for half| or more)", text)]


def test_what_users_see_is_told_and_the_plain_answer_stays(calculator: tuple[Page, list[str]]) -> None:
    page, asked = calculator
    plain = page.locator("#answer").inner_text(), page.locator("#rows").inner_text()
    assert not [one for one in asked if "queueing" in one]  # loaded only when asked for
    page.locator("#real > summary").click()
    said(page, "for 95% of requests")
    said(page, "formulas that agree with a simulated engine")
    alike = figures(told(page, "Whole answer"))
    page.locator("#c-p95out").fill("900")
    expect(page.locator("#real-said dl > div", has_text="Whole answer")).not_to_contain_text(
        f"{alike[1]:g}\u00a0s", timeout=SLOW
    )
    varied = figures(told(page, "Whole answer"))
    assert varied[1] > 2 * alike[1]
    assert varied[0] < alike[0]
    assert figures(told(page, "Time to first token"))[1] <= 2_000
    expect(page.locator("#real-others tbody tr").first).to_be_visible(timeout=SLOW)
    assert (page.locator("#answer").inner_text(), page.locator("#rows").inner_text()) == plain


def test_co2_is_that_of_the_country_that_is_chosen(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    page.locator("#more > summary").click()
    kwh = float(re.findall(r"([\d,]+) kWh", told(page, "Power"))[0].replace(",", ""))
    for code, words in (("fr", "at 44 g/kWh (France, 2024)"), ("is", "at 28 g/kWh (Iceland, 2023)")):
        page.select_option("#c-gridof", code)
        said(page, words)
        kilograms = float(re.findall(r"([\d,]+) kg", told(page, "Power"))[0].replace(",", ""))
        assert kilograms == pytest.approx(kwh * float(words.split()[1]) / 1e3, abs=1)
    page.locator("#c-grid").fill("100")
    said(page, "at 100 g/kWh (as entered)")
    page.locator("#c-grid").fill("")
    page.select_option("#c-gridof", "")


def test_agents_find_their_session_in_the_cache(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    for key, value in (("turns", "8"), ("shared", "2000"), ("pause", "5")):
        page.locator(f"#c-{key}").fill(value)
    said(page, "of the prompts’ tokens are found")
    assert 60 < int(told(page, "Prefix cache").split("%")[0]) < 100
    page.locator("#c-turns").fill("200")
    said(page, "more than the 131,072 of context")
    for key in ("turns", "shared", "pause"):
        page.locator(f"#c-{key}").fill("")


def test_drafts_say_what_they_rest_on(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    expect(page.locator("#real-said")).not_to_contain_text("Prefix cache", timeout=SLOW)
    slow = figures(told(page, "Tokens a second per user"))
    page.select_option("#c-drafted", "3")
    said(page, "3 tokens drafted")
    said(page, "as measured for deepseek-v4-pro")
    said(page, "physics alone")
    assert figures(told(page, "Tokens a second per user"))[0] > 1.3 * slow[0]
    page.select_option("#c-drafted", "")


def test_a_load_that_the_formulas_do_not_tell_is_simulated(calculator: tuple[Page, list[str]]) -> None:
    page, asked = calculator
    before = len([one for one in asked if "simulate" in one])
    page.locator("#c-burst").fill("6")
    said(page, "simulated: ")
    assert len([one for one in asked if "simulate" in one]) > before  # loaded when it is needed
    first = told(page, "Time to first token")
    expect(page.locator("#real-known")).to_contain_text("simulated; the formulas cover the others", timeout=3 * SLOW)
    known = page.locator("#real-others tbody td:last-child").all_inner_texts()
    assert len(known) > 3
    assert set(known) <= {"formulas", "simulated"}
    assert "simulated" in known  # what the formulas are not sure of is told by none
    page.locator("#c-peak").fill("1")
    said(page, "in the busiest hour")
    assert told(page, "Time to first token") == first  # the same numbers are drawn each time
    for key in ("burst", "peak"):
        page.locator(f"#c-{key}").fill("")


def test_prefill_apart_names_its_replicas_and_wrong_values_are_said(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    page.locator("#c-apart").check()
    said(page, "for prompts, ")
    said(page, "not on measurements")
    page.locator("#c-apart").uncheck()
    for key, value, words in (
        ("p95in", "10", "95% of prompts: at least the mean"), ("p95in", "90000", "at most 3.8 times the mean"),
        ("turns", "1.5", "a whole number"), ("burst", "0", "from 0.05 to 50"), ("reuse", "100", "from 0 to 99"),
    ):  # fmt: skip
        page.locator(f"#c-{key}").fill(value)
        said(page, words)
        page.locator(f"#c-{key}").fill("")
    said(page, "for 95% of requests")


def test_a_log_sizes_for_exactly_its_own_lengths(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    given = rows(3_000)
    page.locator("#log > summary").click()
    log = OPENAI(given).encode()
    page.locator("#log-file").set_input_files({"name": "x.jsonl", "mimeType": "text/plain", "buffer": log})
    page.get_by_role("button", name="Compute with these figures").click()
    expect(page.locator("#c-p95in")).not_to_have_value("", timeout=SLOW)
    lengths = sorted(row[1] for row in given)
    assert float(page.locator("#c-p95in").input_value()) == pytest.approx(lengths[2_850], rel=0.03)
    assert float(page.locator("#c-reuse").input_value()) == pytest.approx(50, abs=3)
    said(page, "for 95% of requests")
    page.locator("#c-p95in").fill("1500")  # no longer the log's: a log-normal distribution with that percentile
    said(page, "for 95% of requests")


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1280)])
def test_axe_finds_no_violation_in_the_opened_parts(browser: Browser, site: Site, scheme: str, width: int) -> None:
    page = browser.new_page(base_url=site.url, viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/calculator")
    expect(page.locator("#answer")).to_contain_text("a month", timeout=SLOW)
    page.locator("#rows button.pick").first.click()
    for part in ("check", "more", "real", "lower", "log", "day"):
        page.locator(f"#{part} > summary").click()
    for filled in ("#real-known", "#lower-said li", "#check pre", "#day-said figure"):
        expect(page.locator(filled).first).to_be_visible(timeout=SLOW)
    results = Axe().run(page, options={"rules": {"target-size": {"enabled": True}}})
    assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in results.response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
