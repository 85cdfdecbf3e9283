"""What nodes tell of themselves and are asked, over the shared queue: each keeps its access log to itself.

A node says every few seconds that it is there, and answers what is put into its own list: rows of its log, or a tally
of them. An answer is read once and gone; what nobody reads is gone after :data:`ANSWER_S`, a question after
:data:`QUESTION_S`. Both are sealed under the question's own key, which nodes read in the database: the queue holds
numbers and nothing that it could read.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any

from app import __version__
from app.core import clock, logs
from app.core.retention import ACCESS_LOG_DAYS
from app.core.settings import Settings
from app.core.shared_queue import AWAY, connect
from app.core.shared_queue import PATIENCE_S as SHORT_S
from app.core.units import DAY_S
from app.storage.engine import UNAVAILABLE
from app.telemetry import access_log, access_log_reader, question_store
from app.telemetry.abuse import Tally
from app.telemetry.sealed import KEY_BYTES, UnsealedError, seal, unseal

NODES, NODE, QUESTIONS, ANSWERS = (f"inferencebench:{name}" for name in ("nodes", "node", "ask", "answer"))
ALIVE_S, SAID_EVERY_S = 20, 5
QUESTION_S, ANSWER_S = 30, 60
PATIENCE_S = 15
"""How long a part of an answer is waited for."""
KEY_S = 600
"""The longest life of a question's key; it goes with the last answer."""
NUMBER_BYTES = 12
ROWS = 2_000
MOST_UNREAD = 16
"""Parts of an answer that wait to be read; a node that finds more waits, and gives up where nobody reads."""
OLDEST_EVERY_S = 60
AGAIN_S = 2.0
log = logs.get("nodes")


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it was heard last; ``there`` is False once it was silent for :data:`ALIVE_S`.

    ``seen_at``, ``oldest_row``, that of its access log, and ``canary_died`` are seconds since 1970.
    """

    name: str
    seen_at: int
    there: bool
    role: str = ""
    version: str = ""
    oldest_row: int | None = None
    canary_died: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each node's log: a tally (no ``address``) or the rows of an address, from ``since`` to before
    ``until``."""

    kind: str
    since: int
    until: int | None = None
    address: str = ""


def answer_parts(settings: Settings, question: Question) -> Iterator[Any]:
    """This node's answer, a part at a time."""
    folder = settings.data_dir / access_log.FOLDER
    rows = access_log_reader.read(folder, clock.timestamp(), question.since, question.until, question.address)
    if question.kind == "tally":
        yield from Tally().add(rows).parts()
        return
    while part := [asdict(row) for row in islice(rows, ROWS)]:
        yield part


async def take_part(settings: Settings, canary_died: Callable[[], int | None]) -> None:
    """Say that this node is there, and answer what it is asked, until cancelled; goes on while the queue is away.

    ``canary_died`` gives the instant at which the node saw its last canary dead.
    """
    await asyncio.gather(_again(partial(_say, canary_died=canary_died), settings), _again(_answer, settings))


async def _again(work: Any, settings: Settings) -> None:
    while True:
        redis = connect(settings.redis_url, SAID_EVERY_S + 5)
        try:
            await work(redis, settings)
        except AWAY as error:
            log.warning("the shared queue is away", extra={"why": type(error).__name__})
        except Exception as error:
            log.error("a question could not be answered", extra={"kind": type(error).__name__}, exc_info=error)
        finally:
            with contextlib.suppress(*AWAY):
                await redis.aclose()
        await asyncio.sleep(AGAIN_S)


async def _say(redis: Any, settings: Settings, canary_died: Callable[[], int | None]) -> None:
    folder, turn, oldest, died = settings.data_dir / access_log.FOLDER, 0, None, None
    while True:
        now = clock.timestamp()
        if turn % (OLDEST_EVERY_S // SAID_EVERY_S) == 0:
            oldest = await asyncio.to_thread(access_log_reader.oldest_row, folder, now)
            died = await asyncio.to_thread(canary_died)
        state = {"role": settings.role, "version": __version__, "oldest_row": oldest, "canary_died": died}
        pipe = redis.pipeline(transaction=False)
        pipe.set(f"{NODE}:{settings.node}", json.dumps(state), ex=ALIVE_S)
        pipe.zadd(NODES, {settings.node: now})
        pipe.zremrangebyscore(NODES, "-inf", now - ACCESS_LOG_DAYS * DAY_S)
        await pipe.execute()
        turn += 1
        await asyncio.sleep(SAID_EVERY_S)


async def _answer(redis: Any, settings: Settings) -> None:
    while True:
        found = await redis.blpop([f"{QUESTIONS}:{settings.node}"], timeout=SAID_EVERY_S)
        if found is None:
            continue
        number, data = found[1][: 2 * NUMBER_BYTES].decode("ascii"), found[1][2 * NUMBER_BYTES :]
        key = await question_store.key(number, clock.timestamp())
        if key is None:
            raise UnsealedError("a question without a key")
        asked = unseal(key, f"{QUESTIONS}:{settings.node}", data)
        parts = answer_parts(settings, Question(**asked["question"]))
        to, turn = asked["to"], 0
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            if not await _put(redis, to, await asyncio.to_thread(seal, key, f"{to}:{turn}", {"part": part})):
                break
            turn += 1
        else:
            await _put(redis, to, seal(key, f"{to}:{turn}", {"end": True}))


async def _put(redis: Any, to: str, data: bytes) -> bool:
    """Put a part where it is read; False where nobody reads."""
    for _ in range(PATIENCE_S * 10):
        if await redis.llen(to) < MOST_UNREAD:
            pipe = redis.pipeline(transaction=True)
            pipe.rpush(to, data)
            pipe.expire(to, ANSWER_S)
            await pipe.execute()
            return True
        await asyncio.sleep(0.1)
    return False


async def known(redis: Any) -> list[Node]:
    """Every node that was heard of within the life of a log row: its log may still hold some."""
    seen = await redis.zrange(NODES, 0, -1, withscores=True)
    names = [name.decode() for name, _ in seen]
    said = await redis.mget([f"{NODE}:{name}" for name in names]) if names else []
    found = []
    for name, (_, at), text in zip(names, seen, said, strict=True):
        found.append(Node(name, int(at), text is not None, **(json.loads(text) if text else {})))
    return sorted(found, key=lambda node: node.name)


async def known_nodes(settings: Settings) -> list[Node] | None:
    """Every known node, asked with short patience; None where the shared queue is away."""
    redis = connect(settings.redis_url)
    try:
        async with asyncio.timeout(SHORT_S):
            return await known(redis)
    except AWAY:
        return None
    finally:
        with contextlib.suppress(*AWAY):
            await redis.aclose()


async def forget(settings: Settings, name: str) -> bool:
    """Forget a node that will not come back; False where none has that name."""
    redis = connect(settings.redis_url)
    try:
        await redis.delete(f"{NODE}:{name}", f"{QUESTIONS}:{name}")
        return bool(await redis.zrem(NODES, name))
    finally:
        with contextlib.suppress(*AWAY):
            await redis.aclose()


class Asked:
    """A question to every other node; ``silent`` names those that did not answer, or not wholly."""

    def __init__(self, settings: Settings, question: Question) -> None:
        self._settings, self._question = settings, question
        self._number, self._key = secrets.token_hex(NUMBER_BYTES), secrets.token_bytes(KEY_BYTES)
        self.silent: list[str] = []

    async def parts(self) -> AsyncIterator[Any]:
        """The parts of the answers, this node's own first. The engine has to point at the nodes' database."""
        own = answer_parts(self._settings, self._question)
        while (part := await asyncio.to_thread(next, own, None)) is not None:
            yield part
        if not self._settings.redis_url:
            return
        redis = connect(self._settings.redis_url, PATIENCE_S + 5)
        try:
            async for part in self._of_others(redis):
                yield part
        except AWAY as error:
            self.silent.append(f"every other node: the shared queue is away ({type(error).__name__})")
        except UNAVAILABLE:
            self.silent.append("every other node: the database, which keeps the key that questions are sealed under, "
                               "is away")  # fmt: skip
        finally:
            with contextlib.suppress(*AWAY):
                await redis.aclose()

    async def _of_others(self, redis: Any) -> AsyncIterator[Any]:
        nodes = [node for node in await known(redis) if node.name != self._settings.node]
        asked = [(node, f"{ANSWERS}:{secrets.token_hex(NUMBER_BYTES)}") for node in nodes if node.there]
        self.silent += [_gone(node) for node in nodes if not node.there]
        if not asked:
            return
        now = clock.timestamp()
        await question_store.put(self._number, self._key, now, now + KEY_S)
        try:
            for node, to in asked:
                await self._put_question(redis, node.name, to)
            for node, to in asked:
                async for part in self._of_one(redis, node, to):
                    yield part
        finally:
            with contextlib.suppress(*UNAVAILABLE):
                await question_store.drop(self._number)

    async def _put_question(self, redis: Any, node: str, to: str) -> None:
        place = f"{QUESTIONS}:{node}"
        sealed = seal(self._key, place, {"question": asdict(self._question), "to": to})
        pipe = redis.pipeline(transaction=True)
        pipe.rpush(place, self._number.encode() + sealed)
        pipe.expire(place, QUESTION_S)
        await pipe.execute()

    async def _of_one(self, redis: Any, node: Node, to: str) -> AsyncIterator[Any]:
        turn = 0
        try:
            while (found := await redis.blpop([to], timeout=PATIENCE_S)) is not None:
                said = unseal(self._key, f"{to}:{turn}", found[1])
                if "end" in said:
                    return
                yield said["part"]
                turn += 1
            self.silent.append(f"{node.name}: no answer within {PATIENCE_S} seconds")
        except UnsealedError as error:
            self.silent.append(f"{node.name}: its answer can't be read, {error}")
        finally:
            await redis.delete(to)


def _gone(node: Node) -> str:
    return f"{node.name}: not heard of since {clock.from_timestamp(node.seen_at):%Y-%m-%d %H:%M:%S} UTC"


async def gather(settings: Settings, question: Question) -> tuple[list[Any], list[str]]:
    """All parts of the answers in one list, and who did not answer."""
    asked = Asked(settings, question)
    return [one async for part in asked.parts() for one in part], asked.silent
