"""What a writing transaction keeps to itself, on databases that take several writers.

SQLite has one writer at a time, whatever it writes; much of the software counts on that within a feature. On
PostgreSQL the writers of one scope follow one another, and one of :data:`ALL` waits for every other and is alone.
"""

ALL = "everything"
PRICES = "prices"
"""Offers, history, sources, models: what refreshes write, perhaps for many seconds."""
COUNTERS = "counters"
EDGES = "edges"
"""What the edges in front were told."""
POLICIES = "policies"
"""When the site first showed each version of a policy."""
REPORTS = "reports"
"""Reports of visitors, and the ledger of predictions about them."""
CASES = "cases"
"""Privacy requests and their mail."""
