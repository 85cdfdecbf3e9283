"""Traffic as it is: Python and the browser tell the same, and the page says what users see."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from app.estimate.apart import best_apart
from app.estimate.drafts import drafting, gain
from app.estimate.lengths import counted, spread
from app.estimate.pace import Pace
from app.estimate.queueing import Load
from app.estimate.sizes import replicas
from app.estimate.users import Seen, seen
from app.web.assets import address
from tests.conftest import Site
from tests.estimate.loads import DEVELOP, agents, loads
from tests.estimate.simulator import Engine
from tests.estimate.test_simulator import PACE, drawn, every


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
