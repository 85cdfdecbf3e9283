"""Fetching prices: checking a source's answer, replacing its offers, exchange rates, the status of each source."""
