"""The database: SQLite or PostgreSQL by one setting, with the same promises on both."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Executable, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import AsyncAdaptedQueuePool
from typing_extensions import override

from app.drivers import Driver, driver_of, keep_driver
from app.drivers import postgresql as postgresql_driver
from app.drivers import sqlite as sqlite_driver
from app.errors import Unavailable

BUSY_SECONDS = 10
"""How long a SQLite writer waits for another process's transaction before it gives up."""
POOL_SECONDS = 5
"""How long a request waits for a connection before it is answered 503."""
CHECKPOINT_PAGES = 10_000
"""Pages that SQLite's log gathers before they go where they belong: 40 MB. A list of scans changes hundreds,
mostly the same ones as the list before; at SQLite's own 1,000 a fifth of a scan was writing them twice.
"""
CACHE_KIBIBYTES = 16_384
"""Pages that SQLite's writer keeps at hand."""
STATEMENT_SECONDS = 15
"""For a statement of a command; one that takes longer has lost its index or its lock."""
REQUEST_STATEMENT_SECONDS = 3
"""For a statement of a request, which takes milliseconds. A connection that fell silent for good, as behind
a router that lost its memory, is given up with it, and so the gate is back within five.
"""
PARTING_SECONDS = 1
"""How long a server may take to say farewell to a connection."""
RETRY_SECONDS = 1
"""What Retry-After says when the database is away: it is mostly back at once."""

BEGIN_WRITING = "BEGIN IMMEDIATE"
"""SQLite's write lock taken at once; a transaction that began by reading could not wait for it later."""

_SQLITE_AWAY = ("database is locked", "unable to open", "disk I/O", "database or disk is full")
_GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # given up by the server, and not seen closed yet
    asyncpg.OperatorInterventionError,  # shut down, restarted, or a statement cut off at its limit
    asyncpg.InsufficientResourcesError,  # no connection, memory or disk left
)


OpenedT = TypeVar("OpenedT", AsyncConnection, AsyncSession)


class SchemaBehind(Exception):
    """The database's schema is not the one this release was written for."""

    def __init__(self, found: str | None, wanted: str) -> None:
        self.found = found
        self.wanted = wanted
        super().__init__(f"the schema is at {found or 'nothing'}, not at {wanted}: run `huixin migrate`")


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the database cannot be reached, rather than that the statement was wrong."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, DBAPIError):
        cause = error.orig
        return (
            error.connection_invalidated
            or isinstance(getattr(cause, "__cause__", None), _GONE)
            or (cause is not None and is_away(cause))
        )
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(_SQLITE_AWAY)
    return isinstance(error, _GONE)


class Database:
    """Sessions on one database: those that write are one transaction each."""

    _closed = False
    """Here, since `BoundDatabase` begins otherwise."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        statement_seconds: int = STATEMENT_SECONDS,
        must_exist: bool = False,
    ) -> None:
        """With `must_exist` a file of SQLite's that is not there is an absent database, and not a new one."""
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        """`sqlite` or `postgresql`."""
        if self.dialect == "sqlite":
            file = Path(parsed.database) if parsed.database and parsed.database != ":memory:" else None
            if file is not None and not must_exist:
                file.parent.mkdir(parents=True, exist_ok=True)
            wanted = file if must_exist else None
            # One more than wanted: the loop keeps one (see `_reader`).
            self._reading = _sqlite_engine(url, pool_size=pool_size + 1, write=False, wanted=wanted)
            # One writer a process: the others queue in the pool, in order, instead of polling the lock.
            self._engine = self._writing = _sqlite_engine(url, pool_size=1, write=True, wanted=wanted)
            self._shared: sqlite_driver.SqliteDriver | None = None
            self._opening = asyncio.Lock()
        else:
            self._engine = create_async_engine(
                url,
                pool_size=pool_size,
                max_overflow=0,
                pool_timeout=POOL_SECONDS,
                pool_pre_ping=False,
                pool_use_lifo=True,
                pool_reset_on_return=None,  # every transaction is ended by who began it
                connect_args={
                    "timeout": POOL_SECONDS,
                    "command_timeout": statement_seconds,
                    "server_settings": {
                        "application_name": "huixin",
                        "statement_timeout": f"{statement_seconds}s",
                        "idle_in_transaction_session_timeout": f"{2 * statement_seconds}s",
                    },
                },
            )
            # `session()` begins and ends transactions by the driver, so SQLAlchemy must not.
            self._reading = self._writing = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def engine(self) -> AsyncEngine:
        """The engine that writes."""
        return self._engine

    @asynccontextmanager
    async def session(self, *, write: bool = True) -> AsyncIterator[AsyncSession]:
        """One transaction where it writes: committed when the block ends, rolled back when it raises.

        On SQLite a writing session takes the write lock at its start (BEGIN IMMEDIATE), so nothing
        that it reads can change before it writes. Never open a second writing session inside one.
        Without `write` there is no transaction: each statement sees what was committed when it began, as
        it would in one of PostgreSQL's (READ COMMITTED), and beginning and ending it cost as much as two.
        Raises Unavailable where the database is away, or closed; what was not committed is gone.
        """
        if self._closed:
            raise Unavailable(retry_after=RETRY_SECONDS)
        try:
            async with self._begun(write=write) as session:
                yield session
        except (DBAPIError, PoolTimeout, OSError, sqlite3.Error, *postgresql_driver.ERRORS) as error:
            if is_away(error):
                raise Unavailable(retry_after=RETRY_SECONDS) from error
            raise

    @asynccontextmanager
    async def _begun(self, *, write: bool) -> AsyncIterator[AsyncSession]:
        if not write:
            async with self._read() as session:
                yield session
                _require_unwritten(session)
            return
        async with (
            _connected(self._writing) as connection,
            self._transaction(connection) as driver,
            _session_on(connection) as session,
            session.begin(),
        ):
            keep_driver(session, driver)
            yield session

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncSession]:
        if self.dialect == "sqlite":
            # SQLAlchemy takes a connection only where a statement is left to it.
            session = _new_session(self._reading)
            keep_driver(session, await self._reader())
            try:
                yield session
            finally:
                # One that SQLAlchemy was left nothing holds nothing, so there is nothing to close.
                if session.in_transaction():
                    await session.__aexit__(None, None, None)
            return
        async with _connected(self._reading) as connection, _session_on(connection) as session:
            keep_driver(session, await _driver_on(connection))
            try:
                yield session
            except TimeoutError as error:
                await connection.invalidate(error)  # the statement may still be under way
                raise

    async def _reader(self) -> Driver:
        """The one connection on which the event loop asks SQLite for all who read.

        A statement has given all its rows before the next begins, so it serves any number of sessions.
        """
        if self._shared is None or self._shared.connection.invalidated:
            async with self._opening:
                if self._shared is None or self._shared.connection.invalidated:
                    self._shared = await sqlite_driver.driver_on(await self._reading.connect())
        return self._shared

    def _transaction(self, connection: AsyncConnection) -> AbstractAsyncContextManager[Driver]:
        if self.dialect == "sqlite":
            return sqlite_driver.transaction_of(connection, BEGIN_WRITING)
        return postgresql_driver.transaction_of(connection)

    async def revision(self) -> str | None:
        """The migration that the schema is at, or None where there is no schema."""
        async with self.session(write=False) as session:
            connection = await session.connection()
            if not await connection.run_sync(lambda sync: sync.dialect.has_table(sync, "alembic_version")):
                return None
            found: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return found

    async def require_schema(self, head: str) -> None:
        """Raises SchemaBehind unless the schema is at `head`."""
        found = await self.revision()
        if found != head:
            raise SchemaBehind(found, head)

    async def close(self) -> None:
        """Closes all connections for good; one that has fallen silent is given up after a second."""
        self._closed = True
        await _dispose(self._engine)
        if self.dialect == "sqlite":
            if self._shared is not None:
                await self._shared.connection.close()
                self._shared = None
            await _dispose(self._reading)


class BoundDatabase(Database):
    """A database whose sessions all live in one given connection, each in a savepoint: for tests."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.dialect = connection.dialect.name
        self._connection = connection

    @override
    @asynccontextmanager
    async def _begun(self, *, write: bool) -> AsyncIterator[AsyncSession]:
        async with (
            AsyncSession(
                self._connection,
                expire_on_commit=False,
                autoflush=False,
                join_transaction_mode="create_savepoint",
            ) as session,
            session.begin(),
        ):
            await session.connection()  # sets the savepoint
            keep_driver(session, await _driver_on(self._connection))
            yield session
            if not write:
                _require_unwritten(session)

    @override
    async def close(self) -> None:
        """The connection belongs to whoever gave it."""


def insert_into(session: AsyncSession, table: Any) -> postgresql.Insert | sqlite.Insert:
    """An INSERT into a table or model that may say what to do on a conflict, as both databases spell it."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with _closing(await engine.connect()) as connection:
        yield connection
    # Who waits for it comes first: it is woken only now, and who asked again at once would be quicker.
    await asyncio.sleep(0)


def _session_on(connection: AsyncConnection) -> AbstractAsyncContextManager[AsyncSession]:
    return _closing(_new_session(connection))


def _new_session(bind: AsyncConnection | AsyncEngine) -> AsyncSession:
    return AsyncSession(bind, expire_on_commit=False, autoflush=False)


@asynccontextmanager
async def _closing(opened: OpenedT) -> AsyncIterator[OpenedT]:
    """Closes it at the end: where there is a transaction to end as SQLAlchemy does, whoever gives up waiting.

    Where there is none nothing is waited for, and SQLAlchemy's task for it would cost as much as a statement.
    """
    try:
        yield opened
    finally:
        if opened.in_transaction():
            await opened.__aexit__(None, None, None)
        else:
            await opened.close()


async def _dispose(engine: AsyncEngine) -> None:
    closed = False
    while not closed:
        # What is cut off is the farewell to one connection; the others are still to be closed.
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTING_SECONDS):
                await engine.dispose()
                closed = True


def _require_unwritten(session: AsyncSession) -> None:
    """Raises RuntimeError where a session that only reads has changed something, which would be lost."""
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("a session that only reads was written to")


async def _driver_on(connection: AsyncConnection) -> Driver:
    if connection.dialect.name == "sqlite":
        return await sqlite_driver.driver_on(connection)
    return await postgresql_driver.driver_on(connection)


def _sqlite_engine(url: str, *, pool_size: int, write: bool, wanted: Path | None) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_use_lifo=True,  # the pages that one connection has at hand serve the next request
        pool_reset_on_return=None,  # every transaction is ended by who began it
        connect_args={
            "timeout": BUSY_SECONDS,
            "check_same_thread": False,
        },  # the loop asks them too (ADR 0014)
    )

    if wanted is not None:

        @event.listens_for(engine.sync_engine, "do_connect")
        def _require_file(*_: object) -> None:
            if not wanted.exists():
                raise sqlite3.OperationalError("unable to open database file")  # as SQLite says of a folder

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        if write:
            cursor.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        else:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    if write:

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            if not connection.connection.driver_connection.in_transaction:  # see `session()`
                connection.exec_driver_sql(BEGIN_WRITING)

    return engine


async def fetch(session: AsyncSession, statement: Executable, parameters: Any = None) -> Sequence[Any]:
    """All rows of a statement over columns, past the ORM, which would add half again to its cost.

    Make the statement once: it then goes past SQLAlchemy too (ADR 0013). On SQLite the event loop carries
    it out (ADR 0014), so whatever goes over more than some hundred rows is not for here.
    """
    rows = await driver_of(session).fetch(statement, parameters or {})
    return await session.run_sync(_fetch, statement, parameters) if rows is None else rows


def _fetch(session: Session, statement: Executable, parameters: Any) -> Sequence[Any]:
    result = session.connection().execute(statement, parameters)
    return result.all() if result.returns_rows else ()
