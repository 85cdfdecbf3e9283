"""The catalogue: GPUs, providers, places, and the spellings that sources use for them."""
