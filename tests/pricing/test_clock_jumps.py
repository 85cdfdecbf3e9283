"""A clock that ran forty days ahead for a while: what an answer of then says of days is true again with the next."""

from datetime import UTC, datetime, timedelta

import time_machine

from tests.pricing.conftest import Refreshing

BEGAN = datetime(2026, 12, 5, 12, tzinfo=UTC)
AHEAD = timedelta(days=40)


def test_no_price_stands_since_a_day_to_come(refreshing: Refreshing) -> None:
    with time_machine.travel(BEGAN + AHEAD, tick=True):
        assert refreshing("lambda").state == "ok"
    with time_machine.travel(BEGAN + timedelta(hours=1), tick=True):
        assert refreshing("lambda").state == "ok"
        fetched, since = refreshing.rows("SELECT max(fetched_at), max(price_since) FROM offer WHERE source = 'lambda'")[
            0
        ]
    assert fetched < (BEGAN + timedelta(hours=2)).timestamp()
    assert since == "2026-12-05"
