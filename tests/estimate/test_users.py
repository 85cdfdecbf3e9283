"""What users see of real traffic: the formulas against the simulated engine on a sample, and what must always hold."""

from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import TypeVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.benchmarks.measured import shipped_shapes
from app.calculator.sheet import known_cards
from app.estimate.constants import CONSTANTS
from app.estimate.disaggregation import Apart, best_apart, decoding, seen_apart
from app.estimate.inputs import Layout, Traffic
from app.estimate.latency import Seen, seen
from app.estimate.lengths import counted, mean, quantile, spread
from app.estimate.prefix_cache import Agents, kept_for, prompt_mean, prompts
from app.estimate.queueing import Load, crowd, most_rate
from app.estimate.replicas import replicas
from app.estimate.speculative_decoding import accepted_lengths, drafting, gain
from app.estimate.speed import estimate
from tests.estimate.judge import at, judged, judged_agents, summary
from tests.estimate.loads import DEVELOP, Drawn, agents, chosen, loads, requests
from tests.estimate.simulator import Engine, Request
from tests.estimate.test_simulator import PACE


def load_of(rate: float, prompt: float = 1000, output: float = 300, p95: float = 1.0, burst: float = 1.0) -> Load:
    points = spread(prompt, prompt * p95)
    return Load(rate, burst, tuple((t, 0.0, w) for t, w in points), spread(output, output * p95))


def test_the_formulas_agree_with_simulation_where_they_say_they_do() -> None:
    sure = [one for one in loads(DEVELOP, 40) if seen(one.pace, one.load).sure][:10]
    for name, (middle, far) in summary(judged(one, 2_500) for one in sure).items():
        assert middle < 0.10, name
        assert far < 0.4, name  # the largest of ten, of short runs
    held = [one for one in agents(DEVELOP, 12) if one.formula().seen.sure][:4]
    for one in held:
        told = judged_agents(one, 3_000)
        assert told.cached[0] == pytest.approx(told.cached[1], abs=0.05)
        assert max(told.errors().values()) < 0.4


def test_a_plain_mean_would_not_do() -> None:
    """Long prompts hold up the others more than their mean does: what the distribution is for."""
    alike, varied = seen(PACE, load_of(3)), seen(PACE, load_of(3, p95=3.0))
    assert varied.ttft[1] > 1.5 * alike.ttft[1]
    assert varied.whole[1] > 1.5 * alike.whole[1]
    assert varied.running == pytest.approx(alike.running, rel=0.3)


@given(st.floats(0.02, 0.9), st.floats(1.01, 1.5), st.floats(1.0, 3.0), st.sampled_from([0.5, 1.0, 3.0]))
def test_a_busier_replica_never_answers_sooner(busy: float, more: float, p95: float, burst: float) -> None:
    load = load_of(1.0, p95=p95, burst=burst)
    now = seen(PACE, replace(load, rate=busy * most_rate(PACE, load)))
    then = seen(PACE, replace(load, rate=busy * more * most_rate(PACE, load)))
    assume(then.busy < 1)
    for name in ("ttft", "whole", "each"):
        assert getattr(then, name)[0] >= getattr(now, name)[0] * 0.97, name
        assert getattr(now, name)[0] <= getattr(now, name)[1]
    assert then.running >= now.running * 0.999


def test_more_than_can_be_served_has_no_times() -> None:
    load = load_of(1.0)
    told = seen(PACE, replace(load, rate=most_rate(PACE, load) * 1.01))
    assert told.busy > 1
    assert told.ttft == told.whole == (0.0, 0.0)


@given(st.floats(50, 30_000), st.floats(1.0, 3.5))
def test_lengths_have_the_mean_and_the_percentile_asked_for(average: float, times: float) -> None:
    points = spread(average, average * times)
    assert sum(w for _, w in points) == pytest.approx(1)
    assert mean(points) == pytest.approx(average, rel=0.02)
    assert quantile(points, 0.95) == pytest.approx(average * times, rel=0.05)


def test_a_histogram_keeps_its_mean_in_few_points() -> None:
    counts = [(float(n), 1.0 + n % 7) for n in range(1, 3_000)]
    points = counted(counts)
    assert len(points) <= 65
    assert mean(points) == pytest.approx(sum(n * c for n, c in counts) / sum(c for _, c in counts))
    assert quantile(points, 0.95) == pytest.approx(2_850, rel=0.02)


def test_the_crowd_is_a_poisson_number_where_steps_take_no_notice_of_it() -> None:
    flat = replace(PACE, one_expert=0.0, token_compute=0.0, token_link=0.0, request=0.0, cache_token=0.0,
                   prompt_token=0.0, prompt_pair=0.0)  # fmt: skip
    chances = crowd(flat, load_of(2.0))
    running = sum(n * c for n, c in enumerate(chances))
    assert sum((n - running) ** 2 * c for n, c in enumerate(chances)) == pytest.approx(running, rel=1e-6)


def test_sessions_are_kept_as_long_as_memory_lasts() -> None:
    setting = Agents(5, 1_000, 20.0)
    assert kept_for(setting, 1.0, 1_000, 0) == 0
    few, much = (kept_for(setting, 1.0, 1_000, free) for free in (10_000, 200_000))
    assert 0 < few < much
    assert prompt_mean(setting, 500, 300) == 1_000 + 500 + 2 * 800
    found = prompts(setting, spread(500, 900), 300, 0.25)
    assert sum(w for _, _, w in found) == pytest.approx(1)
    assert sum(t * w for t, _, w in found) == pytest.approx(prompt_mean(setting, 500, 300))
    assert all(1_000 <= cached < tokens for tokens, cached, _ in found)


def test_drafts_help_few_sequences_most_and_rest_on_measured_lengths() -> None:
    for known in accepted_lengths():
        assert len(known.lengths) == 8
        assert known.source.startswith("https://github.com/SemiAnalysisAI/InferenceX")
        assert all(1 < length <= n + 2 for n, length in enumerate(known.lengths))
    assert gain(PACE, 2, 1150, 3, 2.9) > gain(PACE, 128, 1150, 3, 2.9)
    assert gain(PACE, 400, 1150, 8, 1.5) < 1
    plain = seen(PACE, load_of(1.0))
    drafted = seen(PACE, drafting(PACE, load_of(1.0), 3, 2.9))
    assert drafted.each[0] < plain.each[0] / 1.5
    assert drafting(PACE, load_of(1.0), 0, 2.9) == load_of(1.0)


def test_drafts_are_simulated_alike() -> None:
    load = drafting(PACE, load_of(2.0, output=400), 3, 2.5)
    drawn = Drawn(PACE, load, ((1000, 1000), (400, 400)), 5)
    engine = Engine(PACE, width=load.width, advance=load.advance, extra=load.extra)
    kept = engine.run(requests(drawn, 3_000)).requests[300:]
    said = seen(PACE, load)
    assert said.ttft[1] == pytest.approx(at([r.ttft for r in kept], 0.95), rel=0.2)
    assert said.each[0] == pytest.approx(at([r.each for r in kept], 0.5), rel=0.1)


T = TypeVar("T")


def dealt(draw: Random, given_: list[T], count: int) -> list[list[T]]:
    hands: list[list[T]] = [[] for _ in range(count)]
    for one in given_:
        hands[draw.randrange(count)].append(one)
    return hands


def apart_simulated(load: Load, apart: Apart, count: int) -> tuple[float, float]:
    """p95 of the first token and of a token after it, with requests dealt out by chance."""
    draw, now, given_ = Random(3), 0.0, []
    for _ in range(count):
        now += draw.expovariate(load.rate)
        given_.append(Request(now, chosen(draw, 2000, 5000), chosen(draw, 300, 600)))
    firsts = []
    for mine in dealt(draw, given_, apart.prefill):
        done = Engine(PACE).run([Request(one.at, one.prompt, 1) for one in mine]).requests
        firsts += [(r.at, r.at + r.ttft + r.prompt * PACE.kv_token / apart.link) for r in done]
    by_time = {one.at: one for one in given_}
    coming = sorted((ready, by_time[came]) for came, ready in firsts)
    ttft, each = [], []
    for some in dealt(draw, coming, apart.decode):
        done = Engine(decoding(PACE)).run([Request(ready, r.prompt, r.output) for ready, r in some]).requests
        each += [r.each for r in done if r.output > 1]
        back = {ready: r.at for ready, r in some}
        ttft += [r.first - back[r.at] for r in done]
    return at(ttft, 0.95), at(each, 0.95)


def test_prefill_apart_ranks_as_simulated() -> None:
    load = replace(load_of(14.0, prompt=2000, output=300), prompts=tuple((t, 0.0, w) for t, w in spread(2000, 5000)),
                   outputs=spread(300, 600))  # fmt: skip
    ways = [Apart(n, 8 - n, 1e11) for n in (4, 5, 6)]
    said = [seen_apart(PACE, load, way) for way in ways]
    simulated = [apart_simulated(load, way, 6_000) for way in ways]
    for i, figure in enumerate(("ttft", "each")):
        mine = [getattr(one, figure)[1] for one in said]
        theirs = [one[i] for one in simulated]
        assert sorted(range(3), key=lambda n: mine[n]) == sorted(range(3), key=lambda n: theirs[n]), (mine, theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert a == pytest.approx(b, rel=0.25)
    best, found = best_apart(PACE, load, 8, 1e11, 0.65, 0.03)
    assert best.prefill + best.decode == 8
    assert all(found.ttft[1] / 0.65 <= max(one.ttft[1] / 0.65, one.each[1] / 0.03) for one in said)
    slow = seen_apart(PACE, load, replace(ways[0], link=1e9))
    assert slow.ttft[1] > said[0].ttft[1]
    together = seen(PACE, replace(load, rate=load.rate / 8))
    assert said[0].each[1] < together.each[1]  # what apart is for: no prompt holds up a token


def test_the_fewest_replicas_are_found() -> None:
    def see(n: int) -> Seen:
        return Seen(0.5, ttft=(0, 10 / n), each=(0, 0.01))

    found = replicas(see, 0.3, 0.02)
    assert found
    assert found[0] == 34
    assert replicas(see, 0.3, 0.001) is None
    assert (replicas(see, 100, 1, least=3) or (0,))[0] == 3


def test_the_plain_prediction_is_what_it_was() -> None:
    """With the constants that are expected, not fitted: a fit changes figures, real traffic must change none."""
    k, draw, digest = {one.name: one.expected for one in CONSTANTS}, Random(11), sha256()
    models = ("meta-llama/llama-3.1-70b-instruct", "deepseek-ai/deepseek-r1", "openai/gpt-oss-120b")
    gpus = ("h100-sxm-80gb", "b200-sxm-180gb", "l40s-48gb", "mi300x-192gb")
    for _ in range(200):
        shape, (_, card) = shipped_shapes()[draw.choice(models)], known_cards()[draw.choice(gpus)]
        layout = Layout("bf16", 2.0, draw.choice(["vllm", "sglang", "trtllm"]), tensor=draw.choice([1, 2, 4, 8]))
        load, rate = float(draw.randint(1, 300)), draw.choice([0.0, draw.uniform(0.1, 20)])
        told = estimate(shape, card, layout, Traffic(draw.randint(1, 9000), draw.randint(1, 900), load, rate), k)
        digest.update(" ".join(f"{x:.9e}" for x in (told.ttft, told.tpot, told.throughput, *told.parts)).encode())
    assert digest.hexdigest()[:16] == "afa1e90b20a54d63"
