"""Models: their architecture from a configuration, and facts and evaluation results from the Hub."""
