"""The numbers of the formulas that no fit touches, as the page of constants tells them."""

from typing import NamedTuple

from app.estimate import cards, memory, queueing, speed, terms


class Fixed(NamedTuple):
    """A number that stays as it is, its unit, what it means and where it comes from."""

    name: str
    value: float
    unit: str
    meaning: str
    source: str


FIXED = (
    Fixed("RESERVE", memory.RESERVE / 1e9, "GB", "kept of each GPU for activations, graphs and the runtime",
          "assumed"),
    Fixed("TIGHT_USE", memory.TIGHT_USE, "share", "of the memory that an engine is given where hardly any sequence "
          "fits otherwise", "measured set-ups are configured so"),
    Fixed("TIGHT_RESERVE", memory.TIGHT_RESERVE / 1e9, "GB", "kept of each GPU then", "the same"),
    Fixed("TIGHT_SEQUENCES", memory.TIGHT_SEQUENCES, "sequences", "fewer than that are hardly any", "assumed"),
    Fixed("STARTED", memory.STARTED, "sequences", "that vLLM runs at once on a rank unless told otherwise",
          "vLLM's tests of its engine arguments"),
    Fixed("STARTED_LARGE", memory.STARTED_LARGE, "sequences", "the same on GPUs with 70 GB and more, but for the A100",
          "the same"),
    Fixed("STARTED_OTHER", memory.STARTED_OTHER, "sequences", "the same with TensorRT-LLM, and with SGLang on all "
          "ranks together", "trtllm-build's default; SGLang's model runner, at least"),
    Fixed("CHUNK", terms.CHUNK, "tokens", "of prompts that an engine computes together",
          "max_num_batched_tokens of vLLM, max_num_tokens of TensorRT-LLM"),
    Fixed("BUSIEST", speed.BUSIEST, "share", "of the time spent on prompts beyond which waiting is not told",
          "it grows as long as the load lasts"),
    Fixed("MARGIN", speed.MARGIN, "factor", "arrivals over what is served that are not called unsustained yet",
          "one over the fast end, ×0.73, of the range for busy GPUs whose group was measured"),
    Fixed("MACHINE", cards.MACHINE, "GPUs", "that share one switch or host", "HGX boards and servers"),
    Fixed("RACK", cards.RACK, "GPUs", "that share one switch in an NVL72 rack", "NVIDIA, GB200 NVL72 data sheet"),
    Fixed("NETWORK", cards.NETWORK, "GB/s", "for each GPU and direction between machines",
          "one 400 Gb/s adapter a GPU (NVIDIA, DGX H100 data sheet)"),
    Fixed("SLOWEST_LINK", cards.SLOWEST_LINK, "GB/s", "between GPUs where the catalogue states nothing",
          "PCIe 3.0 with 16 lanes"),
    *(Fixed(f"PACE, {name}", value, "factor", "how long kernels that do little take, relative to Hopper",
            "boost clocks in data sheets") for name, value in cards.PACE.items()),
    Fixed("BURST_SCALE", queueing.BURST_SCALE, "factor", "how soon the further requests of a burst come",
          "chosen on simulated loads of other seeds than those that judge"),
)  # fmt: skip
