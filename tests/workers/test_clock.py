"""The worker when the clock is put back, as after a wrong time from the network."""

import asyncio

import pytest
import time_machine

from workers import main


def test_the_timetable_begins_anew_when_the_clock_is_put_back_and_not_when_it_is_corrected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main, "LOOK_EVERY_S", 0.01)

    async def work() -> None:
        await asyncio.sleep(3600)

    async def go() -> None:
        with time_machine.travel("2026-12-01T00:00:00Z", tick=True) as travel:
            working = asyncio.create_task(main._until_the_clock_steps_back(work()))
            await asyncio.sleep(0.05)
            travel.shift(-30)  # a correction
            await asyncio.sleep(0.05)
            assert not working.done()
            travel.shift(40 * 86_400)
            await asyncio.sleep(0.05)
            assert not working.done()
            travel.shift(-40 * 86_400)
            await asyncio.wait_for(working, 5)

    asyncio.run(go())


def test_what_work_raises_is_raised() -> None:
    async def away() -> None:
        raise ConnectionError("the queue is away")

    with pytest.raises(ConnectionError):
        asyncio.run(main._until_the_clock_steps_back(away()))
