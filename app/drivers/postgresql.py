"""PostgreSQL by asyncpg itself."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import asyncpg
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
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from app.drivers.connections import announce, fail
from app.drivers.plans import Parameters, Plans, Processor, Writer, compiled_of, row_reader, row_writer
from app.models.base import Instant


@dataclass(frozen=True, slots=True)
class _Plan:
    text: str
    binds: Sequence[tuple[str, Any, Processor | None]]
    """In the order of the text: name, value where none is given, and what makes a value one of the driver."""
    row: Processor
    """Makes a named tuple of what the driver returns of a row."""

    @classmethod
    def of(cls, statement: Select[Any] | Insert, dialect: Dialect) -> Self | None:
        if isinstance(statement, Insert) and statement.select is None:
            return None  # its text depends on which columns are given
        compiled = compiled_of(statement, dialect)
        if compiled is None or compiled.post_compile_params:
            return None
        columns = statement.exported_columns
        return cls(
            compiled.string,
            [
                (bind.key, bind.value, _binding(bind.type, dialect))
                for bind in map(compiled.binds.__getitem__, compiled.positiontup or ())
            ],
            row_reader(columns.keys(), [_reading(column.type, dialect) for column in columns]),
        )

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """What goes with the text, in its order."""
        values = []
        for name, default, process in self.binds:
            value = parameters.get(name, default)
            values.append(value if process is None else process(value))
        return values


_plans = Plans(_Plan.of)

ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All errors of the driver.

The last is what it says of a connection that the server has given up, until it sees it closed.
"""


def _binding(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """What makes a value of ours one of the driver."""
    if _is_native(kind):
        return None
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reading(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """What makes a value of the driver one of ours."""
    if _is_native(kind):
        return None
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _is_native(kind: TypeEngine[Any]) -> bool:
    """Whether the driver takes and gives our values as they are.

    Its times are aware and in UTC, and it refuses one without a zone itself.
    """
    if isinstance(kind, ARRAY):
        return _is_native(kind.item_type)
    if isinstance(kind, Float):
        return not kind.asdecimal
    return isinstance(kind, Instant | Uuid | String | LargeBinary | Integer | Boolean)


@dataclass(frozen=True, slots=True)
class PostgresDriver:
    """asyncpg's own connection."""

    connection: AsyncConnection
    raw: asyncpg.Connection

    async def fetch(self, statement: Executable, parameters: Parameters) -> Sequence[Any] | None:
        """All rows, or None; see `Driver`."""
        plan = _plans.of(statement, self.connection.dialect)
        if plan is None or not isinstance(parameters, Mapping):
            return None
        values = plan.values(parameters)
        announce(self.connection, plan.text, values)
        try:
            return list(map(plan.row, await self.raw.fetch(plan.text, *values)))
        except BaseException as error:
            await self._fail(plan.text, error)
            raise

    async def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts `rows` by COPY; see `Driver`."""
        names = tuple(rows[0])
        records = list(map(_writer(table, names, self.connection.dialect), rows))
        text = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
        announce(self.connection, text, records)
        try:
            await self.raw.copy_records_to_table(table.name, records=records, columns=names)
        except BaseException as error:
            await self._fail(text, error)
            raise

    async def _fail(self, statement: str, error: BaseException) -> None:
        await fail(
            self.connection,
            statement,
            error,
            broken=(asyncpg.IntegrityConstraintViolationError,),
            failed=ERRORS,
        )


@lru_cache
def _writer(table: Table, names: tuple[str, ...], dialect: Dialect) -> Writer:
    return row_writer((name, _binding(table.c[name].type, dialect)) for name in names)


class NothingStored(RuntimeError):
    """PostgreSQL answers COMMIT of a transaction in which a statement failed with a mere ROLLBACK."""


async def driver_on(connection: AsyncConnection) -> PostgresDriver:
    """The driver of a connection."""
    raw = (await connection.get_raw_connection()).driver_connection
    if not isinstance(raw, asyncpg.Connection):
        raise TypeError(raw)
    return PostgresDriver(connection, raw)


@asynccontextmanager
async def transaction_of(connection: AsyncConnection) -> AsyncIterator[PostgresDriver]:
    """A transaction on a connection that SQLAlchemy takes for one without: committed when the block ends.

    A connection of which it is not certain that the transaction has ended is given to nobody else.
    Raises NothingStored where a statement had failed and whoever sent it went on all the same.
    """
    driver = await driver_on(connection)
    try:
        await driver.raw.execute("BEGIN")
        yield driver
        await _commit(driver)
    except BaseException as error:
        await _roll_back(driver, error)
        raise


async def _commit(driver: PostgresDriver) -> None:
    if await driver.raw.execute("COMMIT") != "COMMIT":
        raise NothingStored


async def _roll_back(driver: PostgresDriver, error: BaseException) -> None:
    ended = False
    try:
        # Who gave no answer in time is not asked again.
        if not driver.raw.is_closed() and not isinstance(error, TimeoutError):
            await driver.raw.execute("ROLLBACK")
            ended = True
    except (OSError, *ERRORS):
        pass  # what came first is raised
    finally:
        if not ended:
            await driver.connection.invalidate(error)
