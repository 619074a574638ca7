"""Statements over columns, carried out past SQLAlchemy (ADR 0013), on SQLite by the event loop (ADR 0014)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Executable, Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.drivers.plans import Parameters

_KEPT = "driver"
"""Where a session keeps its `Driver`."""


class Driver(Protocol):
    """The connection beneath SQLAlchemy's, within the transaction of a session that writes; of one that reads
    SQLite, the connection that all of these share (ADR 0014).
    """

    async def fetch(self, statement: Executable, parameters: Parameters) -> Sequence[Any] | None:
        """All rows as named tuples; None where SQLAlchemy has to carry `statement` out.

        It does so at the first sight of a statement, which may never be seen again, and where the text
        depends on what is given. Raises what SQLAlchemy would.
        """

    async def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts `rows`, all of the same columns; raises what SQLAlchemy would."""


def keep_driver(session: AsyncSession, driver: Driver) -> None:
    """Lets statements of `session` go by `driver`."""
    session.info[_KEPT] = driver


def driver_of(session: AsyncSession) -> Driver:
    """The driver by which statements of `session` go: every session of a `Database` has one."""
    driver: Driver = session.info[_KEPT]
    return driver
