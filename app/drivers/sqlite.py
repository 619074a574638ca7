"""SQLite past aiosqlite's thread, which is left what waits: the write lock and the disk (ADR 0014)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, Self
from uuid import UUID

import aiosqlite
from sqlalchemy import (
    Boolean,
    Dialect,
    Executable,
    Float,
    Insert,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    Uuid,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.sqltypes import TupleType
from sqlalchemy.types import TypeEngine

from app.drivers.connections import announce, fail
from app.drivers.plans import Parameters, Plans, Processor, Writer, compiled_of, row_reader, row_writer
from app.models.base import Instant

KEPT = 16_384
"""Ids and times kept as both are written: those of the gates and couriers of a day in a few megabytes."""


@dataclass(frozen=True, slots=True)
class _Bind:
    """One parameter of a text."""

    name: str
    default: Any
    """Where none is given."""
    process: Sequence[Processor | None]
    """What makes its values ones of the driver; of a list of tuples, for each place."""
    is_list: bool

    def places(self, count: int) -> str:
        """What stands in the text for a list of `count`; SQLite wants VALUES around tuples."""
        return ", ".join("?" * count) if len(self.process) == 1 else _rows(len(self.process), count)

    def values(self, value: Any) -> list[Any]:
        """What goes with the text."""
        if len(self.process) > 1:
            return [
                each if process is None else process(each)
                for row in value
                for process, each in zip(self.process, row, strict=True)
            ]
        process = self.process[0]
        values = value if self.is_list else [value]
        return list(values) if process is None else list(map(process, values))


@dataclass(frozen=True, slots=True)
class _Selection:
    parts: Sequence[str]
    """The text, parted where lists of any length stand, in their order."""
    binds: Sequence[_Bind]
    """In the order of the text."""
    row: Processor
    """Makes a named tuple of a row."""

    @classmethod
    def of(cls, statement: Select[Any], compiled: SQLCompiler, dialect: Dialect) -> Self:
        lists = {bind.key for bind in compiled.post_compile_params}
        parts, binds, text = [], [], compiled.string
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            binds.append(_Bind(bind.key, bind.value, _binding(bind.type, dialect), bind.key in lists))
            if bind.key in lists:
                part, _, text = text.partition(f"__[POSTCOMPILE_{name}]")
                parts.append(part)
        return cls([*parts, text], binds, _reader(statement, dialect))

    def filled(self, parameters: Parameters) -> tuple[str, list[Any]]:
        """The text for lists as long as the ones given, and what goes with it."""
        assert isinstance(parameters, Mapping)  # noqa: S101 - only insertions are given rows
        text, values, parts = self.parts[0], [], iter(self.parts[1:])
        for bind in self.binds:
            given = parameters.get(bind.name, bind.default)
            if bind.is_list:
                text += bind.places(len(given)) + next(parts)
            values += bind.values(given)
        return text, values


@dataclass(frozen=True, slots=True)
class _Insertion:
    """One that is given its rows as a list, and whose VALUES are its columns alone."""

    head: str
    tail: str
    width: int
    values: Writer
    row: Processor
    """Makes a named tuple of a row."""

    @classmethod
    def of(cls, statement: Insert, compiled: SQLCompiler, dialect: Dialect) -> Self | None:
        names = compiled.positiontup or ()
        head, found, tail = compiled.string.partition(_rows(len(names), 1))
        if not found or "?" in tail:
            return None
        columns = [(name, _binding(compiled.binds[name].type, dialect)[0]) for name in names]
        return cls(head, tail, len(columns), row_writer(columns), _reader(statement, dialect))

    def filled(self, parameters: Parameters) -> tuple[str, list[Any]]:
        """The text for as many rows as are given, and what goes with it."""
        assert not isinstance(parameters, Mapping)  # noqa: S101 - see `Parameters`
        text = self.head + _rows(self.width, len(parameters)) + self.tail
        return text, list(chain.from_iterable(map(self.values, parameters)))


def _rows(width: int, count: int) -> str:
    """The places of `count` rows or tuples."""
    return "VALUES " + ", ".join([f"({', '.join('?' * width)})"] * count)


def _plan(statement: Select[Any] | Insert, dialect: Dialect) -> _Selection | _Insertion | None:
    compiled = compiled_of(statement, dialect)
    if compiled is None:
        return None
    if isinstance(statement, Insert):
        return _Insertion.of(statement, compiled, dialect)
    return _Selection.of(statement, compiled, dialect)


_plans: Plans[_Selection | _Insertion] = Plans(_plan)


def _reader(statement: Select[Any] | Insert, dialect: Dialect) -> Processor:
    columns = statement.exported_columns
    return row_reader(columns.keys(), [_reading(column.type, dialect) for column in columns])


def _binding(kind: TypeEngine[Any], dialect: Dialect) -> Sequence[Processor | None]:
    """What makes values of ours ones of the driver; of a tuple, for each place."""
    if isinstance(kind, TupleType):
        return [_binding(each, dialect)[0] for each in kind.types]
    match kind:
        case Uuid():
            return [_hex_of]
        case Instant():
            return [_text_of]
        case String() | LargeBinary() | Integer() | Float() | Boolean():
            return [None]
        case _:
            return [kind.dialect_impl(dialect).bind_processor(dialect)]


def _reading(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """What makes a value of the driver one of ours."""
    match kind:
        case Uuid():
            return _uuid_of
        case Instant():
            return _moment_of
        case String() | LargeBinary() | Integer() | Float():
            return None
        case _:
            return kind.dialect_impl(dialect).result_processor(dialect, None)


# Half of what a list of scans cost on SQLite was ids and times, the same ones again and again.


def _hex_of(value: UUID | None) -> str | None:
    return None if value is None else f"{value.int:032x}"  # what `hex` is, without its call


@lru_cache(KEPT)
def _uuid_of(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


@lru_cache(KEPT)
def _text_of(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a zone reached the database")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@lru_cache(KEPT)
def _moment_of(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SqliteDriver:
    """SQLite's own connection."""

    connection: AsyncConnection
    raw: aiosqlite.Connection

    async def fetch(self, statement: Executable, parameters: Parameters) -> Sequence[Any] | None:
        """All rows, or None; see `Driver`."""
        plan = _plans.of(statement, self.connection.dialect)
        if plan is None:
            return None
        text, values = plan.filled(parameters)
        announce(self.connection, text, values)
        try:
            rows = list(map(plan.row, self._bare.execute(text, values)))
        except BaseException as error:
            await self._fail(text, error)
            raise
        await asyncio.sleep(0)  # others come in between two statements, as they would if this had waited
        return rows

    async def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts `rows`; see `Driver`."""
        text, write = _insertion(table, tuple(rows[0]), self.connection.dialect)
        values = list(map(write, rows))
        announce(self.connection, text, values)
        try:
            self._bare.executemany(text, values)
        except BaseException as error:
            await self._fail(text, error)
            raise
        await asyncio.sleep(0)

    @property
    def _bare(self) -> sqlite3.Connection:
        """The connection within aiosqlite's, handed to nobody; raises OperationalError once closed."""
        try:
            return self.raw._conn  # noqa: SLF001
        except ValueError:
            raise sqlite3.OperationalError("unable to open a closed database") from None

    async def _fail(self, statement: str, error: BaseException) -> None:
        await fail(
            self.connection, statement, error, broken=(sqlite3.IntegrityError,), failed=(sqlite3.Error,)
        )


@lru_cache
def _insertion(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, Writer]:
    text = f"INSERT INTO {table.name} ({', '.join(names)}) {_rows(len(names), 1)}"
    return text, row_writer((name, _binding(table.c[name].type, dialect)[0]) for name in names)


async def driver_on(connection: AsyncConnection) -> SqliteDriver:
    """The driver of a connection."""
    raw = (await connection.get_raw_connection()).driver_connection
    if not isinstance(raw, aiosqlite.Connection):
        raise TypeError(raw)
    return SqliteDriver(connection, raw)


@asynccontextmanager
async def transaction_of(connection: AsyncConnection, begin: str) -> AsyncIterator[SqliteDriver]:
    """A transaction that `begin` opens: committed when the block ends, rolled back when it raises.

    SQLAlchemy may have ended it before, with what it wrote itself. A connection of which it is not certain
    that the transaction has ended is given to nobody else.
    """
    driver = await driver_on(connection)
    try:
        await driver.raw.execute_fetchall(begin)
        yield driver
        await _end(driver, driver.raw.commit)
    except BaseException as error:
        await _roll_back(driver, error)
        raise


async def _end(driver: SqliteDriver, how: Callable[[], Any]) -> None:
    if driver.raw.in_transaction:
        await how()


async def _roll_back(driver: SqliteDriver, error: BaseException) -> None:
    ended = False
    try:
        if isinstance(error, Exception):
            await _end(driver, driver.raw.rollback)
            ended = True
    except (sqlite3.Error, ValueError):
        pass  # what came first is raised
    finally:
        if not ended:
            await driver.connection.invalidate(error)
