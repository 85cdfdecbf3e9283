"""A job that may succeed later is tried again, later each time, as often as the timetable says and no more."""

import asyncio
from typing import Any

import pytest
from arq import Retry

from app.core.settings import Settings, load
from workers import jobs, queue
from workers.timetable import GROUPS, TIMETABLE, TRIES

SETTINGS = load({})


def put_off(after_s: int | None, attempt: int, tries: int = TRIES) -> float | str:
    """Seconds until the next try of a job that asked to wait ``after_s``, or its result if there is none."""

    async def job(settings: Settings, name: str) -> Any:
        assert settings is SETTINGS
        assert name == "azure"
        raise jobs.TryAgainError("failed", after_s)

    try:
        result: str = asyncio.run(queue.called(job, tries)({"settings": SETTINGS, "job_try": attempt}, "azure"))
    except Retry as again:
        return (again.defer_score or 0) / 1000
    return result


@pytest.mark.parametrize(
    ("after_s", "attempt", "tries", "expected"),
    [
        (None, 1, 3, 30), (None, 2, 3, 120), (None, 3, 3, "failed"), (None, 4, 3, "failed"), (None, 1, 1, "failed"),
        (7, 1, 3, 7), (7, 2, 3, 7), (7, 3, 3, "failed"), (86_400, 1, 3, 1800), (None, 9, 10, 1800),
    ],
)  # fmt: skip
def test_the_wait_grows_and_has_an_end(after_s: int | None, attempt: int, tries: int, expected: float | str) -> None:
    assert put_off(after_s, attempt, tries) == expected


def test_a_job_that_succeeds_or_breaks_is_not_tried_again() -> None:
    async def fine(_: Settings) -> str:
        return "ok"

    async def broken(_: Settings) -> str:
        raise ZeroDivisionError

    context = {"settings": SETTINGS, "job_try": 1}
    assert asyncio.run(queue.called(fine, 3)(context)) == "ok"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(queue.called(broken, 3)(context))


def test_every_line_of_the_timetable_names_a_job() -> None:
    named = [function.name for group in GROUPS["all"] for function in queue._functions(group)]
    assert sorted(named) == sorted({entry.job for entry in TIMETABLE}), "each job belongs to one group"
    assert [line.name for line in map(queue._cron, TIMETABLE)] == [entry.name for entry in TIMETABLE]
