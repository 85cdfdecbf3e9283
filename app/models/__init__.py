"""Models: architecture from a configuration, facts and evaluation results from the Hub, pages."""
