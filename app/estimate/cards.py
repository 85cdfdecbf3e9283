"""A GPU of the catalogue as the estimator's :class:`Card`: figures in bytes, bytes/s and FLOP/s. Pure."""

from collections.abc import Mapping

from app.catalog.facts import Gpu
from app.core.units import GIB
from app.estimate.inputs import Card, UnknownError

SWITCHED = ("NVLink", "NVSwitch", "Infinity Fabric", "ICI", "RoCE")
STAND_INS = {"b200-180gb": "b200-sxm-180gb", "h200-141gb": "h200-sxm-141gb", "h100-80gb": "h100-sxm-80gb",
             "a100-80gb": "a100-sxm-80gb", "a100-40gb": "a100-sxm-40gb", "a100": "a100-sxm-80gb",
             "v100-16gb": "v100-sxm2-16gb", "v100-32gb": "v100-sxm2-32gb",
             "rtx-pro-6000-96gb": "rtx-pro-6000-workstation-96gb"}  # fmt: skip
"""Slug that leaves the variant open → the variant sold most, with which measured rows and estimates are computed.
Prices are never attributed like that."""
STAGED = ("gaming", "PCIe")
"""Segment and interconnect of cards whose driver lets no card read another's memory: what they exchange passes
through the
host (NVIDIA of the RTX 4090 in its developer forum: no peer-to-peer over PCIe; NCCL then takes shared memory)."""
SLOWEST_LINK = 16.0
"""GB/s per direction where the catalogue states none: PCIe 3.0 with 16 lanes."""
MACHINE = 8
RACK = 72
"""GPUs that share one switch: eight of an HGX board or a server; the 72 of an NVL72 rack (NVIDIA, GB200 NVL72 data
sheet)."""
NETWORK = 50.0
"""GB/s per GPU and direction between machines: one 400 Gb/s adapter for each GPU (NVIDIA, DGX H100 data sheet)."""
PACE = {"Ampere": 1.4, "Turing": 1.25, "Volta": 1.3, "Pascal": 1.4}
"""Architecture → how long small kernels take relative to Hopper: they take a fixed number of clocks, so it is H100's
boost clock, 1.98 GHz, over the architecture's (A100 1.41, T4 1.59, V100 1.53, P100 1.48 GHz, data sheets). Ada's and
Blackwell's clocks are Hopper's or higher."""
WITHOUT_BF16 = ("Turing", "Volta", "Pascal")
"""Below compute capability 8.0 (NVIDIA, CUDA programming guide, arithmetic instructions)."""
WEIGHT_ONLY_FP8 = ("Ampere",)
"""vLLM, "FP8 W8A8": compute capability 8.0 and 8.6 run FP8 checkpoints weight-only, by Marlin kernels."""


def card_of(gpu: Gpu) -> Card:
    """The figures of one GPU. Raises :class:`UnknownError` where the catalogue lacks what an estimate needs."""
    if not (gpu.memory_gb and gpu.bandwidth_gb_s and gpu.fp16_tflops):
        missing = [
            word
            for word, value in (
                ("memory", gpu.memory_gb),
                ("bandwidth", gpu.bandwidth_gb_s),
                ("16-bit arithmetic", gpu.fp16_tflops),
            )
            if not value
        ]
        raise UnknownError(
            "gpu",
            f"can't estimate {gpu.name}, because its {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            f"not known",
        )
    return Card(
        memory=float(gpu.memory_gb * GIB),  # drivers report a card sold with 80 GB as 80 binary gigabytes
        bandwidth=float(gpu.bandwidth_gb_s) * 1e9,
        flops16=float(gpu.fp16_tflops) * 1e12,
        flops8=float(gpu.fp8_tflops or 0) * 1e12,
        flops4=float(gpu.fp4_tflops or 0) * 1e12,
        link=float(gpu.interconnect_gb_s or SLOWEST_LINK) * 1e9,
        switched=gpu.interconnect.startswith(SWITCHED) and "bridge" not in gpu.interconnect,
        staged=gpu.segment == STAGED[0] and gpu.interconnect.startswith(STAGED[1]),
        stacked=gpu.memory_type.startswith("HBM"),
        amd=gpu.vendor == "AMD",
        pace=PACE.get(gpu.architecture, 1.0),
        bf16=gpu.architecture not in WITHOUT_BF16,
        weight_only_fp8=gpu.architecture in WEIGHT_ONLY_FP8,
        machine=RACK if "NVL72" in gpu.name else MACHINE,
        network=NETWORK * 1e9,
        watts=float(gpu.tdp_w or 0),
    )  # fmt: skip


def stand_in(slug: str, known: Mapping[str, Gpu]) -> Gpu:
    """The GPU to compute with for ``slug``."""
    return known[STAND_INS.get(slug, slug)]
