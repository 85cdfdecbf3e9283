"""Asking the sources: checking an answer, replacing a source's offers, exchange rates, how each source stands."""
