"""Limits hold over all nodes, and what counts them knows no address; a real Redis, killed in the middle."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core import shared_queue
from app.core.settings import Settings, load
from app.core.units import DAY_S, HOUR_S
from app.web import shared_limit
from app.web.rate_limit import RateLimit
from app.web.shared_limit import SharedLimits
from tests.redis_server import RedisServer, running_redis

NOON = 1_795_953_600 // DAY_S * DAY_S + 12 * HOUR_S


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(running: RedisServer) -> RedisServer:
    running.client.flushall()
    return running


@pytest.fixture
def settings(redis: RedisServer) -> Settings:
    return load({"INFERENCEBENCH_REDIS_URL": redis.url})


def asked(settings: Settings, *calls: tuple[Any, ...]) -> list[bool]:
    """Each call on a node of its own turn: (node, limit, address, second)."""

    async def go() -> list[bool]:
        nodes = {call[0]: SharedLimits(settings) for call in calls}
        found = [await nodes[node].allows("posts", limit, address, at) for node, limit, address, at in calls]
        for node in nodes.values():
            await node.close()
        return found

    return asyncio.run(go())


def test_what_one_node_counted_the_other_knows(settings: Settings) -> None:
    one, other = RateLimit(2, HOUR_S), RateLimit(2, HOUR_S)
    calls = [(0, one, "203.0.113.7", NOON), (1, other, "203.0.113.7", NOON), (0, one, "203.0.113.7", NOON),
             (1, other, "203.0.113.8", NOON), (1, other, "203.0.113.7", NOON + HOUR_S)]  # fmt: skip
    assert asked(settings, *calls) == [True, True, False, True, True]


def test_an_ipv6_customer_has_the_limits_of_the_networks_around_it(settings: Settings) -> None:
    limit = RateLimit(1, HOUR_S)
    addresses = [f"2001:db8:0:{n:x}::1" for n in range(6)]
    calls = [(n % 2, limit, address, NOON) for n, address in enumerate(addresses)]
    assert asked(settings, *calls) == [True] * 4 + [False] * 2, "a /56 may do four times as much, on all nodes"
    assert asked(settings, (0, limit, "2001:db8:0:1::99", NOON)) == [False], "the /64 is counted whole"
    assert asked(settings, (0, limit, "2001:db8:0:100::1", NOON)) == [True]


def test_no_address_is_in_redis_and_nothing_there_outlives_the_day(settings: Settings, redis: RedisServer) -> None:
    limit = RateLimit(3, HOUR_S)
    asked(settings, (0, limit, "203.0.113.7", NOON), (1, limit, "2001:db8:7:1::5", NOON))
    held = redis.everything()
    for trace in (b"203.0.113", b"2001:db8", b"db8:7"):
        assert trace not in held
    names = sorted(redis.client.keys("*"))  # type: ignore[arg-type]
    counts = [name for name in names if name.startswith(b"inferencebench:limit:")]
    assert len(counts) == 1 + 3, "an IPv4 address, and three networks of IPv6"
    for name in counts:
        assert 0 < redis.client.ttl(name) <= HOUR_S  # type: ignore[operator]
    (salt,) = set(names) - set(counts)
    assert 0 < redis.client.ttl(salt) <= DAY_S + 60  # type: ignore[operator]
    before = redis.client.get(salt)
    asked(settings, (0, limit, "203.0.113.7", NOON + 1))
    assert redis.client.get(salt) == before, "a day has one"
    asked(settings, (0, limit, "203.0.113.7", NOON + DAY_S))
    assert len(redis.client.keys(f"{shared_limit.SALT}:*")) == 2, "and the next another"  # type: ignore[arg-type]


def test_while_redis_is_away_each_node_counts_by_itself(
    settings: Settings, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_queue, "PAUSE_S", 0.0)
    one, other = RateLimit(1, HOUR_S), RateLimit(1, HOUR_S)
    here = "203.0.113.9"
    assert asked(settings, (0, one, here, NOON), (1, other, here, NOON)) == [True, False]
    redis.kill()
    assert asked(settings, (0, one, here, NOON), (1, other, here, NOON), (1, other, here, NOON)) == [True, True, False]
    redis.start()
    assert asked(settings, (0, one, here, NOON), (1, other, here, NOON)) == [True, False], "it is asked again"


def test_a_redis_that_hangs_is_left_alone_for_a_while(settings: Settings, redis: RedisServer) -> None:
    assert redis.process is not None
    limit = RateLimit(50, HOUR_S)
    os.kill(redis.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert asked(settings, *[(0, limit, "203.0.113.9", NOON)] * 50) == [True] * 50
        assert time.monotonic() - began < 20, "not fifty times its patience"
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)


def test_doctor_says_what_would_put_the_queue_on_a_disk(redis: RedisServer, prepared_data: Path) -> None:
    from app.process.doctor import examine

    settings = load({"INFERENCEBENCH_REDIS_URL": redis.url, "INFERENCEBENCH_DATA_DIR": str(prepared_data)})

    def faults() -> list[str]:
        return [text for kind, text in examine(settings) if kind == "fault" and "queue" in text]

    redis.client.config_set("save", "60 1")
    assert [("save '60 1'" in text, "slowlog-max-len '128'" in text) for text in faults()] == [(True, True)]
    redis.client.config_set("save", "")
    redis.client.config_set("slowlog-max-len", "0")
    assert faults() == []
    redis.client.config_set("slowlog-max-len", "128")
    redis.kill()
    try:
        assert any("does not answer" in text for text in faults())
    finally:
        redis.start()
