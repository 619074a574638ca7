"""Statements over columns, carried out by the PostgreSQL driver itself (ADR 0013)."""

from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import Connection, Dialect, Executable, Float, Insert, Select, Table
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_KEPT = "driver"
"""Where a session keeps its `Driver`."""

Processor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement in the words of the driver: made once, since making it costs more than carrying it out."""

    text: str
    binds: Sequence[tuple[str, Any, Processor | None]]
    """In the order of the text: name, value where none is given, and what makes a value one of the driver."""
    row: Processor
    """Makes a named tuple of what the driver returns of a row."""

    @classmethod
    def of(cls, statement: Executable, dialect: Dialect) -> Self | None:
        """The plan of `statement`; None for one whose text depends on its values."""
        if not isinstance(statement, Select | Insert):
            return None
        if isinstance(statement, Insert) and statement.select is None:
            return None  # its text depends on which columns are given
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what selects and inserts compile to
        names = compiled.positiontup or ()
        binds = [compiled.binds[name] for name in names]
        if compiled.post_compile_params or compiled.literal_execute_params or any(b.callable for b in binds):
            return None
        columns = statement.exported_columns
        read = [_reading(column.type, dialect) for column in columns]
        return cls(
            compiled.string,
            [
                (each.key, each.value, each.type.dialect_impl(dialect).bind_processor(dialect))
                for each in binds
            ],
            _reader(columns.keys(), read),
        )

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """What goes with the text, in its order."""
        values = []
        for name, default, process in self.binds:
            value = parameters.get(name, default)
            values.append(value if process is None else process(value))
        return values


def _reading(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """What makes a value of the driver one of ours."""
    if isinstance(kind, Float) and not kind.asdecimal:
        return None  # the driver's own; SQLAlchemy would want to see it before it says so
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _reader(names: Iterable[str | None], read: Sequence[Processor | None]) -> Processor:
    row: Any = namedtuple("Row", [name or "_" for name in names], rename=True)  # type: ignore[misc] # noqa: PYI024 - known only now
    if not any(read):
        return partial(tuple.__new__, row)

    def reader(record: Any) -> Any:
        return row._make(
            value if process is None else process(value) for value, process in zip(record, read, strict=True)
        )

    return reader


_plans: WeakKeyDictionary[Executable, Plan | None] = WeakKeyDictionary()
"""By statement, for as long as it is held by whoever made it once; None at the first sight of it."""


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver's own connection, within the transaction that a session has begun on it."""

    transaction: SessionTransaction
    connection: Connection
    raw: asyncpg.Connection

    def plan(self, statement: Executable) -> Plan | None:
        """How to carry `statement` out here; None where SQLAlchemy has to.

        A statement that is seen for the first time may never be seen again.
        """
        if statement not in _plans:
            _plans[statement] = None
            return None
        if (plan := _plans[statement]) is None:
            plan = _plans[statement] = Plan.of(statement, self.connection.dialect)
        return plan

    async def fetch(self, session: AsyncSession, plan: Plan, parameters: Mapping[str, Any]) -> list[Any]:
        """All rows; raises what SQLAlchemy would."""
        values = plan.values(parameters)
        self._announce(plan.text, values)
        async with self._as_sqlalchemy(session, plan.text):
            return list(map(plan.row, await self.raw.fetch(plan.text, *values)))

    async def copy(self, session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts `rows`, all of the same columns; raises what SQLAlchemy would."""
        names = list(rows[0])
        kinds = [table.c[name].type.dialect_impl(self.connection.dialect) for name in names]
        processors = [
            (name, kind.bind_processor(self.connection.dialect))
            for name, kind in zip(names, kinds, strict=True)
        ]
        records = [
            [row[name] if process is None else process(row[name]) for name, process in processors]
            for row in rows
        ]
        text = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
        self._announce(text, records)
        async with self._as_sqlalchemy(session, text):
            await self.raw.copy_records_to_table(table.name, records=records, columns=names)

    def _announce(self, statement: str, values: Sequence[Any]) -> None:
        """Whoever listens to what reaches the database hears of it as of any other statement."""
        self.connection.dispatch.before_cursor_execute(
            self.connection,
            None,
            statement,
            tuple(values),
            None,
            False,  # noqa: FBT003 - as listeners take it
        )

    @asynccontextmanager
    async def _as_sqlalchemy(self, session: AsyncSession, statement: str) -> AsyncIterator[None]:
        """Raises what SQLAlchemy would, and parts with the connection where it would."""
        try:
            yield
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(statement, None, error) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DBAPIError(statement, None, error) from error
        except Exception:
            raise
        except BaseException as given_up:
            # The statement may still be under way, so nobody may be given this connection.
            await (await session.connection()).invalidate(given_up)
            raise


def keep_driver(session: Session) -> None:
    """Notes the driver's connection of a session on PostgreSQL, whose transaction has begun on it."""
    transaction, connection = session.get_transaction(), session.connection()
    raw = connection.connection.driver_connection
    if transaction is not None and isinstance(raw, asyncpg.Connection) and raw.is_in_transaction():
        session.info[_KEPT] = Driver(transaction, connection, raw)


def driver_of(session: AsyncSession) -> Driver | None:
    """The driver's connection, where the transaction under way is the one that it was noted for."""
    driver: Driver | None = session.info.get(_KEPT)
    if driver is None or session.sync_session.get_transaction() is not driver.transaction:
        return None
    return driver
