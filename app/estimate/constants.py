"""The calibrated constants: what each means, what is expected of it, and the fitted values from ``fitted.json``."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FITTED = Path(__file__).with_name("fitted.json")


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant.

    ``expected`` is where the fit starts and is drawn to, ``spread`` how far it may go (of its logarithm).
    """

    name: str
    expected: float
    spread: float
    unit: str
    meaning: str


_SHARE, _SECONDS, _FACTOR = "share", "s", "factor"
CONSTANTS = (
    Constant("stream", 0.85, 0.1, _SHARE,
             "stated memory bandwidth reached while reading weights that every token passes"),
    Constant("stream_llamacpp_stacked", 0.65, 0.3, _FACTOR,
             "the same with llama.cpp on HBM relative to other memory: its kernels for one sequence keep too few "
             "bytes in flight"),
    Constant("stream_experts", 0.75, 0.15, _SHARE, "the same while reading experts, which come in small pieces"),
    Constant("stream_cache", 0.70, 0.3, _SHARE, "the same while reading the KV cache"),
    Constant("gemm", 0.75, 0.1, _SHARE, "stated 16-bit arithmetic reached by dense layers on prompts"),
    Constant("gemm_experts", 0.30, 0.3, _SHARE, "the same by experts, whose matrices are small and uneven"),
    Constant("narrow_gain", 0.60, 0.2, "exponent",
             "how much of the stated gain of FP8 and FP4 over 16 bits is reached: gain to this power"),
    Constant("attention", 0.40, 0.3, _SHARE, "stated 16-bit arithmetic reached by attention"),
    Constant("layer", 4.5e-5, 0.7, _SECONDS, "the time of a layer's kernels however little they do"),
    Constant("layer_quantise", 1.5e-5, 0.7, _SECONDS,
             "more for a dense layer that quantises activations to NVFP4; experts do it as they go"),
    Constant("layer_experts", 2e-6, 1.0, _SECONDS, "more for a layer with experts: routing, sorting, merging"),
    Constant("layer_experts_fp8", 2e-5, 0.7, _SECONDS,
             "more for a layer with FP8 experts, whose activations are quantised by block"),
    Constant("layer_per_expert", 3e-6, 1.0, _SECONDS, "more for each expert that a token passes"),
    Constant("layer_shared_expert", 1e-5, 0.7, _SECONDS, "more for a layer with a shared expert"),
    Constant("layer_latent", 1e-5, 0.7, _SECONDS, "more for a layer of latent attention"),
    Constant("layer_linear", 1e-5, 0.7, _SECONDS, "more for a layer of linear attention or a state-space model"),
    Constant("stage", 2e-4, 0.7, _SECONDS, "more for each further stage of a pipeline, to which a step is passed on"),
    Constant("step", 4e-4, 0.7, _SECONDS, "scheduling, sampling and sending of one step"),
    Constant("request", 1.2e-5, 0.7, _SECONDS, "the same for each running sequence"),
    Constant("pace_sglang", 1.1, 0.7, _FACTOR, "fixed times of SGLang relative to vLLM's"),
    Constant("pace_trtllm", 0.85, 0.7, _FACTOR, "fixed times of TensorRT-LLM relative to vLLM's"),
    Constant("pace_llamacpp", 1.35, 0.7, _FACTOR, "fixed times of llama.cpp relative to vLLM's"),
    Constant("allreduce", 9e-6, 0.7, _SECONDS, "the time of an all-reduce however small, over a switch"),
    Constant("allreduce_sglang", 1.0, 0.7, _FACTOR, "the same with SGLang relative to vLLM"),
    Constant("allreduce_trtllm", 0.5, 0.7, _FACTOR, "the same with TensorRT-LLM relative to vLLM"),
    Constant("allreduce_other", 3.0, 0.7, _FACTOR, "the same over PCIe or bridges, relative to a switch"),
    Constant("allreduce_staged", 11.0, 0.7, _FACTOR, "the same through the host's memory, relative to a switch"),
    Constant("link_switched", 0.35, 0.3, _SHARE, "stated bandwidth between GPUs reached over a switch"),
    Constant("link_other", 0.5, 0.7, _SHARE, "stated bandwidth between GPUs reached over PCIe or bridges"),
    Constant("link_staged", 0.5, 0.7, _SHARE,
             "stated bandwidth of the slot reached through the host's memory, which all GPUs share"),
    Constant("interleave", 0.95, 0.1, _SHARE, "of a prompt's time that other sequences wait"),
    Constant("interleave_sglang", 0.75, 0.2, _FACTOR,
             "the same with SGLang relative to vLLM: prompts go first, so that more of them wait for the first token "
             "and fewer for the next"),
    Constant("routing", 0.85, 0.1, "exponent", "tokens that choose experts independently: tokens to this power"),
    Constant("imbalance", 1.0, 0.15, _FACTOR, "the busiest GPU's experts relative to the mean with expert parallelism"),
    Constant("unpack", 2.2, 0.3, _FACTOR,
             "reading INT4 experts, which are unpacked to 16 bits, relative to other formats"),
    Constant("memory_use", 0.90, 0.02, _SHARE, "memory that engines take for weights and cache"),
    Constant("first", 1.4, 0.3, _FACTOR,
             "a lone prompt's time relative to its arithmetic, weighed with the fixed times"),
    Constant("first_sglang", 2.3, 0.5, _FACTOR, "the same with SGLang relative to vLLM"),
    Constant("first_trtllm", 1.4, 0.5, _FACTOR, "the same with TensorRT-LLM relative to vLLM"),
    Constant("first_latent", 1.4, 0.5, _FACTOR,
             "the same for latent attention, whose keys and values are unfolded for a prompt"),
    Constant("first_fixed", 2.5e-3, 0.7, _SECONDS, "a prompt's fixed time"),
    Constant("first_layer", 2e-4, 0.7, _SECONDS, "a prompt's fixed time for each layer"),
    Constant("first_expert_layer", 2.5e-4, 0.7, _SECONDS, "more for each layer with experts"),
    Constant("first_request", 1e-4, 0.7, _SECONDS, "more for each request in flight"),
    Constant("first_step", 1.1, 0.5, _SHARE, "of half a step that a prompt waits for the running step"),
    Constant("queue", 0.068, 0.5, _SHARE, "of the other requests in flight whose prompts stand before this one"),
    Constant("queue_growth", 0.92, 0.1, "exponent", "how that grows with requests in flight"),
    Constant("queue_sglang", 5.0, 0.5, _FACTOR, "the same with SGLang relative to vLLM"),
    Constant("queue_trtllm", 1.2, 0.5, _FACTOR, "the same with TensorRT-LLM relative to vLLM"),
    Constant("data_prompts", 0.85, 0.3, "exponent",
             "a prompt's time with attention data parallelism: ranks to this power, as a prompt stays on one"),
)  # fmt: skip


@cache
def fitted() -> dict[str, Any]:
    """What ``make calibrate`` wrote: ``date``, ``data``, ``constants``, ``ranges``, ``errors``, ``vendors``."""
    found: dict[str, Any] = json.loads(FITTED.read_text(encoding="utf-8"))
    return found
