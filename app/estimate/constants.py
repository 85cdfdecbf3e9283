"""The calibrated constants: what each means, what is expected of it, and the fitted values from ``fitted.json``."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FITTED = Path(__file__).with_name("fitted.json")


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant. ``expected``, taken from ``source``, is where the fit starts and what it is pulled to; ``spread``
    is how far it may go, as a standard deviation of its logarithm."""

    name: str
    expected: float
    spread: float
    unit: str
    meaning: str
    source: str


_SHARE, _SECONDS, _FACTOR = "share", "s", "factor"
CONSTANTS = (
    Constant("stream", 0.85, 0.1, _SHARE, "stated memory bandwidth reached while reading weights that every token "
                                          "passes",
             "SemiAnalysis, MI300X against H100 (December 2024): 3.1 of 3.35 TB/s by copying; some less while "
             "multiplying"),
    Constant("stream_llamacpp_stacked", 0.65, 0.3, _FACTOR, "the same with llama.cpp on HBM relative to other "
                                                            "memory: its kernels for one sequence keep too few bytes "
                                                            "in flight",
             "XiongjieDai, GPU-Benchmarks-on-LLM-Inference: half of an H100's bandwidth against four fifths of a "
             "GeForce's"),
    Constant("stream_experts", 0.85, 0.1, _SHARE, "the same while reading experts",
             "as other weights; what each piece takes besides is expert_hit"),
    Constant("expert_hit", 1e-7, 1.0, _SECONDS, "more for each expert of a layer that is read, however small its piece "
                                                "is",
             "assumed: the blocks of a grouped product begin and end for each expert, over a hundred multiprocessors "
             "some 10 microseconds for a hundred experts"),
    Constant("stream_cache", 0.70, 0.3, _SHARE, "the same while reading the KV cache",
             "assumed a little under that of weights: pages of a cache are read in pieces (arXiv:2309.06180)"),
    Constant("stream_amd", 0.88, 0.1, _FACTOR, "stated memory bandwidth reached by AMD's cards relative to NVIDIA's",
             "SemiAnalysis, MI300X against H100 (December 2024): 4.3 of 5.3 TB/s against 3.1 of 3.35"),
    Constant("gemm", 0.75, 0.1, _SHARE, "stated 16-bit arithmetic reached by dense layers on prompts",
             "SemiAnalysis, the same: 720 of 989 TFLOPS in BF16 on an H100"),
    Constant("gemm_experts", 0.75, 0.1, _SHARE, "the same by experts with many tokens each",
             "as dense products: DeepGEMM reaches 1,093 to 1,297 TFLOPS in FP8 on an H800 with 4,096 tokens or more "
             "for each expert, and 990 to 1,358 without experts (its README, March 2025)"),
    Constant("expert_tokens", 1000.0, 1.0, "tokens", "tokens for each expert at which its products reach half of that",
             "DeepGEMM alone: about 100, 932 TFLOPS with 256 tokens each against 1,233 with 1,024 (the same); sorting, "
             "padding to blocks and uneven choices come on top: assumed ten times as many"),
    Constant("narrow_gain", 0.60, 0.2, "exponent", "how much of the stated gain of FP8 and FP4 over 16 bits is "
                                                   "reached: gain to this power",
             "SemiAnalysis, the same: FP8 reaches 1,280 of 1,979 TFLOPS where BF16 reaches 720 of 989"),
    Constant("gemm_amd", 0.63, 0.2, _FACTOR, "stated arithmetic reached by AMD's cards relative to NVIDIA's",
             "SemiAnalysis, the same: 620 of 1,307 TFLOPS in BF16 on an MI300X against 720 of 989"),
    Constant("attention", 0.40, 0.3, _SHARE, "stated 16-bit arithmetic reached by attention",
             "FlashAttention-2 reaches 35% of an H100, FlashAttention-3 up to 75% (arXiv:2407.08608, abstract)"),
    Constant("layer", 4.5e-5, 0.7, _SECONDS, "the time of a layer's kernels however little they do",
             "assumed: some ten kernels in a CUDA graph, 4 to 5 microseconds each"),
    Constant("layer_quantise", 1.5e-5, 0.7, _SECONDS, "more for a dense layer that quantises activations to NVFP4; "
                                                      "experts do it as they go",
             "assumed: three kernels more"),
    Constant("layer_experts", 2e-6, 1.0, _SECONDS, "more for a layer with experts: routing, sorting, merging",
             "assumed: half a kernel more, beyond what is counted for each expert"),
    Constant("layer_experts_fp8", 2e-5, 0.7, _SECONDS, "more for a layer with FP8 experts, whose activations are "
                                                       "quantised by block",
             "assumed: four kernels more; activations are quantised by block before both products (arXiv:2412.19437, "
             "section 3.3)"),
    Constant("layer_unpack", 4e-5, 0.7, _SECONDS, "more for a layer with experts that are unpacked to 16 bits",
             "assumed: eight kernels more; public reports of gpt-oss-120b on an A100, 89 tokens/s"),
    Constant("layer_per_expert", 3e-6, 1.0, _SECONDS, "more for each expert that a token passes",
             "assumed: sorting and merging in proportion to the copies of a token"),
    Constant("layer_shared_expert", 1e-5, 0.7, _SECONDS, "more for a layer with a shared expert",
             "assumed: two to three kernels more"),
    Constant("layer_latent", 1e-5, 0.7, _SECONDS, "more for a layer of latent attention",
             "assumed: two to three kernels more, projections down and up (arXiv:2405.04434)"),
    Constant("layer_linear", 1e-5, 0.7, _SECONDS, "more for a layer of linear attention or a state-space model",
             "assumed: two to three kernels more, convolution and gates (arXiv:2412.06464)"),
    Constant("layer_indexed", 2.5e-5, 0.7, _SECONDS, "more for a layer whose attention reads what an index chooses",
             "assumed: five to six kernels more, for index keys, scores and the choice of tokens (DeepSeek-V3.2-Exp "
             "report, 2025)"),
    Constant("stage", 2e-4, 0.7, _SECONDS, "more for each further stage of a pipeline, to which a step is passed on",
             "assumed: a message between processes with its synchronisation"),
    Constant("bubble", 0.1, 0.7, _SHARE, "of the time of a prompt or a step lost for each further stage of a pipeline "
                                         "that has work, while one waits for another",
             "GPipe (arXiv:1811.06965), section 2.2: (p-1)/(m+p-1) of the time, with some ten prompts under way"),
    Constant("step", 4e-4, 0.7, _SECONDS, "scheduling, sampling and sending of one step",
             "assumed: scheduling and output processing that do not overlap with the GPU"),
    Constant("request", 1.2e-5, 0.7, _SECONDS, "the same for each running sequence",
             "assumed: detokenising and sending for each sequence"),
    Constant("pace_sglang", 1.1, 0.7, _FACTOR, "fixed times of SGLang relative to vLLM's",
             "SGLang and vLLM launch the same kinds of kernels in graphs: about the same"),
    Constant("pace_trtllm", 0.85, 0.7, _FACTOR, "fixed times of TensorRT-LLM relative to vLLM's",
             "TensorRT-LLM fuses more kernels of a layer: a little fewer"),
    Constant("pace_llamacpp", 1.35, 0.7, _FACTOR, "fixed times of llama.cpp relative to vLLM's",
             "llama.cpp fuses fewer kernels of a layer: a few more"),
    Constant("pace_amd", 1.3, 0.5, _FACTOR, "fixed times on AMD's cards relative to NVIDIA's",
             "AMD's launches take longer (ROCm documentation, HIP graphs); how much is an assumption"),
    Constant("allreduce", 9e-6, 0.7, _SECONDS, "the time of an all-reduce however small, over a switch",
             "assumed: one-shot all-reduces of small messages over NVLink, about two kernels"),
    Constant("allreduce_sglang", 1.0, 0.7, _FACTOR, "the same with SGLang relative to vLLM",
             "the same kernels as vLLM's"),
    Constant("allreduce_trtllm", 0.5, 0.7, _FACTOR, "the same with TensorRT-LLM relative to vLLM",
             "assumed: fused with the normalisation that follows, about half"),
    Constant("allreduce_other", 3.0, 0.7, _FACTOR, "the same over PCIe or bridges, relative to a switch",
             "assumed: three times as many passes, over PCIe"),
    Constant("allreduce_staged", 11.0, 0.7, _FACTOR, "the same through the host's memory, relative to a switch",
             "assumed: about 100 microseconds, written and read by way of the host"),
    Constant("allreduce_network", 2.0e-4, 0.7, _SECONDS, "more for each exchange between machines",
             "public reports of DeepSeek-R1 on two machines of eight H100: 31 to 50 ms a token for 122 exchanges"),
    Constant("alltoall", 1.0, 0.7, _FACTOR, "bytes that experts on other GPUs are sent, relative to 16 bits for each "
                                            "copy",
             "16-bit activations to each expert and back (DeepSpeed-MoE, arXiv:2201.05596)"),
    Constant("link_switched", 0.35, 0.3, _SHARE, "stated bandwidth between GPUs reached over a switch",
             "assumed: messages of under a megabyte do not fill the links"),
    Constant("link_other", 0.5, 0.7, _SHARE, "stated bandwidth between GPUs reached over PCIe or bridges",
             "assumed: half of the slot"),
    Constant("link_staged", 0.5, 0.7, _SHARE, "stated bandwidth of the slot reached through the host's memory, which "
                                              "all GPUs share",
             "assumed: half of the slot"),
    Constant("link_network", 0.7, 0.3, _SHARE, "stated bandwidth between machines reached",
             "assumed: messages of under a megabyte do not fill the links"),
    Constant("interleave", 0.95, 0.1, _SHARE, "of a prompt's time that other sequences wait",
             "all but what chunked prefill overlaps (arXiv:2308.16369)"),
    Constant("interleave_sglang", 0.75, 0.2, _FACTOR, "the same with SGLang relative to vLLM: prompts go first, so "
                                                      "that more of them wait for the first token and fewer for the "
                                                      "next",
             "prompts go first, so that more of them wait for the first token and fewer for the next"),
    Constant("routing", 0.85, 0.1, "exponent", "tokens that choose experts independently: tokens to this power",
             "experts are chosen alike by neighbouring tokens (Mixtral, arXiv:2401.04088, section 5)"),
    Constant("imbalance", 1.0, 0.15, _FACTOR, "the busiest GPU's experts relative to the mean with expert parallelism",
             "none expected with experts placed evenly"),
    Constant("unpack", 2.2, 0.3, _FACTOR, "reading INT4 experts, which are unpacked to 16 bits, relative to other "
                                          "formats",
             "Marlin (arXiv:2408.11743): the gain of INT4 falls from four to about two with larger batches"),
    Constant("unpack_mxfp4", 1.5, 0.3, _FACTOR, "reading MXFP4 experts, which are unpacked to 16 bits on cards "
                                                "without FP4 units, relative to other formats",
             "assumed between none and what INT4 takes: products of a whole batch unpack once"),
    Constant("memory_use", 0.90, 0.02, _SHARE, "memory that engines take for weights and cache",
             "gpu_memory_utilization of vLLM is 0.9 unless told otherwise"),
    Constant("first", 1.0, 0.2, _FACTOR, "a lone prompt's time relative to its arithmetic",
             "a prompt takes its arithmetic"),
    Constant("first_sglang", 1.5, 1.0, _FACTOR, "a prompt's fixed times with SGLang relative to vLLM",
             "a scheduler process and a tokenizer process more"),
    Constant("first_latent", 1.0, 0.3, _FACTOR, "a prompt's time with latent attention, whose keys and values are "
                                                "unfolded for it, relative to others",
             "as others"),
    Constant("first_experts", 1.0, 0.5, _FACTOR, "a prompt's time in a mixture relative to dense models, where it "
                                                 "comes with others that fill its experts",
             "as dense models"),
    Constant("first_fixed", 5e-3, 0.7, _SECONDS, "a prompt's fixed time",
             "tokenising, scheduling and sending over HTTP: some milliseconds"),
    Constant("first_launch", 6.0, 0.5, _FACTOR, "a prompt's kernels, launched one by one, relative to the fixed "
                                                "times of a step, which a graph launches at once",
             "kernels launched one by one take some 5 to 8 times as long as in a graph: assumed"),
    Constant("first_request", 1e-4, 0.7, _SECONDS, "more for each request in flight",
             "scheduling for each request"),
    Constant("first_step", 3.0, 0.5, "steps", "steps of others that a prompt waits for when it comes",
             "one step under way, one prepared ahead, one to deliver"),
    Constant("queue", 0.068, 1.0, _SHARE, "of the other requests in flight whose prompts stand before this one",
             "with answers of random lengths a tenth of the prompts stand together"),
    Constant("queue_growth", 0.92, 0.1, "exponent", "how that grows with requests in flight",
             "a little under proportional"),
    Constant("queue_sglang", 1.2, 1.0, _FACTOR, "the same with SGLang relative to vLLM",
             "about as vLLM: its prompts go first, one batch after another"),
    Constant("burst", 0.2, 1.0, _SHARE, "of the prompts that fit into one step that come with this one: requests that "
                                        "began together end together",
             "between none, with answers of random lengths, and all, with answers of one length: assumed"),
    Constant("burst_tokens", 8192.0, 1.0, "tokens", "tokens of prompts that are computed in one step",
             "max_num_batched_tokens of vLLM is 2,048 or 8,192 by card and use, 8,192 is max_num_tokens of "
             "TensorRT-LLM and chunked_prefill_size of SGLang"),
    Constant("burst_trtllm", 1.0, 1.0, _FACTOR, "the same with TensorRT-LLM relative to vLLM",
             "as vLLM"),
    Constant("data_prompts", 0.85, 0.3, "exponent", "a prompt's time with attention data parallelism: ranks to this "
                                                    "power, as a prompt stays on one",
             "a prompt stays on its rank: nearly ranks to the power of one"),
)  # fmt: skip


def frozen() -> str:
    """A digest of the expected values. ``fitted.json`` records the one it was fitted with, and a test compares the two,
    so that an expected value is not changed without a new fit."""
    text = json.dumps([[c.name, c.expected, c.spread] for c in CONSTANTS])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def fitted() -> dict[str, Any]:
    """What ``make calibrate`` wrote: ``date``, ``data``, ``expected`` (a digest), ``constants``, ``offsets``,
    ``ranges``, ``sealed``."""
    found: dict[str, Any] = json.loads(FITTED.read_text(encoding="utf-8"))
    return found
