"""Connections to PostgreSQL for Piccolo's engine: a pool for each event loop, transactions, errors in our own words."""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from app.core.errors import DatabaseAwayError, DatabaseFullError
from app.storage import scopes
from app.storage.personal_tables import SCHEMA

CHANNEL = "data_version"
"""What a transaction that raised versions notifies."""
MOST_CONNECTIONS = 10
CONNECT_S, LOCK_S, READ_S, IDLE_S = 5, 60, 120, 300
"""How long a connection may take, a statement waits for a lock, and a read outside a transaction takes; and how long a
transaction may stand still before the server ends it, with the locks of a node that hangs: in seconds."""
SESSION = {
    "search_path": f"public,{SCHEMA}", "application_name": "inferencebench", "lock_timeout": f"{LOCK_S}s",
    "idle_in_transaction_session_timeout": f"{IDLE_S}s", "tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}  # fmt: skip
"""Settings of each connection. The server asks every half minute whether a silent node is still there: one that lost
its network or its power would keep its locks for two hours otherwise."""


@contextlib.contextmanager
def away_errors() -> Iterator[None]:
    """Raise :class:`DatabaseAwayError` for any of the driver's errors that mean that the server can't be asked now.

    A value that the server can't hold, such as a lone surrogate, is none of them, since it fails again whenever it is
    tried: ``ValueError``, as with SQLite.
    """
    try:
        yield
    except asyncpg.DataError as error:
        raise ValueError("the database can't hold a value") from error
    except asyncpg.DiskFullError as error:
        raise DatabaseFullError("the database's disk is full") from error
    except AWAY as error:
        raise DatabaseAwayError(f"the database can't be asked: {str(error) or type(error).__name__}") from error


AWAY = (
    OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError, asyncpg.LockNotAvailableError, asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError, asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionRollbackError, asyncpg.InvalidCachedStatementError,
)  # fmt: skip
"""Also a server that became a standby takes no writes, and a deadlock or another node's migration ends a
transaction."""


@contextlib.contextmanager
def _opening() -> Iterator[None]:
    """Whatever the server refuses a connection for, such as a wrong password, means that it can't be asked."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise ConnectionError(str(error)) from error


def sound(values: Sequence[Any]) -> Sequence[Any]:
    """Values without U+0000, which PostgreSQL's text can't hold: what is looked for with it is not found, as in SQLite;
    where it were written, U+FFFD stands in its place."""
    return [value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value for value in values]


def where(url: str) -> str:
    """A server and its database, without name and password."""
    parts = urlsplit(url)
    return f"the database {parts.path.lstrip('/') or '(default)'} at {parts.hostname or 'this machine'}"


class SiteEngine(PostgresEngine):
    """Piccolo's engine with a pool of connections for each event loop, opened when they are first needed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.left_out: list[str] = []
        self.lineage = 0
        self._pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        super().__init__({"dsn": url})

    @property
    def identity(self) -> str:
        """The address, and how often the server was found to have other data than before."""
        return f"{self.url} {self.lineage}"

    async def check_version(self) -> None:
        """Nothing: :func:`app.storage.postgres.migrate` checks it, so that no connection is opened before it is
        needed."""

    async def prep_database(self) -> None:
        """Nothing has to be prepared."""

    async def get_new_connection(self) -> Any:
        """A connection outside the pool, which the caller closes."""
        return await connect(self.url)

    async def ready_pool(self) -> Any:
        """The connection pool of the running loop."""
        loop = asyncio.get_running_loop()
        if (pool := self._pools.get(loop)) is None:
            pool = self._pools[loop] = asyncpg.create_pool(
                self.url, min_size=0, max_size=MOST_CONNECTIONS, timeout=CONNECT_S, server_settings=SESSION,
                init=_prepare, reset=_nothing_to_reset,
            )  # fmt: skip
        if not pool._initialized:
            await pool
        return pool

    async def take(self) -> tuple[Any, Any]:
        """A connection of the pool, and the pool, to which it has to be released."""
        pool = await self.ready_pool()
        with _opening():
            return await pool.acquire(timeout=CONNECT_S), pool

    @contextlib.asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        connection, pool = await self.take()
        try:
            yield connection
        except (TimeoutError, asyncio.CancelledError):
            connection.terminate()  # a server that hangs would keep its release waiting too
            raise
        finally:
            await pool.release(connection)

    async def close_pool(self) -> None:
        """Close the running loop's pool; the next statement opens another."""
        if (pool := self._pools.pop(asyncio.get_running_loop(), None)) is not None:
            pool.terminate()

    async def ask(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """The rows of a statement, inside the running transaction if there is one; outside of one, a read is repeated
        once if the connection was lost."""
        given = sound(values)
        with away_errors():
            if (current := self.current_transaction.get()) is not None:
                return list(await current.connection.fetch(sql, *given))
            for last in (False, True):
                try:
                    async with self._lent() as connection:
                        return list(await connection.fetch(sql, *given, timeout=READ_S))
                except TimeoutError:
                    raise
                except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
                    if last or not sql.lstrip().upper().startswith("SELECT"):
                        raise
        raise AssertionError("unreachable")

    async def run_querystring(self, querystring: Any, in_pool: bool = True) -> Any:
        return await self.ask(*querystring.compile_string(engine_type=self.engine_type))

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        return await self.ask(ddl, ())

    def transaction(self, allow_nested: bool = True) -> "SiteTransaction":
        return SiteTransaction(self, allow_nested)


class SiteTransaction(PostgresTransaction):
    """Piccolo's transaction, but it always releases its connection, and raises versions just before it commits."""

    changed: set[str]
    raised: dict[str, int]
    """Key → version raised by this transaction, once it has committed."""
    scope = scopes.ALL
    engine: SiteEngine
    pool: Any

    async def get_connection(self) -> Any:
        self.changed, self.raised = set(), {}
        connection, self.pool = await self.engine.take()
        return connection

    async def begin(self) -> None:
        try:
            await self.transaction.start()
        except BaseException:
            await self._let_go()
            raise

    async def __aexit__(self, exception_type: Any, exception: Any, traceback: Any) -> bool:
        if self._parent is not None:
            return exception is None
        self.engine.current_transaction.set(None)
        try:
            if exception is None:
                await self._commit()
            else:
                with contextlib.suppress(*AWAY):
                    await self.transaction.rollback()
        finally:
            await self._let_go()
        return exception is None

    async def _commit(self) -> None:
        """Raise the versions in one statement and in a fixed order, so that two writers never deadlock."""
        if not self.changed:
            await self.transaction.commit()
            return
        rows = await self.connection.fetch(
            "INSERT INTO data_version (key, version) SELECT key, 1 FROM unnest($1::text[]) AS key "
            "ON CONFLICT (key) DO UPDATE SET version = data_version.version + 1 RETURNING key, version",
            sorted(self.changed),
        )
        await self.connection.execute(f"NOTIFY {CHANNEL}")
        await self.transaction.commit()
        self.raised = dict(rows)

    async def _let_go(self) -> None:
        with contextlib.suppress(*AWAY):
            await self.pool.release(self.connection)


async def connect(url: str) -> Any:
    """A connection outside the pool. Raises the driver's own errors."""
    with _opening():
        connection = await asyncpg.connect(url, timeout=CONNECT_S, server_settings=SESSION)
        await _prepare(connection)
        return connection


async def _prepare(connection: Any) -> None:
    """Make sums and means return the same types as with SQLite: integers as int, others as float."""
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=_number)


async def _nothing_to_reset(_: Any) -> None:
    """Skip resetting a connection when it returns to the pool: statements here leave no session state, and the reset
    would cost a second round trip for each read."""


def _number(text: str) -> int | float:
    found = Decimal(text)
    return int(found) if found == found.to_integral_value() else float(found)
