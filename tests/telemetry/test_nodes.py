"""Each node keeps its access log to itself, answers questions about it, and is named where it does not answer."""

import asyncio
import json
import re
import signal
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli import nodes as nodes_command
from app.cli import retention as command
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load
from app.core.shared_queue import connect
from app.privacy.fulfilment import export
from app.storage import engine
from app.telemetry import nodes, sealed
from app.telemetry.access_log import COLUMNS
from tests import plain, postgres
from tests.conftest import Inside, free_port, serve
from tests.database import tuples
from tests.outgoing import Outgoing
from tests.redis_server import RedisServer, running_redis
from tests.waiting import until

HERE = "203.0.113.7"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(running: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    running.client.flushall()
    running.client.config_resetstat()
    for name, seconds in (("SAID_EVERY_S", 1), ("PATIENCE_S", 2), ("AGAIN_S", 0.1)):
        monkeypatch.setattr(nodes, name, seconds)
    return running


def logged(folder: Path, addresses: list[str], status: int = 200, minutes_ago: int = 5) -> None:
    """Rows of this hour in a node's log."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    at = clock.now() - timedelta(minutes=minutes_ago)
    path = folder / "logs" / f"access-{at:%Y-%m-%d}.tsv"
    heading = "" if path.exists() else "\t".join(COLUMNS) + "\n"
    rows = [f"{at:%Y-%m-%dT%H:%M:%SZ}\t{one}\tFirefox\tLinux\t-\tGET\t/prices\t/prices\t{status}\t1.5\n"
            for one in addresses]  # fmt: skip
    with path.open("a") as file:
        file.write(heading + "".join(rows))


@pytest.fixture(scope="module")
def database(prepared_server: str) -> str:
    return postgres.server().database(prepared_server)


@pytest.fixture
def house(redis: RedisServer, tmp_path: Path, database: str) -> dict[str, Settings]:
    """Three nodes with a log each, on one database."""
    made = {}
    engine.use(database)
    for name, role in (("records", "records"), ("web-1", "web"), ("web-2", "web")):
        made[name] = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / name), "INFERENCEBENCH_REDIS_URL": redis.url,
                           "INFERENCEBENCH_NODE": name, "INFERENCEBENCH_ROLE": role,
                           "INFERENCEBENCH_DATABASE_URL": database})  # fmt: skip
        logged(made[name].data_dir, [HERE, "2001:db8::1"])
    return made


@asynccontextmanager
async def there(*all_settings: Settings) -> Any:
    """The nodes take part while the block runs."""
    tasks = [asyncio.create_task(nodes.take_part(one, lambda: 5)) for one in all_settings]
    try:
        async with asyncio.timeout(20):
            while sum(n.there for n in await nodes.known_nodes(all_settings[0]) or ()) < len(all_settings):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def gathered(house: dict[str, Settings], question: nodes.Question, *who: str) -> tuple[list[Any], list[str]]:
    async def go() -> tuple[list[Any], list[str]]:
        async with there(*(house[name] for name in who)):
            return await nodes.gather(house["records"], question)

    return engine.run(go())


def test_every_node_is_asked_and_rows_come_whole(house: dict[str, Settings], redis: RedisServer) -> None:
    logged(house["web-1"].data_dir, [HERE] * (nodes.ROWS * 2 + 7))
    rows, silent = gathered(house, nodes.Question("rows", 0, None, HERE), "records", "web-1", "web-2")
    assert (len(rows), silent) == (nodes.ROWS * 2 + 7 + 3, [])
    assert {row["address"] for row in rows} == {HERE}
    left = [name for name in redis.client.keys("*") if b":answer" in name or b":ask" in name]  # type: ignore[union-attr]
    assert left == [], "an answer is read once and gone"
    assert HERE.encode() not in redis.everything(), "nor does a note of slow commands show one"


@pytest.mark.parametrize("promise", ["P-6"])
def test_the_queue_holds_numbers_and_no_address_or_row(
    house: dict[str, Settings], redis: RedisServer, promise: str
) -> None:
    """Whoever sees every command that nodes send and every answer that they get learns of no visitor."""
    seen = bytearray()
    over = threading.Event()

    def listen() -> None:
        with socket.create_connection(("127.0.0.1", redis.port)) as wire:
            wire.sendall(b"MONITOR\r\n")
            wire.settimeout(0.2)
            while not over.is_set():
                with suppress(TimeoutError):
                    seen.extend(wire.recv(1 << 16))

    listener = threading.Thread(target=listen)
    listener.start()
    until(lambda: seen.startswith(b"+OK"))
    try:
        for kind, address in (("rows", HERE), ("tally", "")):
            parts, _ = gathered(house, nodes.Question(kind, 0, None, address), "records", "web-1")
            assert HERE in str(parts)
        until(lambda: seen.count(b'"RPUSH"') >= 4)
    finally:
        over.set()
        listener.join()
    told = bytes(seen).decode("unicode_escape").encode("latin1", "replace")  # as MONITOR escapes what is no letter
    opened = [told]
    for at in (found.start() for found in re.finditer(rb"x[\x01\x9c\xda]", told)):  # where packed data may begin
        with suppress(zlib.error):
            opened.append(zlib.decompressobj().decompress(told[at:]))
    for secret in (HERE.encode(), b"2001:db8", b"Firefox", b"/prices", b"tally"):
        assert not [text for text in opened if secret in text]
    assert engine.run(tuples("SELECT id FROM question_key")) == [], "the key goes with the last answer"


def test_what_was_sealed_opens_in_its_own_place_only() -> None:
    key = bytes(range(32))
    data = sealed.seal(key, "a:0", {"part": [HERE]})
    assert sealed.unseal(key, "a:0", data) == {"part": [HERE]}
    assert data != sealed.seal(key, "a:0", {"part": [HERE]}), "the same twice looks like two"
    turned = data[:20] + bytes([data[20] ^ 1]) + data[21:]
    for place, given, other in (
        ("a:1", data, key), ("a:0", data[:-1], key), ("a:0", data, key[::-1]), ("a:0", b"", key), ("a:0", turned, key),
    ):  # fmt: skip
        with pytest.raises(sealed.UnsealedError):
            sealed.unseal(other, place, given)


def test_without_the_database_no_node_is_asked_and_that_is_said(house: dict[str, Settings], redis: RedisServer) -> None:
    async def go() -> tuple[list[Any], list[str]]:
        async with there(house["records"], house["web-1"]):
            engine.use("postgres://postgres@127.0.0.1:1/none")
            return await nodes.gather(house["records"], nodes.Question("rows", 0, None, HERE))

    rows, silent = engine.run(go())
    assert len(rows) == 1, "its own"
    assert silent == ["every other node: the database, which keeps the key that questions are sealed under, is away"]


def test_who_does_not_answer_is_named_and_an_export_is_refused(house: dict[str, Settings], redis: RedisServer) -> None:
    async def go() -> None:
        async with there(*house.values()):
            pass
        redis.client.delete("inferencebench:node:web-1")
        async with there(house["records"]):
            rows, silent = await nodes.gather(house["records"], nodes.Question("rows", 0, None, HERE))
            assert len(rows) == 1, "its own"
            gone, no_answer = sorted(silent)
            assert gone.startswith("web-1: not heard of since ")
            assert no_answer == "web-2: no answer within 2 seconds"
            with pytest.raises(InferenceBenchError, match=r"without web-1: .*web-2: no answer"):
                await export.log_rows(house["records"], HERE, 0, None, "statement of the provider")
        held = [name for name in redis.client.keys("*") if b":ask:" in name]  # type: ignore[union-attr]
        assert all(0 < redis.client.ttl(name) <= nodes.QUESTION_S for name in held), "a question does not stay"  # type: ignore[operator]

    engine.run(go())


def test_an_answer_that_nobody_reads_ends_and_goes(house: dict[str, Settings], redis: RedisServer) -> None:
    async def go() -> None:
        client = connect(redis.url)
        for _ in range(nodes.MOST_UNREAD):
            assert await nodes._put(client, "inferencebench:answer:x", b"part")
        assert not await nodes._put(client, "inferencebench:answer:x", b"part")
        assert 0 < await client.ttl("inferencebench:answer:x") <= nodes.ANSWER_S
        await client.aclose()

    engine.run(go())


def test_tallies_of_nodes_add_up(house: dict[str, Settings], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("web-1", "web-2"):  # a burst that no node sees by itself
        logged(house[name].data_dir, ["198.51.100.9"] * 12, status=404, minutes_ago=7)

    async def go() -> int:
        async with there(house["web-1"], house["web-2"]):
            return await asyncio.to_thread(command.abuse, top=3, settings=house["records"])

    assert engine.run(go()) == 0
    said = capsys.readouterr().out
    assert "30 requests of 3 addresses" in said
    assert "24  198.51.100.9  100% failed, most of all /prices (24)" in said
    assert "bursts of failed requests" in said


def test_without_the_queue_a_node_tells_of_itself_and_says_so(
    house: dict[str, Settings], redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    redis.kill()
    try:
        assert command.abuse(settings=house["records"]) == 1
        said = capsys.readouterr().out
        assert "2 requests of 2 addresses" in said
        assert "without every other node: the shared queue is away" in said
        with pytest.raises(InferenceBenchError, match="could not be read whole"):
            engine.run(export.log_rows(house["records"], HERE, 0, None, "proof"))
        with pytest.raises(InferenceBenchError, match="does not answer"):
            nodes_command.list_(settings=house["records"])
        with pytest.raises(InferenceBenchError, match="does not answer"):
            nodes_command.forget("web-1", settings=house["records"])
    finally:
        redis.start()


def test_a_node_comes_back_after_the_queue_was_killed_and_one_can_be_forgotten(
    house: dict[str, Settings], redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async def go() -> None:
        async with there(house["records"], house["web-1"]):
            redis.kill()
            redis.start()
            async with asyncio.timeout(30):
                while len(await nodes.known_nodes(house["records"]) or ()) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    engine.run(go())
    with suppress(InferenceBenchError):
        nodes_command.list_(settings=house["records"])
    assert "web-1" in capsys.readouterr().out
    assert nodes_command.forget("web-1", settings=house["records"]) == 0
    with pytest.raises(InferenceBenchError, match="no node is called 'web-1'"):
        nodes_command.forget("web-1", settings=house["records"])
    with pytest.raises(InferenceBenchError, match="the only node"):
        nodes_command.list_(settings=load({}))


def test_what_comes_out_of_the_queue_is_data_only(house: dict[str, Settings], redis: RedisServer) -> None:
    """A question that is none is logged and passed over; the node goes on."""

    async def go() -> list[Any]:
        async with there(house["records"], house["web-1"]):
            redis.client.rpush("inferencebench:ask:web-1", b"noise")
            redis.client.rpush("inferencebench:ask:web-1", b"0" * 24 + b"sealed under no key")
            rows, silent = await nodes.gather(house["records"], nodes.Question("rows", 0, None, HERE))
            assert silent == []
            return rows

    assert len(engine.run(go())) == 2


def test_the_status_page_names_the_machines(inside: Inside, house: dict[str, Settings], redis: RedisServer) -> None:
    def page(settings: Settings) -> str:
        made = Inside(replace(inside.settings, redis_url=settings.redis_url, node="records"))

        async def ask(client: httpx.AsyncClient) -> str:
            async with there(house["web-1"], house["web-2"]):
                redis.client.delete("inferencebench:node:web-2")
                return (await client.get("/status")).text

        text: str = made.run(ask)
        made.app._prepared._watch.close()
        return text

    said = page(house["records"])
    assert "Machines" in said
    assert "web-1" in said
    assert "does not answer" in said
    assert HERE not in said
    assert json.loads(redis.client.get("inferencebench:node:web-1") or b"{}")["oldest_row"]  # type: ignore[arg-type]
    redis.process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
    try:
        made = Inside(replace(inside.settings, redis_url=redis.url))
        assert "does not answer" in made.run(lambda client: client.get("/status")).text, "and the page is served"
        made.app._prepared._watch.close()
    finally:
        redis.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]


@pytest.mark.parametrize("promise", ["P-6"])
def test_a_web_node_connects_to_its_database_and_its_queue_only(
    house: dict[str, Settings], redis: RedisServer, database: str, tmp_path: Path, promise: str
) -> None:
    """Pages, a post that counts against a limit, a refused report, and a question about its log."""
    outgoing, port = Outgoing(tmp_path), free_port()
    node = serve(tmp_path / "web-3", port, **outgoing.environment, INFERENCEBENCH_DATABASE_URL=database,
                 INFERENCEBENCH_REDIS_URL=redis.url, INFERENCEBENCH_ROLE="web",
                 INFERENCEBENCH_NODE="web-3")  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        for path in ("/", "/prices", "/gpus/h100-sxm-80gb", "/models", "/calculator", "/status", "/policies/privacy"):
            assert plain.get(f"{url}{path}", headers={"x-forwarded-for": HERE}).status_code == 200
        assert plain.post(f"{url}/submit/experience", data={"provider": "lambda"}).status_code == 503
        plain.post(f"{url}/api/estimate", json={"model": "mistral-7b", "input_tokens": 100})
        plain.post(f"{url}/beacon", content=b"page=/prices&load=1&paint=1&shift=0&errors=0")
        time.sleep(0.3)  # until its rows are in the file
        parts, _ = gathered(house, nodes.Question("tally", 0), "records")
        assert len(parts) >= 2
    finally:
        node.terminate()
        node.wait(20)
    server = f"('127.0.0.1', {postgres.server().port})"
    queue = f"('127.0.0.1', {redis.port})"
    lines = [line for line in outgoing.lines() if server not in line and queue not in line]
    assert lines == []
    assert any(server in line for line in outgoing.lines())
    assert any(queue in line for line in outgoing.lines())
