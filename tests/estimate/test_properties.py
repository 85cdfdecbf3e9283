"""What must hold for every model, card and load."""

from dataclasses import replace
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.benchmarks.measured import shipped_shapes
from app.calculator.sheet import known_cards
from app.estimate.constants import fitted
from app.estimate.inputs import Card, Layout, Traffic
from app.estimate.plan import Found, Need, cheapest, cost, hold, ways
from app.estimate.shape import Shape
from app.estimate.speed import Speed, at, estimate
from app.estimate.terms import terms

K = fitted()["constants"]
shapes = st.sampled_from(list(shipped_shapes().values()))
cards = st.sampled_from([card for _, card in known_cards().values()])
tokens = st.integers(1, 32_000)
loads = st.integers(1, 2_000)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    precision = draw(st.sampled_from(["bf16", "int4", "int8"]))
    engine = draw(st.sampled_from(["vllm", "sglang", "trtllm", "llama.cpp"]))
    return Layout(precision, 2.0, engine, tensor=draw(st.sampled_from([1, 2, 4, 8])))


def speed_of(shape: Shape, card: Card, layout: Layout, traffic: Traffic) -> Speed:
    return estimate(shape, card, layout, traffic, K)


@given(shapes, cards, layouts(), tokens, tokens, loads)
def test_every_figure_is_finite_and_not_negative(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, load: int
) -> None:
    found = speed_of(shape, card, layout, Traffic(prompt, output, load))
    figures = (
        found.ttft,
        found.tpot,
        found.waiting,
        found.running,
        found.most,
        found.weights,
        found.kv_sequence,
        *found.parts,
    )
    assert all(0 <= figure < 1e15 for figure in figures)
    assert found.fits == (found.ttft > 0)
    assert (found.tpot > 0) == (found.fits and output > 1)


@given(shapes, cards, layouts(), tokens, tokens, loads, st.floats(1.01, 4))
def test_more_bandwidth_is_never_slower(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, load: int, more: float
) -> None:
    traffic = Traffic(prompt, output, load)
    now, then = (
        speed_of(shape, card, layout, traffic),
        speed_of(shape, replace(card, bandwidth=card.bandwidth * more), layout, traffic),
    )
    assume(now.fits)
    # more sequences may run at once when requests wait less for their first token, so the whole request is compared
    assert then.ttft + output * then.tpot <= (now.ttft + output * now.tpot) * 1.001


@given(shapes, cards, layouts(), tokens, tokens, loads)
def test_a_busier_server_never_answers_sooner(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, load: int
) -> None:
    now, then = (speed_of(shape, card, layout, Traffic(prompt, output, n)) for n in (load, load * 2))
    assume(now.fits)
    assert then.ttft >= now.ttft
    assert then.tpot >= now.tpot * (1 - 1e-12)


def test_one_request_more_never_lowers_what_is_served_and_never_speeds_an_answer_up() -> None:
    draw = Random(20261130)
    models, gpus = list(shipped_shapes().values()), [card for _, card in known_cards().values()]
    steps, back = 0, []
    while steps < 2_500:
        layout = Layout(
            draw.choice(["bf16", "int4", "fp8", "mxfp4"]), draw.choice([1.0, 2.0]),
            draw.choice(["vllm", "sglang", "trtllm", "llama.cpp"]), draw.choice([1, 2, 4, 8]),
            draw.choice([1, 1, 2, 4]), draw.choice([1, 1, 1, 4]), max_running=draw.choice([0, 0, 64]),
        )  # fmt: skip
        prompt, output = int(10 ** draw.uniform(0, 4.5)), int(10 ** draw.uniform(0, 4))
        t = terms(draw.choice(models), draw.choice(gpus), layout, prompt, output, K)
        if t.most < 1:
            continue
        near = max(1, int(t.most))
        for load in (*(int(10 ** draw.uniform(0, 3.3)) for _ in range(4)), max(1, near - 1), near, near + 1):
            now, then = (at(t, Traffic(prompt, output, float(n)), K) for n in (load, load + 1))
            steps += 1
            grown = (getattr(then, name) / (getattr(now, name) or 1.0) for name in ("throughput", "ttft", "tpot"))
            back += [ratio for ratio in grown if 0 < ratio < 1 - 1e-6]
            whole = [found.ttft + found.tpot * (output - 1) for found in (now, then)]
            assert whole[1] <= whole[0] * ((load + 1) / load) ** 2 * (1 + 1e-9)
    assert len(back) <= steps / 1_000
    assert min(back, default=1.0) > 0.97


@given(shapes, cards, layouts(), tokens, tokens, st.floats(0.9, 1.2), st.floats(1e-6, 0.1))
def test_no_step_back_and_no_jump_at_the_memory_limit(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, near: float, more: float
) -> None:
    t = terms(shape, card, layout, prompt, output, K)
    assume(t.most >= 1)
    load = t.most * near
    now, then = (at(t, Traffic(prompt, output, n), K) for n in (load, load * (1 + more)))
    for before, after in ((now.ttft, then.ttft), (now.tpot, then.tpot)):
        assert after >= before * (1 - 1e-12)
    whole = [found.ttft + found.tpot * (output - 1) for found in (now, then)]
    assert whole[1] <= whole[0] * (1 + more) ** 2 * (1 + 1e-9)


@given(shapes, cards, layouts(), tokens, tokens, loads)
def test_throughput_agrees_with_littles_law(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, load: int
) -> None:
    found = speed_of(shape, card, layout, Traffic(prompt, output, load))
    assume(found.fits)
    each = found.ttft + found.tpot * (output - 1)
    assert abs(found.throughput / output * each / load - 1) < 1e-9


@given(shapes, cards, layouts(), st.integers(1, 1_000), st.integers(500, 4_000), st.floats(0.2, 0.9))
def test_a_rate_and_the_load_it_leads_to_agree_where_answers_take_the_time(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, share: float
) -> None:
    t = terms(shape, card, layout, prompt, output, K)
    assume(t.most >= 1)
    rate = at(t, Traffic(prompt, output, t.most), K).throughput / output * share
    told = at(t, Traffic(prompt, output, rate=rate), K)
    assume(told.sustained and told.running < t.most * 0.99)
    load = rate * (told.ttft + told.tpot * (output - 1))
    assume(load >= 1)
    fixed = at(t, Traffic(prompt, output, load), K)
    assert 0.8 < told.tpot / fixed.tpot < 1.25


@settings(max_examples=50)
@given(shapes, cards, layouts(), tokens, st.integers(2, 4_000), st.floats(0.01, 1.5), st.floats(1.01, 2))
def test_more_arrivals_are_never_answered_sooner_and_what_is_served_is_what_arrives(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, share: float, more: float
) -> None:
    t = terms(shape, card, layout, prompt, output, K)
    assume(t.most >= 1)
    rate = at(t, Traffic(prompt, output, t.most), K).throughput / output * share
    now, then = (at(t, Traffic(prompt, output, rate=arriving), K) for arriving in (rate, rate * more))
    assert then.ttft >= now.ttft * (1 - 2e-3)  # the load is sought to a thousandth
    assert then.tpot >= now.tpot * (1 - 2e-3)
    assert then.sustained <= now.sustained
    each = now.ttft + now.tpot * (output - 1)
    if rate * each < t.most * 0.99:  # Little's law: no more in flight than have a place
        assert now.sustained
        assert abs(now.throughput / output / rate - 1) < 1e-9


@settings(max_examples=50)
@given(shapes, cards, layouts(), tokens, st.integers(2, 4_000))
def test_a_lone_request_waits_as_long_however_its_load_is_stated(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int
) -> None:
    t = terms(shape, card, layout, prompt, output, K)
    assume(t.most >= 1)
    alone, rare = at(t, Traffic(prompt, output, 1.0), K), at(t, Traffic(prompt, output, rate=1e-9), K)
    assert (
        abs(rare.ttft - alone.ttft) <= rare.tpot / 2 + K["first_request"] + 1e-4 * alone.ttft
    )  # half a step under way


@settings(max_examples=50)
@given(shapes, cards, layouts(), tokens, tokens, loads, st.integers(1, 64))
def test_a_limit_on_running_requests_is_a_limit_of_memory(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, load: int, limit: int
) -> None:
    free, held = (
        speed_of(shape, card, each, Traffic(prompt, output, load))
        for each in (layout, replace(layout, max_running=limit))
    )
    assume(free.fits)
    assert held.running <= min(limit, free.most) + 1e-9
    assert held.tpot <= free.tpot * (1 + 1e-9)
    assert held.throughput <= free.throughput * (1 + 1e-9)


@given(shapes, cards, layouts())
def test_splitting_never_needs_more_weight_memory_on_a_gpu(shape: Shape, card: Card, layout: Layout) -> None:
    now, then = (terms(shape, card, replace(layout, tensor=n), 100, 100, K) for n in (layout.tensor, layout.tensor * 2))
    assert then.stored <= now.stored
    assert then.sequence <= now.sequence


@settings(max_examples=60)
@given(shapes, cards, st.integers(1, 8_000), st.integers(1, 4_000), st.integers(1, 3))
def test_more_tokens_never_lower_the_cost_of_a_request(
    shape: Shape, card: Card, prompt: int, output: int, times: int
) -> None:
    layout = Layout("bf16", 2.0, tensor=8)
    costs = []
    for need in (Need(prompt, output, 50.0, 1e9, 1e9), Need(prompt * (times + 1), output * times, 50.0, 1e9, 1e9)):
        load, speed = hold(terms(shape, card, layout, need.prompt, need.output, K), need, K)
        if not load:
            return
        price = cost(Found(layout, load, speed), need, 8, 2.0)
        assert price is not None
        costs.append(price.usd_request)
    assert costs[1] >= costs[0] * 0.99


@settings(max_examples=60)
@given(shapes, cards, tokens, tokens, st.floats(0.05, 100), st.floats(0.003, 1))
def test_what_is_found_holds_the_limits_and_fits(
    shape: Shape, card: Card, prompt: int, output: int, ttft: float, tpot: float
) -> None:
    need = Need(prompt, output, 1.0, ttft, tpot)
    for way in ways(shape, card, [("bf16", 2.0, (1.0, 1.0))], "vllm", need, K)[0]:
        assert way.speed.fits
        assert way.speed.ttft <= ttft
        assert way.speed.tpot <= tpot
        assert way.load <= way.speed.most


@given(shapes, cards, layouts(), tokens, tokens, loads)
def test_no_more_sequences_run_than_fit_or_are_in_flight(
    shape: Shape, card: Card, layout: Layout, prompt: int, output: int, load: int
) -> None:
    found = speed_of(shape, card, layout, Traffic(prompt, output, load))
    assume(found.fits)
    assert found.running <= min(found.most, load) + 1e-9
    assert (found.waiting > 0) == (load > found.most)


@given(shapes, cards, st.floats(0.5, 8), st.integers(1, 16))
def test_instances_are_bought_whole_as_they_are_sold(shape: Shape, card: Card, usd: float, size: int) -> None:
    need = Need(1000, 300, 3.0, 60.0, 1.0)
    for way in ways(shape, card, [("bf16", 2.0, (1.0, 1.0))], "vllm", need, K)[0]:
        price = cost(way, need, size, usd)
        if price is None:
            assert size < way.layout.gpus
            continue
        assert size >= way.layout.gpus or size * way.layout.pipeline == way.layout.gpus
        assert price.usd_hour == price.instances * size * usd
        assert price.instances * size >= price.replicas * way.layout.gpus or way.layout.gpus > size


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2, 4, 8]), st.floats(0.01, 20)), min_size=1, max_size=6))
def test_a_machine_of_unknown_size_is_taken_for_a_large_one_only_where_nothing_else_serves(
    sold: list[tuple[int, float]],
) -> None:
    shape = shipped_shapes()["meta-llama/llama-3.1-70b-instruct"]
    card = known_cards()["a100-sxm-40gb"][1]
    need = Need(1000, 300, 1.0, 5.0, 0.08)
    found, _ = ways(shape, card, [("bf16", 2.0, (1.0, 1.0))], "vllm", need, K)
    assert min(way.layout.gpus for way in found) > 1
    best = cheapest(found, need, sold)
    stated = cheapest(found, need, [(size, usd) for size, usd in sold if size])
    if stated is None:
        assert best is None or sold[best[2]][0] == 0
        assert (best is None) == all(size for size, _ in sold)
    else:
        assert best is not None
        assert (best[1], sold[best[2]][0] > 0) == (stated[1], True)
