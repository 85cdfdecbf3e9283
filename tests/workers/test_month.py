"""A month of the timetable on a simulated clock: nothing starves, and every source is asked as often as it says."""

import heapq
from collections import Counter
from itertools import pairwise

import pytest

from app.pricing.sources import EVERY
from workers.queue import MAX_JOBS
from workers.timetable import JITTER_S, TIMETABLE, Entry

DAYS = 31


def due_minutes(entry: Entry) -> list[int]:
    """The minutes of the month in which an entry is due, as the queue's timer reads its minutes and hours."""
    return [
        day * 1440 + hour * 60 + minute
        for day in range(DAYS)
        for hour in sorted(entry.hours if entry.hours is not None else range(24))
        for minute in sorted(entry.minutes)
    ]


def test_every_source_is_asked_as_often_as_it_says_and_never_waits_longer() -> None:
    asked = {entry.argument: entry for entry in TIMETABLE if entry.job == "refresh_source"}
    assert set(asked) == set(EVERY)
    for name, entry in asked.items():
        times = due_minutes(entry)
        assert len(times) == DAYS * 1440 // entry.every_minutes, name
        assert {later - earlier for earlier, later in pairwise(times)} == {entry.every_minutes}, name


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_no_job_starves_where_each_takes_a_share_of_its_limit(share: float) -> None:
    """Jobs come as they are due, the longest-waiting first, to as many hands as the worker has; each holds its hand for
    ``share`` of the longest it may take, and no second of one entry begins while its first runs."""
    arriving = sorted((minute * 60, number) for number, entry in enumerate(TIMETABLE) for minute in due_minutes(entry))
    hands = [0.0] * MAX_JOBS
    heapq.heapify(hands)
    until: dict[int, float] = {}
    waited: Counter[int] = Counter()
    done: Counter[int] = Counter()
    for at, number in arriving:
        if until.get(number, 0) > at:
            continue  # it still runs: the queue holds one of a kind
        begun = max(float(at), heapq.heappop(hands))
        entry = TIMETABLE[number]
        holds = 60 if entry.every_minutes == 1 else JITTER_S + entry.timeout_s * share  # that one ends with its minute
        until[number] = begun + holds
        heapq.heappush(hands, until[number])
        waited[number] = max(waited[number], int(begun - at))
        done[number] += 1
    for number, entry in enumerate(TIMETABLE):
        assert done[number] >= len(due_minutes(entry)) * 0.95, entry.name
        assert waited[number] <= entry.every_minutes * 60, entry.name
