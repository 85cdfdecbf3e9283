"""Published arithmetic, each with its source, against the formulas with every loss taken out."""

import math
from dataclasses import replace

import pytest

from app.benchmarks.measured import shipped_shapes
from app.catalog.facts import gpus
from app.estimate import cards, memory, queueing, speed, terms
from app.estimate.cards import card_of
from app.estimate.constants import CONSTANTS
from app.estimate.fixed import FIXED
from app.estimate.inputs import WEIGHT_BYTES, Card, Layout, Traffic, kv_bytes
from app.estimate.plan import Found, Need, cost
from app.estimate.shape import Shape, Span
from app.models.architecture.serialise import from_plain
from app.models.hub.seed import shipped_models

IDEAL = {
    constant.name: 0.0
    if constant.unit in ("s", "tokens", "steps") or constant.name in ("interleave", "queue", "bubble")
    else 1.0
    for constant in CONSTANTS
}
"""Every share 1, every fixed time 0: what the hardware could do at best."""
GIB = 2**30
BF16 = Layout("bf16", 2.0)


def shape(model: str) -> Shape:
    return shipped_shapes()[model.lower()]


def plain(parameters: int) -> Shape:
    """A dense model of so many parameters and no cache to speak of."""
    span = Span(layers=1, elements=1, window=1, stride=1, kv_heads=64, decode_flop=0, prefill_flop=0)
    return Shape(1, 1, 0, parameters, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, (span,))


def card(bandwidth_gb: float, tflops: float) -> Card:
    return Card(1e12, bandwidth_gb * 1e9, tflops * 1e12, 0, 0, 1e12, True)


@pytest.mark.parametrize(
    ("model", "precision", "gigabytes"),
    [  # Hugging Face, "Llama 3.1" (July 2024), table of inference memory: weights
        ("meta-llama/Llama-3.1-8B-Instruct", "bf16", 16), ("meta-llama/Llama-3.1-70B-Instruct", "bf16", 140),
        ("meta-llama/Llama-3.1-70B-Instruct", "fp8", 70),
    ],
)  # fmt: skip
def test_weights_take_the_published_memory(model: str, precision: str, gigabytes: float) -> None:
    t = terms.terms(shape(model), card(1, 1), Layout(precision, 2.0), 1, 1, IDEAL)
    assert t.stored / 1e9 == pytest.approx(gigabytes, rel=0.04)


@pytest.mark.parametrize(
    ("model", "tokens", "gib"),
    [  # the same article, table of KV cache memory at 16 bits
        ("meta-llama/Llama-3.1-8B-Instruct", 16_000, 1.95), ("meta-llama/Llama-3.1-8B-Instruct", 128_000, 15.62),
        ("meta-llama/Llama-3.1-70B-Instruct", 16_000, 4.88), ("meta-llama/Llama-3.1-70B-Instruct", 128_000, 39.06),
    ],
)  # fmt: skip
def test_the_cache_of_grouped_queries_takes_the_published_memory(model: str, tokens: int, gib: float) -> None:
    assert memory.kv_elements(shape(model), tokens, 1) * 2 / GIB == pytest.approx(gib, rel=0.003)


@pytest.mark.parametrize(
    ("model", "kilobytes"),
    [  # DeepSeek, "Insights into DeepSeek-V3" (arXiv:2505.09343), table 1: KV cache per token in BF16
        ("deepseek-ai/DeepSeek-V3", 70.272), ("meta-llama/Llama-3.1-70B-Instruct", 327.680),
    ],
)  # fmt: skip
def test_a_token_of_cache_takes_the_published_kilobytes(model: str, kilobytes: float) -> None:
    assert memory.kv_elements(shape(model), 1, 1) * 2 / 1e3 == pytest.approx(kilobytes, abs=1e-9)


@pytest.mark.parametrize(
    ("model", "gib"),
    [("openai/gpt-oss-120b", 60.8), ("openai/gpt-oss-20b", 12.8)],
        # OpenAI, gpt-oss model card (August 2025), table 1: checkpoint size
)  # fmt: skip
def test_an_mxfp4_checkpoint_has_the_published_size(model: str, gib: float) -> None:
    t = terms.terms(shape(model), card(1, 1), Layout("mxfp4", 1.0), 1, 1, IDEAL)
    assert t.stored / GIB == pytest.approx(gib, rel=0.02)


@pytest.mark.parametrize(
    ("model", "total", "active"),
    [
        ("deepseek-ai/DeepSeek-V3", 671, 37),  # its model card
        ("mistralai/Mixtral-8x7B-v0.1", 46.7, 12.9),  # Mistral AI, "Mixtral of experts" (December 2023)
        ("Qwen/Qwen3-235B-A22B", 235, 22),  # its name
    ],
)
def test_a_mixture_has_the_published_total_and_active_parameters(model: str, total: float, active: float) -> None:
    found = next(from_plain(entry["architecture"]) for entry in shipped_models() if entry["model"] == model)
    assert found.parameters / 1e9 == pytest.approx(total, rel=0.01)
    assert found.active_parameters / 1e9 == pytest.approx(active, rel=0.05)


def test_four_bit_formats_have_the_bits_of_their_specifications() -> None:
    assert WEIGHT_BYTES["mxfp4"] * 8 == 4.25  # OCP Microscaling Formats 1.0: 8 bits of scale for 32 values
    assert WEIGHT_BYTES["nvfp4"] * 8 == 4.5  # NVIDIA, "Introducing NVFP4" (2025): 8 bits of scale for 16 values


def test_a_7b_model_on_an_a10_decodes_in_23_ms() -> None:
    # Baseten, "A guide to LLM inference and performance" (2023): 14 GB over 600 GB/s is about 23 ms for a token
    found = speed.estimate(plain(7_000_000_000), card(600, 125), BF16, Traffic(1, 1000, 1), IDEAL)
    assert found.tpot * 1e3 == pytest.approx(23.3, abs=0.1)


def test_a_prompt_of_350_tokens_on_an_a10_takes_39_ms() -> None:
    # the same guide: 350 tokens x 14 GFLOP over 125 TFLOPS
    found = terms.terms(plain(7_000_000_000), card(600, 125), BF16, 350, 150, IDEAL)
    assert found.prefill * 1e3 == pytest.approx(39, abs=0.3)


def test_half_the_bandwidth_of_an_a100_makes_14_ms_for_14_gb() -> None:
    # Databricks, "LLM inference performance engineering" (2023): 7B in 16 bits at 14 ms is 1 TB/s, 50 % of 2 TB/s
    found = speed.estimate(plain(7_000_000_000), card(2000, 312), BF16, Traffic(1, 1000, 1), {**IDEAL, "stream": 0.5})
    assert found.tpot * 1e3 == pytest.approx(14.0, abs=0.05)


@pytest.mark.parametrize(
    ("tflops", "bandwidth", "tokens"),
    [
        (312, 1500, 208),  # kipply, "Transformer inference arithmetic" (2022): A100
        (989, 3350, 295),  # "How to scale your model" (2025), GPUs: H100
    ],
)
def test_arithmetic_and_reading_take_equally_long_at_the_published_batch(
    tflops: float, bandwidth: float, tokens: int
) -> None:
    t = terms.terms(plain(10**9), card(bandwidth, tflops), BF16, 1, 1, IDEAL)
    assert t.always / t.token_compute == pytest.approx(tokens, rel=0.005)


def test_a_token_costs_two_operations_for_each_parameter() -> None:
    # Kaplan et al., "Scaling laws for neural language models" (arXiv:2001.08361), section 2.1
    t = terms.terms(plain(10**9), card(1000, 1), BF16, 1, 1, IDEAL)
    assert t.token_compute == pytest.approx(2 * 10**9 / 1e12)


def test_causal_attention_costs_half_of_four_n_squared_d() -> None:
    # Dao, FlashAttention-2 (arXiv:2307.08691), section 4.1: 4 x seqlen^2 x head dimension x heads, halved for a
    # causal mask
    llama = shape("meta-llama/Llama-3.1-8B-Instruct")
    pairs, _ = terms.attention_flop(llama, 4096, 1)
    assert pairs == 4 * 4096**2 * 128 * 32 * 32 / 2


def test_a_window_caps_what_half_of_the_layers_keep() -> None:
    # OpenAI, gpt-oss model card (2025): layers alternate between full attention and a window of 128 tokens; 8 heads
    # of 64
    assert memory.kv_elements(shape("openai/gpt-oss-120b"), 10_000, 1) == (18 * 10_000 + 18 * 128) * 2 * 8 * 64


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_an_all_reduce_sends_what_the_ring_sends(ranks: int) -> None:
    # NVIDIA, nccl-tests, PERFORMANCE.md: bus bandwidth is 2(n-1)/n of the algorithm's; Megatron-LM
    # (arXiv:1909.08053): two a layer
    llama = shape("meta-llama/Llama-3.1-70B-Instruct")
    token, hop = terms._link(llama, card(1000, 1000), Layout("bf16", 2.0, tensor=ranks), IDEAL)
    assert token == pytest.approx(2 * 80 * 8192 * 2 * 2 * (ranks - 1) / ranks / 1e12)
    assert hop == 0


@pytest.mark.parametrize(("tokens", "hit"), [(1, 8), (64, 256 * (1 - (248 / 256) ** 64)), (100_000, 256)])
def test_tokens_hit_the_expected_number_of_distinct_experts(tokens: int, hit: float) -> None:
    # the occupancy problem: Feller, "An introduction to probability theory" I, chapter IV; DeepSeek-V3 has 8 of 256
    t = terms.terms(shape("deepseek-ai/DeepSeek-V3"), card(1000, 1000), Layout("bf16", 2.0, tensor=8), 1, 1, IDEAL)
    assert speed.experts_hit(t.experts, t.miss, tokens, 1.0) == pytest.approx(hit)


@pytest.mark.parametrize(("split", "pieces"), [(False, 58), (True, 58 / 8)])
def test_each_expert_that_is_read_takes_its_time_on_the_gpu_that_holds_it(split: bool, pieces: float) -> None:
    # DeepSeek-V3 has 58 layers of experts; with expert parallelism over eight GPUs each holds an eighth of them
    def one(hit: float) -> float:
        layout = Layout("bf16", 2.0, tensor=8, experts_split=split)
        known = {**IDEAL, "expert_hit": hit}
        return terms.terms(shape("deepseek-ai/DeepSeek-V3"), card(1000, 1000), layout, 1, 1, known).one_expert

    assert one(1e-3) - one(0.0) == pytest.approx(pieces * 1e-3)


@pytest.mark.parametrize(("running", "gaps"), [(1, 1.0), (2, 1.1), (4, 1.3), (64, 1.3)])
def test_stages_wait_for_one_another_once_there_is_work_for_them(running: float, gaps: float) -> None:
    # GPipe (arXiv:1811.06965), section 2.2: stages stand still while others work; a lone sequence has none to wait for
    layout = Layout("bf16", 2.0, pipeline=4)
    t = terms.terms(shape("meta-llama/Llama-3.1-8B-Instruct"), card(1000, 1000), layout, 100, 100, IDEAL)
    without, with_ = (sum(speed._step(t, running, 0.0, {**IDEAL, "bubble": share})) for share in (0.0, 0.1))
    assert with_ / without == pytest.approx(gaps)


def test_requests_in_flight_are_throughput_times_latency() -> None:
    # John Little proved in 1961 that the number in flight is arrivals a second times seconds in the system
    k = {**IDEAL, "step": 0.01, "first_fixed": 0.5}
    found = speed.estimate(plain(10**9), card(1000, 100), BF16, Traffic(10, 200, 16), k)
    requests_per_second = found.throughput / 200
    assert requests_per_second * (found.ttft + 199 * found.tpot) == pytest.approx(16)
    assert found.running == pytest.approx(requests_per_second * 199 * found.tpot, rel=1e-3)


def test_random_arrivals_wait_half_a_service_where_half_of_the_time_is_busy() -> None:
    # Pollaczek-Khinchine with equal services: b / (2 (1 - b)); Kleinrock, "Queueing systems" I (1975), section 5.7
    t = terms.terms(plain(10**9), card(1e6, 1), BF16, 100, 1, IDEAL)
    asked = Traffic(100, 1, rate=0.5 / t.prefill)
    assert speed.at(t, asked, IDEAL).ttft == pytest.approx(t.prefill * 1.5)


def test_what_arrives_faster_than_it_is_served_is_told_and_runs_as_many_as_an_engine_starts() -> None:
    # vLLM, engine arguments: max_num_seqs, 256 on small cards and the A100, 1,024 on large ones unless told otherwise;
    # trtllm-build: max_batch_size 2,048; SGLang's model runner: 2,048 for all ranks together
    small, large = replace(card(1000, 1e6), memory=48e9), replace(card(1000, 1e6), flops8=2e18)
    ranks = replace(BF16, data=2)
    for gpu, layout, most in (
        (small, BF16, 256), (card(1000, 1e6), BF16, 256), (large, BF16, 1024), (large, ranks, 2048),
        (small, replace(BF16, engine="sglang"), 2048), (small, replace(ranks, engine="sglang"), 2048),
        (small, replace(BF16, engine="trtllm"), 2048), (small, replace(ranks, engine="trtllm"), 4096),
    ):  # fmt: skip
        found = speed.estimate(plain(10**9), gpu, layout, Traffic(1, 1000, rate=1e7), IDEAL)
        assert not found.sustained
        assert found.running == pytest.approx(most, rel=1e-3)
    told = replace(BF16, max_running=40)
    assert speed.estimate(plain(10**9), small, told, Traffic(1, 1000, rate=1e6), IDEAL).most == 40
    calm = speed.estimate(plain(10**9), card(1000, 1e6), BF16, Traffic(1, 1000, rate=1), IDEAL)
    assert calm.sustained
    assert calm.running == pytest.approx(999 * calm.tpot, rel=1e-3)  # Little's law
    assert calm.throughput == pytest.approx(1000)


def test_arrivals_a_little_over_what_is_predicted_are_not_called_unsustained() -> None:
    t = terms.terms(plain(10**9), card(1000, 1e6), BF16, 1, 1000, IDEAL)
    served = speed.at(t, Traffic(1, 1000, 1e5), IDEAL).throughput / 1000
    assert speed.at(t, Traffic(1, 1000, rate=served * 1.35), IDEAL).sustained
    assert not speed.at(t, Traffic(1, 1000, rate=served * 1.45), IDEAL).sustained


def test_cards_that_cant_reach_each_other_share_the_hosts_memory() -> None:
    rtx = card_of(gpus()["rtx-4090-24gb"])
    assert rtx.staged
    assert not card_of(gpus()["l40s-48gb"]).staged
    llama = shape("meta-llama/Llama-3.1-8B-Instruct")
    two, eight = (terms._link(llama, rtx, Layout("bf16", 2.0, tensor=n), IDEAL)[0] for n in (2, 8))
    assert eight / two == 4  # as many times the bytes through the same memory
    assert two == pytest.approx(2 * 32 * 4096 * 2 / 32e9)


def test_stages_share_the_prompts_with_gaps() -> None:
    # GPipe (arXiv:1811.06965), section 2.2: stages work on different inputs at once; what is lost grows with the stages
    k = {**IDEAL, "interleave": 1.0, "bubble": 0.1}
    one, four = (
        terms.terms(plain(10**9), card(1000, 100), Layout("bf16", 2.0, pipeline=n), 1000, 100, k) for n in (1, 4)
    )
    assert four.interleave / one.interleave == pytest.approx(1.3 / 4)


def test_attention_in_parallel_over_data_exchanges_nothing_in_a_dense_model() -> None:
    llama = shape("meta-llama/Llama-3.1-8B-Instruct")
    k = {**IDEAL, "allreduce": 1e-5}
    assert terms._link(llama, card(1000, 1000), Layout("bf16", 2.0, data=8), k) == (0, 0)
    assert terms._link(llama, card(1000, 1000), Layout("bf16", 2.0, tensor=8), k)[1] == pytest.approx(64e-5)


def test_experts_on_other_gpus_get_each_copy_of_a_token_and_send_it_back() -> None:
    # DeepSeek-V3 (arXiv:2412.19437): 58 layers with experts, 8 of 256, hidden size 7,168
    deepseek = shape("deepseek-ai/DeepSeek-V3")
    token, _ = terms._link(deepseek, card(1000, 1000), Layout("fp8", 1.0, data=16, experts_split=True), IDEAL)
    assert token >= 58 * 2 * 8 * 7168 * 2 / 1e12


def test_more_gpus_than_share_a_switch_exchange_over_the_network() -> None:
    # NVIDIA, DGX H100 data sheet: eight GPUs on a switch, 400 Gb/s for each to other machines
    h100 = card_of(gpus()["h100-sxm-80gb"])
    assert (h100.machine, h100.network) == (8, 50e9)
    assert card_of(gpus()["gb200-nvl-186gb"]).machine == 72
    deepseek = shape("deepseek-ai/DeepSeek-V3")
    k = {**IDEAL, "allreduce_network": 2e-4}
    eight, sixteen = (terms._link(deepseek, h100, Layout("fp8", 1.0, tensor=n), k) for n in (8, 16))
    assert eight[1] == 0
    assert sixteen[1] == pytest.approx(2 * 61 * 2e-4)
    assert sixteen[0] == pytest.approx(2 * 61 * 7168 * 2 * 2 * 15 / 16 / 50e9)


def test_a_layer_that_only_mixes_or_only_feeds_forward_is_half_a_layer() -> None:
    # NVIDIA, Nemotron-H (arXiv:2504.03624), table 1: 118 layers, each attention, Mamba-2 or feed-forward alone
    k = {**IDEAL, "layer": 1e-5}
    nemotron = shape("nvidia/Nemotron-H-56B-Base-8K")
    assert terms._fixed(nemotron, card(1, 1), BF16, 1.0, k) == pytest.approx(59e-5)


def test_an_index_costs_each_layer_that_has_one() -> None:
    # DeepSeek-V3.2: sparse attention with an indexer in each of the 61 layers; V3 has none
    k = {**IDEAL, "layer_indexed": 2.5e-5}
    assert terms._fixed(shape("deepseek-ai/DeepSeek-V3.2"), card(1, 1), BF16, 1.0, k) == pytest.approx(61 * 2.5e-5)
    assert terms._fixed(shape("deepseek-ai/DeepSeek-V3"), card(1, 1), BF16, 1.0, k) == 0


def test_experts_with_few_tokens_each_compute_less_well() -> None:
    k = {**IDEAL, "expert_tokens": 1024.0}  # 8,192 tokens of which each chooses 8 of 256 experts: 256 tokens for each
    few, many = (
        terms._compute(shape("deepseek-ai/DeepSeek-V3"), card(1000, 1000), BF16, 1000, at) for at in (k, IDEAL)
    )
    v3 = shape("deepseek-ai/DeepSeek-V3")
    routed = 2 * v3.expert_layers * v3.active_experts * v3.expert_parameters / 1e15
    assert few - many == pytest.approx(routed * 1024 / 256)


@pytest.mark.parametrize(
    ("precision", "engine", "gpu", "bytes_"),
    [
        ("fp8", "vllm", "h100-sxm-80gb", 1), ("fp8", "sglang", "h100-sxm-80gb", 2), ("mxfp4", "vllm", "h100-sxm-80gb",
            2),
        ("mxfp4", "trtllm", "b200-sxm-180gb", 1), ("nvfp4", "sglang", "b200-sxm-180gb", 2), ("bf16", "vllm",
            "b200-sxm-180gb", 2), ("fp8", "vllm", "a100-sxm-80gb", 2),
        ("int4", "vllm", "h100-sxm-80gb", 2), ("mxfp4", "vllm", "mi355x-288gb", 1), ("mxfp4", "vllm", "mi300x-192gb",
            2),
    ],
)  # fmt: skip
def test_the_cache_is_in_8_bits_only_where_measured_set_ups_keep_it_so(
    precision: str, engine: str, gpu: str, bytes_: float
) -> None:
    assert kv_bytes(precision, engine, card_of(gpus()[gpu])) == bytes_


def test_one_output_token_has_no_time_per_token() -> None:
    found = speed.estimate(plain(10**9), card(1000, 100), BF16, Traffic(1000, 1, 4), {**IDEAL, "first_fixed": 0.01})
    assert (found.fits, found.tpot) == (True, 0)
    assert found.ttft > 0
    assert found.throughput == pytest.approx(4 / found.ttft)


def test_prompts_that_wait_go_through_the_stages_one_behind_the_other() -> None:
    # GPipe, section 2.2: a prompt takes all stages, those before it are ahead by a stage each
    k = {**IDEAL, "queue": 0.5, "queue_growth": 1.0, "bubble": 0.1}
    one, four = (terms.terms(plain(10**9), card(1e6, 100), Layout("bf16", 2.0, pipeline=n), 1000, 1, k) for n in (1, 4))
    waits = [speed.at(t, Traffic(1000, 1, 11), k).ttft - t.alone for t in (one, four)]
    assert waits[1] / waits[0] == pytest.approx(1.3 / 4, rel=1e-3)


def test_each_further_stage_passes_the_step_on() -> None:
    k = {**IDEAL, "stage": 0.003}
    one, four = (
        speed.estimate(plain(10**9), card(1000, 1e6), Layout("bf16", 2.0, pipeline=n), Traffic(1, 100, 1), k)
        for n in (1, 4)
    )
    assert four.tpot - one.tpot == pytest.approx(0.009)


def test_llama_cpp_reads_hbm_at_its_own_share_and_other_engines_do_not() -> None:
    # XiongjieDai, GPU-Benchmarks-on-LLM-Inference (2024): 8B in FP16 reaches half of an H100 PCIe's bandwidth, four
    # fifths of an RTX 4090's
    def share(gpu: str, engine: str) -> float:
        t = terms.terms(
            plain(10**9),
            card_of(gpus()[gpu]),
            Layout("fp16", 2.0, engine),
            1,
            1,
            {**IDEAL, "stream_llamacpp_stacked": 0.5},
        )
        return 2e9 / t.always / card_of(gpus()[gpu]).bandwidth

    assert share("h100-pcie-80gb", "llama.cpp") == pytest.approx(0.5)
    assert share("h100-pcie-80gb", "vllm") == pytest.approx(1)
    assert share("rtx-4090-24gb", "llama.cpp") == pytest.approx(1)


def test_a_month_has_730_hours_as_clouds_bill() -> None:
    # AWS pricing calculator, assumptions: 730 hours in a month
    found = speed.estimate(plain(10**9), card(1000, 100), BF16, Traffic(10, 200, 1), IDEAL)
    price = cost(Found(BF16, 1, found), Need(10, 200, 0.001, 9, 9), 1, 2.0)
    assert price is not None
    assert price.usd_month == 1460


def test_splitting_eight_ways_needs_an_eighth_of_the_weights() -> None:
    # Megatron-LM (arXiv:1909.08053), section 3: tensor parallelism splits every matrix
    one, eight = (
        terms.terms(shape("meta-llama/Llama-3.1-70B-Instruct"), card(1, 1), Layout("bf16", 2.0, tensor=n), 1, 1, IDEAL)
        for n in (1, 8)
    )
    assert one.stored / eight.stored == pytest.approx(8)


def test_a_card_has_binary_gigabytes_and_dense_figures() -> None:
    h100 = card_of(gpus()["h100-sxm-80gb"])  # NVIDIA H100 datasheet, halved for no sparsity
    assert (h100.memory, h100.flops16, h100.flops8) == (80 * GIB, 989e12, 1979e12)
    assert math.isclose(h100.bandwidth, 3.35e12)


def test_every_number_of_the_formulas_that_is_not_fitted_is_told() -> None:
    technical = {"ROUNDS", "CLOSE", "LARGE_MEMORY", "WAIT_POINTS", "MOST_STATES", "NEGLIGIBLE"}
    told = {fixed.name: fixed.value for fixed in FIXED}
    for module in (cards, memory, queueing, speed, terms):
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, int | float) and value != GIB and name not in technical:
                assert told[name] in (value, value / 1e9), name
    assert {name.removeprefix("PACE, ") for name in told if name.startswith("PACE, ")} == set(cards.PACE)
    assert all(fixed.source for fixed in FIXED)
