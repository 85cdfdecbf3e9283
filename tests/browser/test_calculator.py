"""The calculator in Chromium: one formula in two languages, and nothing that leaves the browser."""

import base64
import json
import random
import re
from collections.abc import Iterator
from dataclasses import astuple
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from app.benchmarks.measured import measured_rows, shipped_shapes
from app.benchmarks.nearest import Coordinates, SetUp, distance, measured_coordinates
from app.benchmarks.rows import basis_of
from app.calculator import sheet
from app.calculator.sheet import known_cards, measured_columns
from app.catalog.facts import gpus
from app.estimate.constants import fitted
from app.estimate.inputs import ENGINES, WEIGHT_BYTES, Card, Layout, Traffic
from app.estimate.offsets import generation, kind_of
from app.estimate.plan import Found, Need, cheapest, cost, hold, served, ways
from app.estimate.prediction_range import stretch, widened
from app.estimate.shape import Shape
from app.estimate.speed import Speed, estimate
from app.estimate.terms import terms
from tests import plain
from tests.conftest import ROOT, Site

MARK = 987_123
"""A number that stands in no page: what is typed can be found wherever it goes."""
K = fitted()["constants"]


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    assert errors == []
    assert context.cookies() == []


def ready(page: Page) -> None:
    page.goto("/calculator")
    expect(page.locator("#answer")).to_contain_text("a month")
    expect(page.locator("#rows .pick").first).to_be_visible()  # the sheet is here and was computed with


def computed(page: Page) -> None:
    """Wait until what was just set has been computed with: the page computes before the next frame is painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def every_row(page: Page) -> Locator:
    """All rows that qualify, those beyond the first dozen too."""
    more = page.get_by_role("button", name="more that qualify")
    if more.count():
        more.click()
    return page.locator("#rows tbody:first-of-type tr")


Offsets = tuple[float, float]


def questions(count: int) -> list[tuple[Shape, Card, Layout, Traffic, Offsets]]:
    """Random set-ups of every kind, the same each time."""
    draw = random.Random(20261124)
    shapes, cards = list(shipped_shapes().values()), [card for _, card in known_cards().values()]
    found = []
    for _ in range(count):
        layout = Layout(
            draw.choice(list(WEIGHT_BYTES)), draw.choice([1.0, 2.0]), draw.choice(ENGINES),
            draw.choice([1, 2, 3, 4, 8, 16]), draw.choice([1, 1, 2, 4]),
            draw.choice([1, 1, 2, 8]), draw.random() < 0.3, draw.choice([0, 0, 0, 16, 512]),
        )  # fmt: skip
        rate = draw.random() < 0.2
        traffic = Traffic(
            int(10 ** draw.uniform(0, 5.5)), int(10 ** draw.uniform(0, 5)),
            0.0 if rate else float(int(10 ** draw.uniform(0, 3.5))), 10 ** draw.uniform(-3, 2) if rate else 0.0,
        )  # fmt: skip
        offsets = draw.choice([(1.0, 1.0), (draw.uniform(0.7, 1.4), draw.uniform(0.5, 2.0))])
        found.append((draw.choice(shapes), draw.choice(cards), layout, traffic, offsets))
    return found


def card_list(card: Card) -> list[Any]:
    return [int(value) if isinstance(value, bool) else value for value in astuple(card)]


def split(layout: Layout) -> dict[str, Any]:
    return {
        "tensor": layout.tensor,
        "pipeline": layout.pipeline,
        "data": layout.data,
        "experts_split": layout.experts_split,
        "max_running": layout.max_running,
    }


def figures(speed: Speed) -> list[float]:
    return [
        speed.ttft,
        speed.tpot,
        speed.prefill,
        speed.waiting,
        speed.running,
        speed.most,
        speed.weights,
        speed.kv_sequence,
        *speed.parts,
        speed.throughput,
        float(speed.sustained),
    ]


def close(mine: list[float], theirs: list[float]) -> bool:
    return all(
        abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-300) or abs(a - b) < 1e-18
        for a, b in zip(mine, theirs, strict=True)
    )


def in_browser(page: Page, work: str, given: Any) -> Any:
    """Run ``work`` with the calculator's own module ``E`` and ``given``."""
    page.goto("/calculator")
    return page.evaluate(
        "async (given) => { const E = await import(document.getElementById('calculator').dataset.estimate); "
        + work
        + " }",
        given,
    )


def test_python_and_the_browser_agree_on_ten_thousand_random_inputs(page: Page) -> None:
    asked = questions(10_000)
    given = {
        "k": K, "bytes": WEIGHT_BYTES,
        "rows": [[s.as_list(), card_list(c), ly.precision, ly.kv_bytes, ly.engine, split(ly), t.input, t.output,
                  t.concurrency, t.rate, o] for s, c, ly, t, o in asked],
    }  # fmt: skip
    work = """return given.rows.map(([s, c, precision, kv, engine, how, input, output, load, rate, offsets]) => {
        const l = E.layout(precision, kv, engine, how);
        const t = E.terms(E.shape(s), E.card(c), l, input, output, given.k, given.bytes, offsets);
        const v = E.at(t, load, rate, given.k);
        return [v.fits, v.fits ? E.limitedBy(v) : "", [v.ttft, v.tpot, v.prefill, v.waiting, v.running, v.most,
            v.weights, v.kv_sequence, ...v.parts, v.throughput, Number(v.sustained)]]; });"""
    theirs = in_browser(page, work, given)
    fitting = 0
    for (shape, card, layout, traffic, offsets), (fits, limited, numbers) in zip(asked, theirs, strict=True):
        mine = estimate(shape, card, layout, traffic, K, offsets)
        assert (mine.fits, mine.limited_by if mine.fits else "") == (fits, limited)
        assert close(figures(mine), numbers), (layout, traffic, figures(mine), numbers)
        fitting += fits
    assert fitting > 5_000


def test_python_and_the_browser_correct_by_the_same_measurements(page: Page) -> None:
    models = ("deepseek-ai/DeepSeek-R1", "openai/gpt-oss-120b", "meta-llama/Llama-3.1-8B-Instruct",
              "google/gemma-3-1b-it")  # fmt: skip
    chosen = [gpus()[slug] for slug in ("h100-sxm-80gb", "b200-sxm-180gb", "mi300x-192gb", "l40s-48gb")]
    asked = list(product(models, chosen, ENGINES[:3], ("bf16", "fp8", "nvfp4", "mxfp4", "int4")))
    shapes = shipped_shapes()
    given = {
        "known": {name: fitted()["offsets"][name] for name in ("family", "engine")},
        "rows": [[sheet._offsets(model), kind_of(shapes[model.lower()]), engine, generation(gpu), precision]
                 for model, gpu, engine, precision in asked],
    }  # fmt: skip
    theirs = in_browser(page, "return given.rows.map((row) => E.basis(given.known, ...row));", given)
    rests_on = set()
    for (model, gpu, engine, precision), found in zip(asked, theirs, strict=True):
        mine = basis_of(model, shapes[model.lower()], gpu, precision, engine)
        assert mine.rests_on == found["rests_on"], (model, gpu.slug, engine, precision)
        assert close(list(mine.factors), found["factors"])
        rests_on.add(mine.rests_on)
    assert rests_on == {"measured", "family", "physics"}


def test_python_and_the_browser_choose_the_same_hardware_at_the_same_cost(page: Page) -> None:
    draw = random.Random(7)
    shapes, cards = list(shipped_shapes().values()), [card for _, card in known_cards().values()]
    cases = [
        (draw.choice(shapes), draw.choice(cards), draw.choice(["bf16", "fp8", "int4"]),
         Need(draw.randint(1, 20_000), draw.randint(1, 4_000), draw.uniform(0.01, 50), draw.uniform(0.2, 20),
              draw.uniform(0.005, 0.2), draw.uniform(0.2, 1),
              draw.randint(0, 2), draw.randint(1, 3), draw.uniform(1, 24)),
         [(draw.choice([0, 1, 2, 4, 8]), draw.uniform(0.2, 12)) for _ in range(3)])
        for _ in range(300)
    ]  # fmt: skip
    names = ("prompt", "output", "rate", "ttft", "tpot", "utilisation", "spare", "least", "hours")
    given = {
        "k": K,
        "bytes": WEIGHT_BYTES,
        "rows": [
            [s.as_list(), card_list(c), p, {n: getattr(need, n) for n in names}, sold] for s, c, p, need, sold in cases
        ],
    }
    work = """return given.rows.map(([s, c, precision, need, sold]) => {
        const options = [[precision, 2, [1.1, 0.9]]];
        const [held, nearest] = E.ways(E.shape(s), E.card(c), options, "vllm", need, given.k, given.bytes);
        const best = E.cheapest(held, need, sold), p = best?.cost;
        return [held.map((h) => h.load), nearest?.tpot ?? null, best ? [best.load, best.offer, p.replicas,
            p.instances, p.size, p.usd_hour, p.usd_month, p.usd_request, p.usd_million_input,
            p.usd_million_output, ...seen(best, p)] : null]; function seen(best, p) {
            const t = E.terms(E.shape(s), E.card(c), best.layout, need.prompt, need.output, given.k, given.bytes,
                options[0][2]), now = E.served(t, need, p, given.k);
            return [now.ttft, now.tpot, ...E.widened(t, need, p, given.k, [0.8, 1.3])]; } });"""
    some = 0
    for (shape, card, precision, need, sold), (loads, nearest, best) in zip(
        cases, in_browser(page, work, given), strict=True
    ):
        held, near = ways(shape, card, [(precision, 2.0, (1.1, 0.9))], "vllm", need, K)
        assert [way.load for way in held] == loads
        assert (near.tpot if near else None) == pytest.approx(nearest)
        mine = cheapest(held, need, sold)
        assert (mine is None) == (best is None)
        if mine:
            way, price, index = mine
            some += 1
            load, k = served(need, price), (1.1, 0.9)
            now = estimate(shape, card, way.layout, load, K, k)
            wide = widened((0.8, 1.3), stretch(shape, card, way.layout, load, K, k)) if now.tpot else (0.8, 1.3)
            assert close([way.load, index, price.replicas, price.instances, price.size, price.usd_hour, price.usd_month,
                          price.usd_request, price.usd_million_input, price.usd_million_output, now.ttft, now.tpot,
                          *wide], best)  # fmt: skip
    assert some > 50


def test_python_and_the_browser_find_the_same_measurements_nearest(page: Page) -> None:
    draw = random.Random(5)
    slugs, measured = list(known_cards()), [at for _, at in measured_coordinates()]
    models = sorted({row["model"] for row in measured_rows()})
    cases = [
        SetUp(draw.choice([*models, "no/model"]), draw.choice(slugs), draw.choice(["bf16", "fp8", "nvfp4", "mxfp4"]),
              draw.choice(ENGINES), draw.choice([1, 2, 4, 8, 16]), draw.randint(1, 20_000), draw.randint(1, 4_000),
              draw.randint(1, 1_000))
        for _ in range(300)
    ]  # fmt: skip
    given = {"cases": [astuple(case) for case in cases], "measured": measured_columns(slugs), "slugs": slugs}
    work = """const R = await import(document.getElementById('calculator').dataset.results);
        const sheet = { measured: given.measured, gpus: given.slugs.map((slug) => ({ slug, name: slug })) };
        return given.cases.map(([model, slug, precision, engine, tensor, input, output, load]) => {
            const [owner, name] = model.split("/"), layout = { precision, tensor, pipeline: 1, data: 1 };
            return R.nearest(sheet, { engine }, { owner, name }, { load, gpu: { slug }, layout }, { input, output })
                [0].distance; });"""
    for case, theirs in zip(cases, in_browser(page, work, given), strict=True):
        assert theirs == pytest.approx(min(distance(Coordinates.of(case), at) for at in measured)), case


def test_the_browser_holds_and_costs_as_python_at_the_edges() -> None:
    shape = shipped_shapes()["meta-llama/llama-3.1-70b-instruct"]
    card = known_cards()["h100-sxm-80gb"][1]
    need = Need(1000, 300, 1.0, 1e-6, 1e-6)
    assert hold(terms(shape, card, Layout("fp8", 1.0, tensor=8), 1000, 300, K), need, K)[0] == 0
    load, speed = hold(terms(shape, card, Layout("fp8", 1.0, tensor=8), 1000, 300, K), Need(1000, 300, 1.0, 9, 9), K)
    assert cost(Found(Layout("fp8", 1.0, tensor=8), load, speed), need, 4, 1.0) is None


class Recorded:
    """Everything that a page sends: addresses, headers and bodies."""

    def __init__(self, page: Page) -> None:
        self.sent: list[str] = []
        page.on("request", self._keep)
        page.on("websocket", lambda socket: self.sent.append(socket.url))

    def _keep(self, request: Request) -> None:
        self.sent += [request.url, json.dumps(request.all_headers()), request.post_data or ""]

    def holds(self, *words: str) -> list[str]:
        return [text for text in self.sent if any(word.lower() in text.lower() for word in words)]


@pytest.mark.parametrize("promise", ["P-2.4"])
def test_nothing_typed_chosen_shared_or_saved_leaves_the_browser(context: BrowserContext, promise: str) -> None:
    page = context.new_page()
    recorded = Recorded(page)
    ready(page)
    before = len(recorded.sent)
    words = [
        str(MARK),
        "98.7123",
        "marker scenario",
        "marker%20scenario",
        "deepseek-ai--deepseek-r1",
        "rtx-5090",
        "nvfp4",
        "sglang",
    ]
    for field in page.locator("#ask input[type=number]").all():
        field.evaluate("(field) => field.closest('details')?.setAttribute('open', '')")
        field.fill(str(MARK))
        most = field.get_attribute("max")
        if most and float(most) < MARK:  # a field that is not valid keeps the rest from being computed
            field.fill(most)
    for name, value in (
        ("model", "deepseek-ai--deepseek-r1"),
        ("precision", "nvfp4"),
        ("engine", "sglang"),
        ("kv", "1"),
    ):
        page.select_option(f"#c-{name}", value)
    for box in page.locator("#ask input[type=checkbox]").all():
        box.check()
    page.fill("#c-owngpu", "GeForce RTX 5090")
    for preset in page.locator("[data-preset]").all():
        preset.click()
    for name, value in (
        ("utilisation", "60"),
        ("hours", "24"),
        ("least", "1"),
        ("spare", "1"),
        ("grid", "400"),
        ("ownsize", "8"),
        ("ownusd", "98.7123"),
        ("reload", "15"),
        ("lost", "0"),
    ):
        page.locator(f"#c-{name}").fill(value)
    page.locator("#c-budget").fill(str(MARK))
    page.locator("#rows .pick").first.click()
    page.get_by_role("button", name="Show the models").click()
    expect(page.locator("#models")).to_contain_text("meet the targets")
    page.locator("#c-name").fill("marker scenario")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#scenarios")).to_contain_text("marker scenario")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy a link").click()
    expect(page.locator("#said")).to_contain_text("copied")
    link = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Compare").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    page.set_input_files("#import", download.value.path())
    expect(page.locator("#scenarios li")).to_have_count(2)
    after = recorded.sent[
        before:
    ]  # address, headers, body: a part that was opened asks for its script, and says nothing
    assert all("/static/" in address and "?" not in address for address in after[::3])
    assert not any(after[2::3])
    page.goto("/")
    page.goto(link)
    expect(page.locator("#c-budget")).to_have_value(str(MARK))
    assert "#" not in page.url
    page.reload()
    expect(page.locator("#scenarios")).to_contain_text("marker scenario")
    page.goto("/prices")
    page.locator("input[name=tier][value=on-demand]").check()
    expect(page).to_have_url(re.compile("tier=on-demand"))
    fragment = link.split("#")[1]
    assert recorded.sent
    assert recorded.holds(*words, fragment, fragment[:40], "HX-Current-URL") == []
    page.close()


def test_a_shared_link_opens_what_was_shared(page: Page, context: BrowserContext) -> None:
    ready(page)
    page.select_option("#c-model", "qwen--qwen3-32b")
    page.locator("#c-input").fill("4321")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy a link").click()
    expect(page.locator("#said")).to_contain_text("copied")
    answer = page.inner_text("#answer")
    link = page.evaluate("navigator.clipboard.readText()")
    other = context.new_page()
    other.goto(link)
    expect(other.locator("#answer")).to_have_text(answer)
    expect(other.locator("#c-input")).to_have_value("4321")
    other.goto("/calculator#s=cut-off")
    other.reload()
    expect(other.locator("#answer")).to_contain_text("a month")


def test_a_models_page_opens_the_calculator_with_that_model_and_tells_nobody(page: Page) -> None:
    recorded = Recorded(page)
    page.goto("/models/qwen--qwen3-32b")
    link = page.get_by_role("link", name="your own traffic in the calculator")
    fragment = (link.get_attribute("href") or "").split("#s=")[1]
    link.click()
    expect(page.locator("#c-model")).to_have_value("qwen--qwen3-32b")
    expect(page.locator("#answer")).to_contain_text("Qwen3-32B")
    assert "#" not in page.url
    assert recorded.holds(fragment[:30], fragment[-30:]) == []


def test_scenarios_are_saved_compared_duplicated_deleted_and_cleared(page: Page) -> None:
    ready(page)
    page.get_by_role("button", name="Save").click()  # without a name it is called after what it asks
    expect(page.locator("#said")).to_contain_text("“Llama-3.1-70B-Instruct, 2/s, 2000 ms” is saved")
    page.get_by_role("button", name="Compare (1)").click()
    page.locator("#scenarios li").get_by_role("button", name="Delete").click()
    for name, model in (
        ("large", "meta-llama--llama-3.1-70b-instruct"),
        ("small", "meta-llama--llama-3.1-8b-instruct"),
    ):
        page.select_option("#c-model", model)
        page.locator("#c-name").fill(name)
        page.get_by_role("button", name="Save").click()
        page.locator("#scenarios").get_by_role("checkbox", name=name).check()
    expect(page.locator("#compared th[scope=col]")).to_have_text(["large", "small"])
    expect(page.locator("#compared")).to_contain_text("Llama-3.1-8B-Instruct")
    page.locator("#scenarios li").first.get_by_role("button", name="Duplicate").click()
    expect(page.locator("#scenarios li")).to_have_count(3)
    page.locator("#scenarios li").last.get_by_role("button", name="Delete").click()
    expect(page.locator("#scenarios li")).to_have_count(2)
    page.locator("#scenarios li").first.get_by_role("button", name="Open").click()
    expect(page.locator("#c-model")).to_have_value("meta-llama--llama-3.1-70b-instruct")
    page.get_by_role("button", name="Clear everything").click()
    expect(page.locator("#said")).to_contain_text("gone")
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    expect(page.locator("#scenarios")).to_contain_text("None yet")


def test_scenarios_of_an_older_version_are_brought_along(page: Page) -> None:
    ready(page)
    kept = {
        "version": 1,
        "items": [
            {"id": "a", "title": "old one", "input": {"model": "qwen--qwen3-32b", "input": "77"}},
            {"broken": True},
        ],
    }
    page.evaluate("(kept) => localStorage.setItem('scenarios', JSON.stringify(kept))", kept)
    page.reload()
    expect(page.locator("#scenarios li")).to_have_count(1)
    page.get_by_role("button", name="Compare (1)").click()
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#c-input")).to_have_value("77")


HOSTILE = {
    "version": 4,
    "items": [
        None, 5, [], {"input": None}, {"name": "x", "input": "text"}, {"name": {"toString": 1}, "input": {}},
        {"id": {"toString": 1}, "name": "odd <b>one</b>", "input": {"__proto__": {"model": 1}, "input": "77",
         "model": {"toString": 1}, "ttft": [[]], "rate": {"valueOf": 1, "toString": 1}, "spot": {"a": 1},
         "minetpot": "1e999", "minegpu": "h100-sxm-80gb", "mineload": "1", "minegpus": "1", "mineinput": "1",
         "mineoutput": "2"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_hostile_scenarios_are_read_for_what_fields_can_hold(page: Page, tmp_path: Path, version: int) -> None:
    """From a file, from the storage and, by a link, from anybody: no value breaks the page, and none is kept for it to
    break on at the next visit."""
    ready(page)
    (tmp_path / "file.json").write_text(json.dumps(HOSTILE | {"version": version}))
    page.set_input_files("#import", tmp_path / "file.json")
    expect(page.locator("#said")).to_contain_text("imported")
    page.reload()
    page.get_by_role("button", name=re.compile(r"Compare \(")).click()
    page.get_by_role("button", name="Open").last.click()
    expect(page.locator("#c-input")).to_have_value("77")
    expect(page.locator("#scenarios b")).to_have_count(0)
    assert not re.search(r"\b(NaN|Infinity|undefined)\b", page.inner_text("main"))


def test_a_link_whose_values_are_none_opens_the_calculator(page: Page) -> None:
    shared = json.dumps({"version": 4, "input": HOSTILE["items"][-1]["input"]})  # type: ignore[index]
    page.goto(f"/calculator#s={base64.urlsafe_b64encode(shared.encode()).decode().rstrip('=')}")
    expect(page.locator("#c-input")).to_have_value("77")
    expect(page.locator("#answer")).to_contain_text("$")


def test_a_storage_that_holds_noise_loses_the_scenarios_alone(page: Page) -> None:
    ready(page)
    for noise in ("{", "null", "[1]", '{"version": 1, "items": [null]}', "x"):
        page.evaluate("(noise) => localStorage.setItem('scenarios', noise)", noise)
        page.reload()
        expect(page.locator("#answer")).to_contain_text("$")
        expect(page.locator("#said")).not_to_contain_text("blocks storage")


@pytest.mark.parametrize(("name", "words"), [("QuotaExceededError", "full"), ("SecurityError", "blocks storage")])
def test_full_or_forbidden_storage_is_told_kindly(context: BrowserContext, name: str, words: str) -> None:
    page = context.new_page()
    page.add_init_script(f"Storage.prototype.setItem = () => {{ throw new DOMException('no', '{name}'); }};")
    ready(page)
    page.locator("#c-name").fill("one")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_contain_text(words)
    expect(page.locator("#scenarios")).to_contain_text("None yet")
    page.close()


def test_a_file_without_scenarios_is_refused_and_loses_nothing(page: Page, tmp_path: Path) -> None:
    ready(page)
    page.locator("#c-name").fill("mine")
    page.get_by_role("button", name="Save").click()
    for content in ("not json", "[]", '{"version": 99, "items": []}', '{"version": 2, "items": "x"}'):
        (tmp_path / "file.json").write_text(content)
        page.set_input_files("#import", tmp_path / "file.json")
        expect(page.locator("#said")).to_contain_text("No scenarios in this file")
    expect(page.locator("#scenarios li")).to_have_count(1)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("input", "0", "from 1 to"), ("input", "", "Enter a number"), ("output", "1e99", "from 1 to"),
        ("output", "1.5", "whole"), ("rate", "-1", "above 0"),
        ("input", "1000000", "context"), ("utilisation", "0", "from 1 to 100"), ("tpot", "0", "above 0"),
    ],
)  # fmt: skip
def test_bad_input_is_said_at_its_field_and_never_shows_nan(page: Page, field: str, value: str, words: str) -> None:
    ready(page)
    page.locator(f"#c-{field}").evaluate("(field) => field.closest('details')?.setAttribute('open', '')")
    page.locator(f"#c-{field}").fill(value)
    expect(page.locator(f"#c-{field}-error")).to_contain_text(words)
    expect(page.locator(f"#c-{field}")).to_have_attribute("aria-invalid", "true")
    assert not re.search(r"\b(NaN|Infinity|undefined|null)\b", page.inner_text("main"))
    page.locator(f"#c-{field}").fill("10")
    expect(page.locator(f"#c-{field}-error")).to_have_text("")


def test_a_format_that_a_gpu_lacks_is_told_with_what_would_work(page: Page) -> None:
    ready(page)
    page.locator("#more summary").click()
    page.select_option("#c-precision", "fp8")
    out = page.locator("#excluded tr", has=page.get_by_role("cell", name="T4", exact=True))
    expect(out).to_contain_text("it has no FP8 units; fp16 or int4 would work")
    page.select_option("#c-precision", "bf16")
    expect(out).to_contain_text("it has no bfloat16 arithmetic; fp16, int8 or int4 would work")


def test_a_measurement_of_ones_own_moves_its_generation_half_of_the_way_and_is_sent_nowhere(page: Page) -> None:
    ready(page)
    rows = every_row(page)

    def hopper() -> float:
        row = rows.filter(has_text="H100 SXM").first
        text = row.locator("[data-label='TPOT']").inner_text().split()
        return float(text[0])

    recorded = Recorded(page)
    before = hopper()
    page.locator("#more summary").click()
    page.select_option("#c-minegpu", "h100-sxm-80gb")
    for field, value in {"minegpus": "4", "mineload": "8", "minetpot": "1"}.items():
        page.fill(f"#c-{field}", value)
    told = page.locator("#mine")
    expect(told).to_contain_text("yours is")
    predicted = float(told.inner_text().split()[1])
    page.fill("#c-minetpot", f"{predicted * 1.5:.2f}")
    expect(told).to_contain_text("yours is 1.50 times")
    expect(rows.filter(has_text="H100 SXM").first).to_contain_text("your measurement")
    assert before < hopper() < before * 1.5
    assert recorded.sent == []


def test_the_calculator_says_what_a_prediction_rests_on(page: Page) -> None:
    ready(page)
    page.locator("#more summary").click()
    page.select_option("#c-precision", "fp8")
    rows = every_row(page)
    expect(rows.filter(has_text="H100 SXM").first).to_contain_text("measured here")
    page.select_option("#c-engine", "sglang")
    expect(rows.filter(has_text="MI300X").first).to_contain_text("same family")
    rows.first.locator(".pick").click()
    expect(page.locator("#detail")).to_contain_text("Rests on")


def test_limits_budget_tiers_and_own_prices_change_the_ranking(page: Page) -> None:
    ready(page)
    rows = every_row(page)
    before = rows.count()
    page.locator("#c-tpot").fill("12")
    expect(rows).not_to_have_count(before)
    page.locator("#c-tpot").fill("50")
    page.locator("#more summary").click()
    page.locator("#c-budget").fill("6000")
    expect(page.locator("#excluded")).to_contain_text("over the budget. It would qualify at")
    page.locator("#c-budget").fill("")
    page.fill("#c-owngpu", "h100")
    page.locator("#c-ownusd").fill("0.01")
    expect(page.locator("#answer")).to_contain_text("your own price")
    expect(page.locator("#answer")).to_contain_text("H100 SXM")


def test_the_slow_end_of_the_range_holds_the_limit_when_asked(page: Page) -> None:
    ready(page)
    page.locator("#rows .pick").first.click()
    page.locator("#more summary").click()
    full = page.locator("#detail dd").nth(2)  # what a fully loaded replica gives is what the targets are held by
    expect(full).to_contain_text(re.compile(r"TPOT (4[89]|50)[\d.]*\sms"))
    page.get_by_label("Meet targets even at the slow end").check()
    low, high = fitted()["ranges"]["tpot"]["physics"]
    expect(full).not_to_contain_text(re.compile(r"TPOT (4[89]|50)[\d.]*\sms"))
    told = re.search(r"TPOT ([\d.]+)\sms", full.inner_text())
    assert told
    assert low < 1 < high
    assert float(told[1]) * high <= 50.1


def test_the_answer_tells_what_this_traffic_sees_as_the_api_does(page: Page) -> None:
    ready(page)
    answer = page.locator("#answer").inner_text()
    row = page.locator("#rows tr.on")
    replicas = re.search(r"(\d+) replicas?((?:, TP (\d+))?)", row.inner_text())
    assert replicas
    name = row.locator(".pick").inner_text().split(" × ")[1]
    gpu = next(slug for slug, (gpu, _) in known_cards().items() if gpu.name == name)
    asked = {"model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": gpu, "input_tokens": 1000, "output_tokens": 300,
             "tensor_parallel": int(replicas[3] or 1), "request_rate_per_s": 2 / int(replicas[1])}  # fmt: skip
    told = page.request.post("/api/estimate", data=asked).json()

    def near(text: str, milliseconds: float) -> bool:
        return float(text.replace(",", "")) == pytest.approx(milliseconds, rel=6e-3)

    assert re.search(r"\$[\d.]+ per million input tokens, \$[\d.]+ per million output of", answer)
    found = re.search(r"TTFT ([\d.,]+)\sms predicted, ([\d.,]+)\sms at the slow end", answer)
    assert found
    assert near(found[1], told["time_to_first_token_ms"])
    assert near(found[2], told["time_to_first_token_ms_range"][1])
    row.locator(".pick").click()
    found = re.search(
        r"([\d.,]+)\sms \(([\d.,]+)\sms to ([\d.,]+)\sms\)", page.locator("#detail dd").nth(1).inner_text()
    )
    assert found
    assert near(found[1], told["time_per_output_token_ms"])
    assert near(found[2], told["time_per_output_token_ms_range"][0])
    assert near(found[3], told["time_per_output_token_ms_range"][1])


def test_a_missed_target_is_told_with_digits_that_differ(page: Page) -> None:
    ready(page)
    for limit in ("50", "40", "30", "25"):
        page.fill("#c-tpot", limit)
        for reason in page.locator("#excluded td").all_inner_texts():
            told = re.search(r"(T[TP]\w+) (.+?)\sms .*the target is (.+?)\sms", reason)
            assert not told or told[2] != told[3], reason
    script = """async () => { const R = await import(document.getElementById('calculator').dataset.results);
        return [R.apart(0.050019, 0.05), R.apart(1.2345678, 1.2345679), R.apart(0.2, 0.05)]; }"""
    assert [[text.replace("\xa0", " ") for text in pair] for pair in page.evaluate(script)] == [
        ["50.02 ms", "50 ms"], ["1,234.568 ms", "1,234.568 ms"], ["200 ms", "50 ms"]]  # fmt: skip


def test_one_output_token_costs_no_made_up_zero(page: Page) -> None:
    ready(page)
    page.fill("#c-output", "1")
    expect(page.locator("#answer")).to_contain_text(re.compile(r"\$[\d.]+ per million input tokens"))
    expect(page.locator("#answer")).not_to_contain_text("per million output")
    expect(page.locator("#rows tr.on .out")).to_have_text("none")
    assert "$0 " not in page.locator("#calculator").inner_text()


def test_every_result_is_explained(page: Page) -> None:
    ready(page)
    page.locator("#rows .pick").first.click()
    expect(page.locator("#rows tr.chosen .pick")).to_have_attribute("aria-expanded", "true")
    for words in (
        "Where the time of a token goes",
        "Where the memory of a GPU goes",
        "Nearest measurements",
        "Against an API",
        "kWh",
    ):
        expect(page.locator("#detail")).to_contain_text(words)
    expect(page.locator("#front svg path")).to_have_count(1)


def test_the_keyboard_reaches_every_choice(page: Page) -> None:
    ready(page)
    page.locator("[data-preset=rag]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#c-input")).to_have_value("8000")
    page.locator("#rows .pick").nth(1).focus()
    page.keyboard.press("Space")
    expect(page.locator("#rows tbody tr").nth(1)).to_have_class("chosen")
    expect(page.locator("#rows .pick").nth(1)).to_be_focused()
    expect(page.locator("#detail")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator("#detail")).to_have_count(0)


def test_a_models_page_takes_in_more_hardware_without_telling_where_it_is(page: Page) -> None:
    recorded = Recorded(page)
    page.goto("/models/openai--gpt-oss-120b#s-marker")
    few = page.locator("#choices tbody tr").count()
    page.get_by_role("link", name="More hardware for each").click()
    expect(page.locator("#choices tbody tr").nth(few)).to_be_visible()
    expect(page).to_have_url(re.compile("/models/openai--gpt-oss-120b#s-marker$"))
    assert recorded.holds("HX-Current-URL", "s-marker") == []


def test_without_scripts_the_way_to_the_hardware_pages_is_shown(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/calculator")
    expect(page.get_by_text("The calculator needs JavaScript")).to_be_visible()
    assert not page.locator("#ask").is_visible()
    context.close()


def test_no_field_of_the_calculator_has_a_name_that_a_form_would_send(site: Site) -> None:
    text = plain.get(f"{site.url}/calculator").text
    form = text[text.index('<form id="ask"') : text.index("</form>")]
    assert not re.search(r"<(input|select|textarea|button)[^>]*\sname=", form)
    assert "action=" not in form


def test_scripts_of_the_calculator_send_nothing_by_themselves() -> None:
    for name in ("calculator.js", "results.js", "estimate.js", "scenarios.js", "plots.js"):
        text = (ROOT / "static" / name).read_text()
        assert not re.search(
            r"sendBeacon|XMLHttpRequest|WebSocket|EventSource|\.submit\(|http[s]?://(?!www\.w3\.org)", text
        ), name
        assert text.count("fetch(") == (1 if name == "calculator.js" else 0)


def test_limits_are_in_milliseconds_beside_each_other(page: Page) -> None:
    ready(page)
    expect(page.locator("label[for=c-ttft]")).to_have_text(re.compile("TTFT.*ms"))
    expect(page.locator("label[for=c-tpot]")).to_have_text(re.compile("TPOT.*ms"))
    page.locator("#c-rate").fill("5")
    page.locator("#c-ttft").fill("300")
    values = page.locator("#rows td[data-label=TTFT]").all_inner_texts()
    assert values
    for text in values:
        assert float(text.split("\u00a0")[0].replace(",", "")) <= 300, text
        assert re.fullmatch(r"[\d,.]+\sms", text)
    assert page.locator("#rows tbody:first-of-type .gauge .vh", has_text=re.compile(r"range [\d,.]+\sms to")).count()
    assert not re.search(r"\d\ss\b", page.inner_text("#rows"))


def test_a_scenario_whose_limit_was_in_seconds_opens_in_milliseconds(page: Page) -> None:
    old = json.dumps({"version": 2, "input": {"ttft": "1.1", "tpot": "40"}}).encode()
    page.goto("/calculator#s=" + base64.urlsafe_b64encode(old).decode().rstrip("="))
    expect(page.locator("#c-ttft")).to_have_value("1100")
    expect(page.locator("#c-tpot")).to_have_value("40")
    kept = {"version": 2, "items": [{"id": "a", "name": "old", "input": {"ttft": "0.3"}}]}
    page.evaluate("(kept) => localStorage.setItem('scenarios', JSON.stringify(kept))", kept)
    page.reload()
    page.get_by_role("button", name="Compare (1)").click()
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#c-ttft")).to_have_value("300")


def test_cost_decides_and_a_dear_own_price_is_a_row_among_others(page: Page) -> None:
    ready(page)
    answer = page.inner_text("#answer")
    page.fill("#c-owngpu", "h200")
    page.locator("#c-ownusd").fill("6")
    own = page.locator("#rows tr", has_text="your own price")  # shown among the first dozen and after
    expect(own).to_have_count(1)
    assert page.inner_text("#answer") == answer
    costs = page.locator("#rows td[data-label='USD a month']").all_inner_texts()
    numbers = [float(text.strip("$").replace(",", "")) for text in costs]
    assert numbers == sorted(numbers)
    page.locator("#c-ownusd").fill("0.01")
    expect(page.locator("#answer")).to_contain_text("your own price")


@pytest.mark.parametrize("sure", [False, True])
def test_an_excluded_gpu_says_what_would_admit_it_and_it_does(page: Page, sure: bool) -> None:
    ready(page)
    page.locator("#c-ttft").fill("300" if not sure else "900")
    if sure:
        page.locator("#more summary").click()
        page.locator("#c-sure").check()
    expect(page.locator("#excluded")).to_contain_text(re.compile("the target is 900" if sure else "the target is 300"))
    expect(page.locator("#excluded", has_text="at the slow end of its range")).to_have_count(int(sure))
    reason = page.locator("#excluded tr", has_text="It would qualify at").first
    name, why = reason.locator("td").first.inner_text(), reason.inner_text()
    key, wanted = re.search(r"(TTFT|TPOT) .*would qualify at ([\d,.]+)", why).groups()  # type: ignore[union-attr]
    reason.get_by_role("button").click()
    expect(page.locator(f"#c-{key.lower()}")).to_have_value(wanted.replace(",", ""))
    expect(page.locator("#excluded tr", has=page.get_by_role("cell", name=name, exact=True))).to_have_count(0)


def test_a_gpu_too_small_for_the_weights_says_which_lighter_ones_it_would_run(page: Page) -> None:
    ready(page)
    page.select_option("#c-model", "deepseek-ai--deepseek-r1")
    computed(page)
    reason = page.locator("#excluded tr", has_text="It would qualify with int4 weights").first
    name = reason.locator("td").first.inner_text()
    reason.get_by_role("button").click()
    expect(page.locator("#c-precision")).to_have_value("int4")
    expect(page.locator("#excluded tr", has=page.get_by_role("cell", name=name, exact=True))).to_have_count(0)


def test_what_scenarios_differ_in_is_marked_and_the_best_figure_too(page: Page) -> None:
    ready(page)
    page.get_by_role("button", name="Save").click()
    page.locator("#c-rate").fill("20")
    expect(page.locator("#c-name")).to_have_attribute("placeholder", re.compile("20/s"))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Compare (2)").click()
    table = page.locator("#compared table")
    expect(table.locator("tr.differs", has_text="Requests a second")).to_contain_text("(differs)")
    expect(table.locator("tr", has_text="TTFT target")).not_to_have_class("differs")
    expect(table.locator("tr", has_text="USD a month").locator("td").first).to_have_class("best")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_calculator_shows_its_answer_and_rows_at_once_and_nothing_moves(
    browser: Browser, site: Site, width: int
) -> None:
    context = browser.new_context(base_url=site.url, viewport={"width": width, "height": 900 if width > 999 else 844})
    page = context.new_page()
    page.add_init_script("""window.moved = 0;
        new PerformanceObserver((list) => { for (const shift of list.getEntries())
        if (!shift.hadRecentInput) window.moved += shift.value; })
        .observe({ type: "layout-shift", buffered: true });""")
    ready(page)
    inside = "(e) => { const box = e.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
    assert page.locator("#answer").evaluate(inside)
    if width > 999:
        rows = page.locator("#rows tbody:first-of-type tr").all()
        assert sum(row.evaluate(inside) for row in rows) >= 8
    page.mouse.wheel(0, 1500)
    kept = page.locator("#answer b").last if width > 999 else page.locator("#stuck")
    expect(kept).to_be_in_viewport()
    expect(kept).to_contain_text("a month")
    assert page.evaluate("window.moved") == 0
    context.close()


def test_a_replica_is_never_called_one_gpu_beside_a_count_of_more(page: Page) -> None:
    ready(page)
    assert "one GPU" not in page.inner_text("main")
    for address in ("/gpus/h100-sxm-80gb", "/models/meta-llama--llama-3.1-8b-instruct"):
        page.goto(address)
        assert not re.search(r"\d GPUs? one GPU|, one GPU", page.inner_text("main"))


def test_no_gpu_qualifies_that_misses_a_target_with_this_traffic_and_none_has_a_cost_of_zero(page: Page) -> None:
    """With one request at a time on each replica, one that arrives at random sees more than one of a fixed load."""
    ready(page)
    page.select_option("#c-model", label="Llama-3.1-8B-Instruct")
    for field, value in (("rate", "50"), ("ttft", "300"), ("tpot", "20")):
        page.fill(f"#c-{field}", value)
    page.locator("#rows tr.all button").click()
    rows = page.locator("#rows > tbody").first.locator("tr:not(.all)")
    times = rows.evaluate_all("""rows => rows.map((row) => ["TTFT", "TPOT"].map((name) => Number(
        row.querySelector(`[data-label=${name}]`).textContent.replace(/[^\\d.]/g, ""))))""")
    assert len(times) > 12
    assert all(ttft <= 300 and tpot <= 20 for ttft, tpot in times), times
    rows.last.locator(".pick").click()
    expect(page.locator("#detail")).to_contain_text(re.compile(r"\$0\.\d*[1-9]\d* per million input tokens"))


def test_an_own_price_is_sized_as_a_replica_needs_unless_told(page: Page) -> None:
    ready(page)
    page.fill("#c-owngpu", "H200 SXM")
    page.fill("#c-ownusd", "0.5")
    own = page.locator("#rows tr", has_text="your own price")
    expect(own.first).to_contain_text(re.compile(r"^(\d+) × H200 SXM"))
    without = int(own.first.inner_text().split(" ")[0])
    page.locator("#more summary").click()
    page.fill("#c-ownsize", "8")
    expect(own.first).to_contain_text("8 × H200 SXM")
    assert without < 8
