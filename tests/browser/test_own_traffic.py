"""A log of one's own, and the commands that check an answer: read and written in the browser, by the page's modules."""

import json
import math
import random
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.calculator.day import Unit, cheapest_day
from app.pricing.offers.reclaim import stretch
from app.submissions.result_files import runs_of
from app.submissions.result_files.document import FileError
from app.web.assets import address
from tests.conftest import DATA, Site

Rows = list[tuple[float, int, int, int]]
"""Seconds since 1970, input tokens, output tokens, input tokens that came from a prefix cache."""


@pytest.fixture(scope="module")
def page(browser: Browser, site: Site) -> Iterator[Page]:
    opened = browser.new_page(base_url=site.url)
    opened.goto("/robots.txt")
    yield opened
    opened.close()


def rows(count: int) -> Rows:
    draw, now, found = random.Random(19), 1_760_000_000.0, []
    for _ in range(count):
        now += draw.expovariate(0.05)
        tokens = int(draw.lognormvariate(6, 1)) + 1
        found.append((round(now, 3), tokens, int(draw.expovariate(1 / 300)) + 1, draw.randint(0, tokens)))
    return found


def json_lines(row: Callable[[float, int, int, int], Any]) -> Callable[[Rows], str]:
    return lambda found: "\n".join(json.dumps(row(*one)) for one in found) + "\n"


def csv(head: str, row: Callable[[float, int, int, int], list[Any]]) -> Callable[[Rows], str]:
    return lambda found: "\n".join([head, *(",".join(map(str, row(*one))) for one in found)])


OPENAI = json_lines(
    lambda at, i, o, c: {
        "created": at,
        "usage": {"prompt_tokens": i, "completion_tokens": o, "prompt_tokens_details": {"cached_tokens": c}},
    }
)
FORMATS: dict[str, Callable[[Rows], str]] = {
    "usage objects": OPENAI,
    "OpenAI's batch output": json_lines(
        lambda at, i, o, c: {
            "custom_id": "a",
            "created": at,
            "response": {
                "body": {"usage": {"input_tokens": i, "output_tokens": o, "input_tokens_details": {"cached_tokens": c}}}
            },
        }
    ),
    "LiteLLM's spend log": csv(
        "request_id,startTime,model,prompt_tokens,completion_tokens,cached_tokens",
        lambda at, i, o, c: ["a", int(at * 1000), '"a ""model"", with a comma"', i, o, c],
    ),
    "SGLang's request log": json_lines(
        lambda at, i, o, c: {
            "timestamp": int(at * 1e9),
            "event": "request.finished",
            "out": {"meta_info": {"prompt_tokens": i, "completion_tokens": o, "cached_tokens": c}},
        }
    ),
}


def read(page: Page, text: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        """async ([module, text]) => { const { readLog } = await import(module);
        try { return await readLog(new Blob([text])); } catch (error) { return { fault: error.message }; } }""",
        [address("traffic_log.js"), text],
    )
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_every_kind_of_log_tells_the_same_traffic(page: Page, name: str) -> None:
    given = rows(2_000)
    told = read(page, FORMATS[name](given))
    assert told["requests"] == len(given)
    assert told["skipped"] == 0
    for at, key in ((1, "input"), (2, "output")):
        lengths = sorted(row[at] for row in given)
        assert told[key]["mean"] == pytest.approx(statistics.mean(lengths), rel=1e-9)
        assert told[key]["p50"] == pytest.approx(lengths[len(lengths) // 2], rel=0.02, abs=1)
        assert told[key]["p95"] == pytest.approx(lengths[int(len(lengths) * 0.95)], rel=0.03)
        assert told[key]["max"] == lengths[-1]
    assert told["cached"] == pytest.approx(sum(row[3] for row in given) / sum(row[1] for row in given), rel=1e-9)
    times = [row[0] for row in given]
    assert told["span"] == pytest.approx(times[-1] - times[0], abs=1)
    busiest = max(sum(1 for other in times if at <= other <= at + 3600) for at in times)
    assert told["rate"]["busiest"] == pytest.approx(busiest / 3600, rel=0.01)
    assert told["rate"]["mean"] == pytest.approx(len(times) / (times[-1] - times[0]), rel=1e-3)
    assert 0.5 < told["rate"]["burst"] < 2  # independent arrivals


def test_the_order_of_a_log_does_not_matter(page: Page) -> None:
    given = rows(500)
    shuffled = random.Random(1).sample(given, len(given))
    assert read(page, OPENAI(given)) == read(page, OPENAI(shuffled))


def test_arrivals_in_bursts_are_told_from_independent_ones(page: Page) -> None:
    given = [(1_760_000_000.0 + 60 * (n // 20) + 0.01 * (n % 20), 100, 100, 0) for n in range(1_000)]
    assert read(page, OPENAI(given))["rate"]["burst"] > 5


def test_shared_beginnings_are_found_by_text_and_by_the_blocks_of_a_trace(page: Page) -> None:
    system = "You are a helpful assistant. " * 100
    told = read(
        page,
        "\n".join(
            json.dumps({
                "messages": [{"role": "system", "content": system}, {"role": "user", "content": f"{n} {'x' * 400}"}],
                "usage": {"prompt_tokens": 900, "completion_tokens": 10},
            })
            for n in range(50)
        ),
    )  # fmt: skip
    assert 0.75 < told["prefix"]["share"] < len(system) / (len(system) + 400)
    different = "\n".join(
        json.dumps({"prompt": f"{n} {system}", "usage": {"prompt_tokens": 900, "completion_tokens": 10}})
        for n in range(50)
    )
    assert read(page, different)["prefix"]["share"] == 0
    trace = '{"timestamp": %d, "input_length": 1024, "output_length": 9, "hash_ids": [1, %d]}'
    assert read(page, "\n".join(trace % (n, n + 2) for n in range(1, 5)))["prefix"]["share"] == 0.375


def test_counts_of_a_time_span_give_means_alone(page: Page) -> None:
    told = read(
        page,
        "start_time,num_model_requests,input_tokens,output_tokens\n1760000000,10,5000,1000\n1760086400,30,9000,3000",
    )
    assert (told["requests"], told["input"]["mean"], told["output"]["mean"]) == (40, 350, 100)
    assert told["counted"]
    assert told["rate"] is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: the file holds no request"),
        ("hello\nworld", "line 1: neither a JSON object nor the header of a CSV file"),
        ("[1, 2]", "line 1: one JSON list"),
        ('{"a": 1}\n' * 3, "line 1: no numbers of input and output tokens"),
        ("prompt_tokens,completion_tokens\n1,2,3\n" * 2, "line 2: 3 columns where the first line has 2"),
        (OPENAI(rows(20)) + "{broken\n", "line 21: not JSON; 1 of 21 lines can't be read"),
        ('{"usage": {"prompt_tokens": -1, "completion_tokens": "x"}}', "line 1: no numbers"),
        ("\x00\x01\x02" * 100, "line 1: neither"),
    ],
)
def test_a_file_that_is_no_log_is_refused_with_the_line_that_failed(page: Page, text: str, why: str) -> None:
    assert why in read(page, text)["fault"]


def test_a_line_without_end_is_given_up(page: Page) -> None:
    fault = page.evaluate(
        """async (module) => { const { readLog } = await import(module);
        try { return await readLog(new Blob(["{}\\n", "x".repeat(9 << 20)])); } catch (e) { return e.message; } }""",
        address("traffic_log.js"),
    )
    assert fault == "line 2: longer than 8 MB"


SOUND = '{"created": 1760000000, "usage": {"prompt_tokens": 10, "completion_tokens": 3}}'
NO_TEXT = '{"toString": 1, "valueOf": 1}'
DEEP = "[" * 50_000 + "]" * 50_000


@pytest.mark.parametrize(
    "line",
    [
        f'{{"prompt_tokens": {NO_TEXT}, "completion_tokens": 2}}', f'{{"usage": {NO_TEXT}}}',
        f'{{"created": {NO_TEXT}, "prompt_tokens": 10, "completion_tokens": 3}}',
        f'{{"prompt_tokens": 10, "completion_tokens": 3, "messages": [{{"role": {NO_TEXT}, "content": "x"}}]}}',
        f'{{"prompt_tokens": 10, "completion_tokens": 3, "messages": [{{"role": "user", "content": {DEEP}}}]}}',
        f'{{"prompt_tokens": 10, "completion_tokens": 3, "hash_ids": [{DEEP}, {NO_TEXT}]}}',
        '{"__proto__": {"prompt_tokens": 10, "completion_tokens": 3}}',
        '{"prompt_tokens": 1e308, "completion_tokens": 1}',
        '{"prompt_tokens": [10], "completion_tokens": true}', '{"prompt_tokens": "\\ud800", "completion_tokens": 3}',
        '{"created": 1e300, "prompt_tokens": 10, "completion_tokens": 3}',
        '{"created": -1e300, "prompt_tokens": 10, "completion_tokens": 3}',
        '{"created": "-271821-04-20", "prompt_tokens": 10, "completion_tokens": 3}',
        '{"prompt": "\\ud800", "prompt_tokens": 10, "completion_tokens": 3}', "\x00\x01", DEEP,
    ],
)  # fmt: skip
def test_a_hostile_line_is_left_out_or_read_and_stands_in_no_others_way(page: Page, line: str) -> None:
    told = read(page, "\n".join([SOUND] * 300 + [line] + [SOUND.replace("1760000000", "1760000600")] * 300))
    assert "fault" not in told, told
    assert told["requests"] + told["skipped"] == 601
    assert told["requests"] >= 600
    assert (told["input"]["mean"], told["output"]["mean"]) == (10, 3)
    assert told["span"] == 600
    assert all(0 <= hour < 1e6 for hour in told["rate"]["byHour"] if hour is not None)


def test_the_first_and_the_last_time_there_is_are_read_without_end(page: Page) -> None:
    """Hours are counted from the first request to the last: a time that is none made that a loop without end."""
    text = "\n".join(f'{{"created": {at}, "prompt_tokens": 1, "completion_tokens": 2}}' for at in (0, 1e11, 1e19, 1e22))
    told = read(page, text)
    assert told["requests"] == 4
    assert told["span"] == 1e11


def test_a_header_of_a_million_columns_is_refused(page: Page) -> None:
    assert "more than 1,000 columns" in read(page, "prompt_tokens,completion_tokens" + ",a" * 1_000_000)["fault"]


def recipe(page: Page, **given: Any) -> dict[str, Any]:
    layout = {"precision": "bf16", "tensor": 1, "data": 1, "pipeline": 1, "experts_split": False, "kv_bytes": 2}
    asked = {"engine": "vllm", "name": "a/model", "stored": "bf16", "input": 1000, "output": 300, "load": 64} | given
    asked["layout"] = layout | given.get("layout", {})
    found: dict[str, Any] = page.evaluate(
        "async ([module, asked]) => (await import(module)).recipe(asked)", [address("recipe.js"), asked]
    )
    return found


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"layout": {"tensor": 4}}, "--tensor-parallel-size 4"),
        ({"layout": {"precision": "fp8", "kv_bytes": 1}}, "--quantization fp8 --kv-cache-dtype fp8"),
        ({"layout": {"data": 8, "experts_split": True}},
         "--data-parallel-size 8 --enable-expert-parallel --max-num-seqs 8"),
        ({"engine": "sglang", "layout": {"data": 8, "experts_split": True}},
         "--tp-size 8 --dp-size 8 --enable-dp-attention --ep-size 8 --max-running-requests 64"),
        ({"engine": "sglang", "layout": {"kv_bytes": 1}}, "--kv-cache-dtype fp8_e4m3 --disable-radix-cache"),
        ({"layout": {"tensor": 8, "pipeline": 2}},
         "--tensor-parallel-size 8 --pipeline-parallel-size 2 --distributed-executor-backend ray"),
        ({"engine": "trtllm", "layout": {"tensor": 8, "pipeline": 2, "kv_bytes": 1}},
         "dtype: fp8 --tp_size 8 --pp_size 2 --max_batch_size 64"),
    ],
)  # fmt: skip
def test_the_commands_say_what_was_assumed(page: Page, given: dict[str, Any], options: str) -> None:
    told = recipe(page, **given)
    words = told["serve"].replace("\\\n", " ").split()
    assert [word for word in options.split() if word not in words] == []
    assert "a/model" in words
    for option in ("--random-input-len 1000", "--random-output-len 300", "--max-concurrency 64", "--save-result"):
        assert option in told["bench"]


def test_weights_that_the_hub_does_not_hold_so_are_said(page: Page) -> None:
    assert "name a copy of it in nvfp4" in " ".join(recipe(page, layout={"precision": "nvfp4"})["notes"])
    assert "name a copy" not in " ".join(recipe(page, layout={"precision": "fp8"})["notes"])
    assert recipe(page, name="a/b'; rm -rf ~ #")["serve"].startswith("vllm serve 'a/b'\\''; rm -rf ~ #'")


UPLOADS = sorted((DATA / "uploads").iterdir())
FIELDS = {"tpot": "tpot_ms", "ttft": "ttft_ms", "load": "concurrency", "input": "input_tokens",
          "output": "output_tokens"}  # fmt: skip
BY_NAME = {"llama-bench": ("b2", "b30_", "b31_", "b32_"), "llama-batched-bench": ("b33_",), "trtllm-bench": ("b43_",)}
"""Files that the browser refuses by name, since they hold no measurement of what it predicts; the site reads them."""


def result(page: Page, text: str) -> Any:
    return page.evaluate(
        "async ([module, text]) => (await import(module)).runsOf(text)", [address("result_files.js"), text]
    )


@pytest.mark.parametrize("path", UPLOADS, ids=lambda path: path.name)
def test_the_browser_reads_a_result_file_as_the_site_does(page: Page, path: Path) -> None:
    data = path.read_bytes()
    told = result(page, data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"))
    for tool, names in BY_NAME.items():
        if path.name.startswith(names):
            assert f"This is {tool}’s" in told["fault"]
            return
    try:
        mine = [run.values for run in runs_of(data)]
    except FileError:
        assert told["fault"].startswith(("This is ", "No request "))
        return
    theirs = told["runs"]
    assert len(theirs) == len(mine)
    for run, values in zip(theirs, mine, strict=True):
        for key, field in FIELDS.items():
            assert run[key] == pytest.approx(float(values.get(field) or 0), abs=1e-4), (key, run)


@pytest.mark.parametrize(
    "text", ["", "hello", '{"completed": 3}', "{", '[{"a": 1}', "a,b,c,d\n1,2,3,4", "[1, 2]", "null"]
)
def test_what_is_no_result_is_refused_with_a_reason(page: Page, text: str) -> None:
    assert result(page, text)["fault"]


@pytest.mark.parametrize(
    "text",
    [
        '{"time_to_first_token": {"p50": 1, "unit": "constructor"}}',
        '{"metrics": 1, "benchmarks": [{"metrics": null}]}',
        f'{{"time_to_first_token": {{"p50": 1, "unit": {NO_TEXT}}}}}', DEEP, f'{{"a": {DEEP}}}',
        f'{{"median_ttft_ms": {NO_TEXT}, "output_throughput": 3, "completed": {NO_TEXT}, "backend": {NO_TEXT}}}',
        '{"median_ttft_ms": 1e999, "output_throughput": 5e-324, "completed": 5e-324, "max_concurrency": 1e308}',
        "INSERT INTO a (" * 100_000, "a,b,c,d" + ",x" * 100_000 + "\n" + "1,\n" * 5_000, "x\n" * 2_000_000,
        "Serving Benchmark Result\nconstructor:  5\n__proto__:  6\n", '{"benchmarks": [' + '{"metrics": {}},' * 50_000
        + '{"metrics": {}}]}',
    ],
    ids=range(12),
)  # fmt: skip
def test_a_hostile_result_file_is_refused_or_says_nothing_that_is_no_number(page: Page, text: str) -> None:
    """Each of them once took minutes, gigabytes or an error without words."""
    told = result(page, text)
    assert told.get("fault") or all(
        isinstance(run[key], int | float) and 0 <= run[key] < 1e13 for run in told["runs"] for key in FIELDS
    )


SERVED = {"backend": "openai", "completed": 100, "total_input_tokens": 100_000, "total_output_tokens": 30_000,
          "max_concurrency": 64, "median_tpot_ms": 21.5, "median_ttft_ms": 240.0, "output_throughput": 9.5}  # fmt: skip


def test_a_sweep_is_read_from_its_csv_as_from_its_json(page: Page) -> None:
    runs = [SERVED | {"max_concurrency": load, "median_tpot_ms": 10.0 + load} for load in (1, 8, 64)]
    table = "\n".join([",".join(["", *SERVED]), *(",".join([str(i), *map(str, run.values())])
                                                  for i, run in enumerate(runs))])  # fmt: skip
    for text in (json.dumps(runs), "\n".join(map(json.dumps, runs)), table):
        assert [(run["load"], run["tpot"]) for run in result(page, text)["runs"]] == [(1, 11), (8, 18), (64, 74)]
        assert [run.values["concurrency"] for run in runs_of(text.encode())] == ["1", "8", "64"]


def test_python_and_the_browser_tell_the_same_of_reclaims(page: Page) -> None:
    cases = [(every, reload, lost) for every in (0.01, 1, 48, 5_000) for reload in (0, 0.2, 9) for lost in (0, 0.5, 7)]
    theirs = page.evaluate(
        """async ([module, cases]) => { const { stretch } = await import(module);
        return cases.map((c) => { const s = stretch(...c); return s === Infinity ? null : s; }); }""",
        [address("estimate.js"), cases],
    )
    for (every, reload, lost), found in zip(cases, theirs, strict=True):
        assert (math.inf if found is None else found) == pytest.approx(stretch(1 / every, reload, lost), rel=1e-9)


def test_python_and_the_browser_plan_the_same_days(page: Page) -> None:
    draw = random.Random(3)

    def units() -> list[tuple[int, float, int]]:
        return [(draw.choice([1, 2, 4, 8]), draw.uniform(1, 30), draw.choice([2, 9, 400]))
                for _ in range(draw.randint(0, 3))]  # fmt: skip

    days: list[dict[str, Any]] = [
        {
            "rates": [draw.choice([0, draw.uniform(0, 30)]) for _ in range(24)], "replicaRate": draw.uniform(0.5, 2),
            "base": units(), "burst": units(), "usdRequest": draw.choice([None, 1e-4, 2e-3]),
            "least": draw.randint(1, 3), "spare": draw.randint(0, 2),
        }
        for _ in range(100)
    ]  # fmt: skip
    theirs = page.evaluate(
        """async ([module, days]) => { const { cheapestDay } = await import(module);
        const units = (rows) => rows.map(([replicas, usd, most]) => ({ replicas, usd, most }));
        return days.map((d) => cheapestDay({ ...d, base: units(d.base), burst: units(d.burst),
          usdRequest: d.usdRequest ?? Infinity })); }""",
        [address("day.js"), days],
    )
    for day, their in zip(days, theirs, strict=True):
        mine = cheapest_day(
            day["rates"], day["replicaRate"], [Unit(*unit) for unit in day["base"]],
            [Unit(*unit) for unit in day["burst"]], day["usdRequest"] or math.inf, day["least"], day["spare"],
        )  # fmt: skip
        assert (mine is None) == (their is None)
        if mine:
            assert their["usd"] == pytest.approx(mine.usd_day, rel=1e-12)
            assert their["overflow"] == pytest.approx(mine.overflow, rel=1e-12)
            assert their["base"] == list(mine.base)
            assert their["burst"] == [list(counts) for counts in mine.burst]
    assert sum(their is not None for their in theirs) > 50


def test_machines_by_the_hour_that_run_in_every_hour_run_all_day(page: Page) -> None:
    told = page.evaluate(
        """async ([module]) => { const { sentences } = await import(module);
        const many = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;
        const burst = Array.from({ length: 24 }, (_, h) => [h > 8 && h < 18 ? 5 : 2]);
        return sentences({ many, short: String }, { base: [], burst, overflow: 0 }, [], [{ name: "on demand" }]); }""",
        [address("day_panel.js")],
    )
    assert told == [
        "All day: 2 machines on demand.",
        "By the hour: up to 3 more machines on demand, 09:00 to 18:00.",
    ]


@pytest.fixture(scope="module")
def calculator(browser: Browser, site: Site) -> Iterator[tuple[Page, list[str]]]:
    """The calculator, ready, and every address that it asked for since."""
    opened = browser.new_page(base_url=site.url, viewport={"width": 1280, "height": 900})
    opened.goto("/calculator")
    expect(opened.locator("#answer")).to_contain_text("a month")
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    yield opened, asked
    ours = (f"{site.url}/static/", f"{site.url}/calculator/sheet.json?v=", "blob:")
    assert [url for url in asked if not url.startswith(ours) and url != f"{site.url}/calculator"] == []
    opened.close()


def value(page: Page, key: str) -> float:
    return float(page.locator(f"#c-{key}").input_value())


def test_a_dropped_log_fills_the_sentence_and_nothing_of_it_is_sent(calculator: tuple[Page, list[str]]) -> None:
    page, asked = calculator
    page.locator("#log > summary").click()
    given = rows(2_000)
    log = OPENAI(given)
    page.locator("#log-file").set_input_files({"name": "x.jsonl", "mimeType": "text/plain", "buffer": log.encode()})
    page.get_by_role("button", name="Compute with these figures").click()
    assert value(page, "input") == round(statistics.mean(row[1] for row in given))
    assert value(page, "output") == round(statistics.mean(row[2] for row in given))
    assert 0.05 < value(page, "rate") < 0.1
    assert len([url for url in asked if "traffic_log" in url]) == 1
    assert not any(store in page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
                   for store in ("x.jsonl", str(given[7][1])))  # fmt: skip
    page.locator("#log-file").set_input_files({"name": "x.txt", "mimeType": "text/plain", "buffer": b"hello"})
    expect(page.locator("#log-said")).to_contain_text("line 1: neither a JSON object nor the header")


def test_a_day_is_planned_and_a_flat_one_costs_what_the_answer_says(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    page.reload()
    expect(page.locator("#answer")).to_contain_text("a month")
    best = page.locator("#rows tbody tr .usd").first.inner_text().strip()
    page.locator("#day > summary").click()
    said = page.locator("#day-said strong")
    flat = float(said.inner_text().removeprefix("$").split()[0].replace(",", ""))
    assert flat <= float(best.removeprefix("$").replace(",", "")) * 1.001  # a term, spot or an API can only be cheaper
    first = page.locator("#day-said").inner_text()
    page.get_by_role("button", name="Flat").click()
    assert page.locator("#day-said").inner_text() == first  # spot counts from the start, and the rate is the one asked
    page.get_by_role("button", name="Office hours").click()
    expect(page.locator("#day-said")).to_contain_text("09:00 to 18:00")
    assert page.locator("#day-said svg .base").count() == 24
    sliders = page.locator(".sliders input")
    assert sliders.count() == 24
    sliders.nth(3).focus()
    before = sliders.nth(3).input_value()
    page.keyboard.press("End")
    assert sliders.nth(3).input_value() != before


def test_what_would_lower_the_cost_is_ranked_and_can_be_tried(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    page.locator("#lower > summary").click()
    expect(page.locator("#lower-said li").first).to_be_visible(timeout=60_000)
    costs = [float(text.split("$")[1].split(" ")[0].replace(",", ""))
             for text in page.locator("#lower-said li").all_inner_texts()]  # fmt: skip
    assert costs == sorted(costs)
    page.locator("#lower-said li button").first.click()
    now = page.locator("#rows tbody tr .usd").first.inner_text().strip()
    assert float(now.removeprefix("$").replace(",", "")) == pytest.approx(costs[0], rel=0.01)


def test_an_answer_is_checked_with_a_result_file_that_calibrates_the_page(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    page.locator("#rows .pick").first.click()
    page.locator("#check > summary").click()
    expect(page.locator("#check pre").first).to_contain_text("vllm serve")
    row = {"completed": 100, "total_input_tokens": 100_000, "total_output_tokens": 30_000, "max_concurrency": 64,
           "median_tpot_ms": 500.0, "median_ttft_ms": 240.0}  # fmt: skip
    page.locator("#result-file").set_input_files(
        {"name": "result.json", "mimeType": "application/json", "buffer": json.dumps(row).encode()}
    )
    expect(page.locator("#checked")).to_contain_text("TPOT 500 ms measured")
    expect(page.locator("#checked")).to_contain_text("slower than predicted")
    page.get_by_role("button", name="Calibrate this page with it").click()
    assert value(page, "minetpot") == 500
    expect(page.locator("#said")).to_contain_text("follow your measurement")


def told_reclaims(sheet: dict[str, Any]) -> dict[str, Any]:
    """The sheet, each spot offer of which is reclaimed once in two hours."""
    spot = sheet["tiers"].index("spot")
    return {**sheet, "offers": [[*row[:8], 2] if row[2] == spot else row for row in sheet["offers"]]}


def test_what_a_reclaim_costs_is_asked_and_counted(calculator: tuple[Page, list[str]]) -> None:
    page, _ = calculator
    page.route("**/calculator/sheet.json*", lambda route: route.fulfill(json=told_reclaims(route.fetch().json())))
    page.goto("/calculator")
    expect(page.locator("#rows .pick").first).to_be_visible()
    page.locator("#c-spot").check()
    page.locator("#c-on-demand").uncheck()
    page.locator("#more > summary").click()
    cheapest = page.locator("#rows tbody tr .usd").first

    def month(reload: str, lost: str, said: str) -> float:
        page.locator("#c-reload").fill(reload)
        page.locator("#c-lost").fill(lost)
        expect(page.locator("#answer")).to_contain_text(said)
        return float(cheapest.inner_text().strip().removeprefix("$").replace(",", ""))

    usual = month("15", "0", "spot with 13% for reclaims")
    assert month("60", "0", "spot with 65% for reclaims") == pytest.approx(usual * math.exp(0.375), rel=0.01)
    lossy = stretch(1 / 2, 0.25, 0.5) / stretch(1 / 2, 0.25, 0)
    assert month("15", "30", "spot with 29% for reclaims") == pytest.approx(usual * lossy, rel=0.01)
    page.locator("#c-reload").fill("9999")
    expect(page.locator("#c-reload-error")).to_contain_text("from 0 to 1,440 minutes")
