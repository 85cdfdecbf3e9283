"""Scopes of writing transactions, for databases with several writers at a time.

SQLite has one writer at a time, and features rely on that. On PostgreSQL, transactions of one scope run one after
another, and one of :data:`ALL` runs alone.
"""

ALL = "everything"
PRICES = "prices"
"""Offers, history, sources, models: what refreshes write, perhaps for many seconds."""
COUNTERS = "counters"
EDGES = "edges"
"""Which purges the edges were sent."""
POLICIES = "policies"
"""When the site first showed each version of a policy."""
REPORTS = "reports"
"""Reports of visitors, and the ledger of predictions about them."""
CASES = "cases"
"""Privacy requests and their mail."""
