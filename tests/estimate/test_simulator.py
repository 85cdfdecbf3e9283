"""The judge itself: nothing is lost, work is conserved, and Little's law holds."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.benchmarks.measured import shipped_shapes
from app.calculator.sheet import known_cards
from app.estimate.constants import fitted
from app.estimate.inputs import Layout
from app.estimate.speed import _step
from app.estimate.step_time import Pace, pace, prompt_time, step
from app.estimate.terms import terms
from tests.estimate.simulator import Engine, Request

K = fitted()["constants"]


def a_pace(model: str = "meta-llama/Llama-3.1-70B-Instruct", layout: Layout | None = None) -> Pace:
    shapes = {name.lower(): shape for name, shape in shipped_shapes().items()}
    shape, (_, card) = shapes[model.lower()], known_cards()["h100-sxm-80gb"]
    laid = layout or Layout("fp8", 1.0, tensor=4)
    return pace(terms(shape, card, laid, 1000, 300, K), shape, card, laid, 1000, 300, K)


PACE = a_pace()


def drawn(seed: int, count: int, rate: float, sessions: bool = False) -> list[Request]:
    draw, now, found = Random(seed), 0.0, []
    for n in range(count):
        now += draw.expovariate(rate)
        one = Request(now, draw.randint(1, 3000), draw.randint(1, 600))
        if sessions:
            one.session, one.shared, one.prompt = n, 500, one.prompt + 500
            last = one
            for _ in range(draw.randint(0, 3)):
                last.follows = Request(
                    0.0, last.prompt + last.output + draw.randint(1, 900), draw.randint(1, 300), n, 500
                )
                last.pause = draw.expovariate(0.2)
                last = last.follows
        found.append(one)
    return found


def every(requests: list[Request]) -> list[Request]:
    found = []
    for request in requests:
        one: Request | None = request
        while one:
            found.append(one)
            one = one.follows
    return found


@given(
    st.integers(0, 10**6), st.floats(0.2, 60), st.integers(1, 64), st.floats(4_000, 400_000), st.booleans(),
    st.sampled_from([1.0, 2.5]),
)  # fmt: skip
def test_no_request_is_lost_work_is_conserved_and_littles_law_holds(
    seed: int, rate: float, cap: int, room: float, sessions: bool, advance: float
) -> None:
    room = max(room, 8 * 4_500)  # the longest session fits alone
    given_ = every(requests := drawn(seed, 60, rate, sessions))
    engine = Engine(replace(PACE, cap=cap, room=room), advance=advance, width=4.0 if advance > 1 else 1.0)
    told = engine.run(requests)
    assert sorted(map(id, told.requests)) == sorted(map(id, given_))
    assert told.computed - told.again == sum(r.prompt - r.cached for r in given_)  # every token once
    assert told.hit == sum(r.cached for r in given_)
    assert told.idle_with_work == 0
    assert told.most_running <= cap
    assert told.most_tokens <= room + 4_500
    assert told.area == pytest.approx(sum(r.end - r.at for r in given_), rel=1e-9)
    assert told.busy <= told.now * (1 + 1e-12)
    assert engine.n == engine.inside == 0
    assert engine.used == pytest.approx(0, abs=1e-3)
    assert engine.context == pytest.approx(0, abs=1e-3)
    assert engine.keeps == pytest.approx(sum(engine.kept.values()), abs=1e-3)
    assert engine.keeps <= room
    assert all(r.at <= r.first <= r.end and r.ttft > 0 and r.cached < r.prompt for r in given_)


def test_a_lone_request_takes_what_the_steps_say() -> None:
    told = Engine(PACE).run([Request(5.0, 1000, 300)])
    (one,) = told.requests
    assert one.first - one.at == pytest.approx(prompt_time(PACE, 1000))
    assert one.end - one.first == pytest.approx(sum(step(PACE, 1, 1001 + made) for made in range(299)))


@pytest.mark.parametrize(
    ("model", "layout"),
    [
        ("meta-llama/Llama-3.1-70B-Instruct", Layout("fp8", 1.0, tensor=4)),
        ("deepseek-ai/DeepSeek-R1", Layout("fp8", 1.0, data=8, experts_split=True)),
        ("openai/gpt-oss-120b", Layout("mxfp4", 2.0, tensor=8, pipeline=2)),
    ],
)
@pytest.mark.parametrize("running", [1.0, 7.0, 64.0])
def test_steps_are_those_of_the_plain_prediction(model: str, layout: Layout, running: float) -> None:
    shapes = {name.lower(): shape for name, shape in shipped_shapes().items()}
    shape, (_, card) = shapes[model.lower()], known_cards()["h200-sxm-141gb"]
    t = terms(shape, card, layout, 1000, 300, K, (1.2, 0.7))
    p = pace(t, shape, card, layout, 1000, 300, K)
    assert step(p, running, running * 1150) == pytest.approx(sum(_step(t, running, running, K)[:6]), rel=1e-9)
    assert prompt_time(p, 1000) == pytest.approx(t.offset * t.interleave * t.prefill, rel=1e-9)
    assert p.lone * prompt_time(p, 1000) == pytest.approx(t.first_offset * t.alone, rel=1e-9)


def test_a_prefix_is_found_while_memory_lasts_and_the_oldest_goes_first() -> None:
    def session(n: int, at: float) -> Request:
        return Request(at, 3200, 160, n, 0, Request(0.0, 3200 + 160 + 320, 1, n), 60.0 - 9 * n)

    few = Engine(replace(PACE, room=40_000.0)).run([session(n, n * 0.1) for n in range(4)])
    second = [r for r in few.requests if r.prompt > 3200]
    assert [r.cached for r in second] == [3360] * 4
    many = Engine(replace(PACE, room=10_000.0)).run([session(n, n * 0.1) for n in range(4)])
    found = {r.session: r.cached for r in many.requests if r.prompt > 3200}
    assert found[3] == 3360
    assert found[0] == 0


def test_a_sequence_that_finds_no_memory_computes_again() -> None:
    told = Engine(replace(PACE, room=2_300.0)).run([Request(0.0, 1000, 400), Request(0.01, 1000, 400)])
    assert told.again > 0
    assert all(r.end > 0 for r in told.requests)
