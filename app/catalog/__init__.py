"""What exists: GPUs, providers, places, and the spellings by which others name them."""
