"""Statements over lists of any length: the same text for one row as for three hundred.

PostgreSQL gets each column of a list as one array, so that a statement is prepared once; written out
row by row it would be parsed and planned anew for every length. SQLite, which parses in microseconds
and has no arrays, gets the rows written out.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    Table,
    any_,
    bindparam,
    case,
    column,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import fetch
from app.drivers import driver_of
from app.models import Base


def dialect_of(session: AsyncSession) -> str:
    """`postgresql` or `sqlite`."""
    return session.get_bind().dialect.name


def table_of(model: type[Base]) -> Table:
    """The table of a model, for statements that make no objects."""
    return cast("Table", model.__table__)


def is_listed(columns: Sequence[Any], name: str, dialect: str) -> ColumnElement[bool]:
    """The condition that `columns` together are one of the rows given as `listed(name, ...)`."""
    if dialect != "postgresql":
        return (columns[0] if len(columns) == 1 else tuple_(*columns)).in_(bindparam(name, expanding=True))
    arrays = [bindparam(f"{name}_{number}", type_=ARRAY(each.type)) for number, each in enumerate(columns)]
    if len(columns) == 1:
        matches: ColumnElement[bool] = columns[0] == any_(arrays[0])
        return matches
    named = [column(f"c{number}", each.type) for number, each in enumerate(columns)]
    rows = func.unnest(*arrays).table_valued(*named).render_derived()
    return tuple_(*columns).in_(select(*rows.c))


def listed(name: str, rows: Sequence[tuple[Any, ...]], dialect: str) -> dict[str, Any]:
    """The parameters of `is_listed`: `rows`, each a tuple of as many values as there are columns."""
    if dialect == "postgresql":
        return {f"{name}_{number}": list(values) for number, values in enumerate(zip(*rows, strict=True))}
    return {name: [row[0] for row in rows] if rows and len(rows[0]) == 1 else list(rows)}


async def insert_rows(session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts `rows`, all of the same columns, in one statement."""
    await driver_of(session).insert(table, rows)


async def insert_fresh(
    session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Any]:
    """Inserts those of `rows` that no unique constraint forbids; the primary keys of these, in any order."""
    dialect = dialect_of(session)
    return await fetch(session, _insertion(table, tuple(rows[0]), dialect), _parameters(rows, dialect))


async def insert_latest(
    session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]], *, by: str
) -> None:
    """Inserts `rows`; one whose primary key is taken replaces what is there if its `by` is not earlier."""
    dialect = dialect_of(session)
    await fetch(session, _replacement(table, tuple(rows[0]), by, dialect), _parameters(rows, dialect))


async def add_up(
    session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]], *, total: str, until: str
) -> Sequence[Any]:
    """Inserts `rows`, each of another primary key; where one is taken, its `total` is added to what is there.

    A row whose `until` is later than the one that is there begins it anew, with its own `total` and `until`.
    Returns all primary keys with their totals, in any order.
    """
    dialect = dialect_of(session)
    statement = _addition(table, tuple(rows[0]), total, until, dialect)
    return await fetch(session, statement, _parameters(rows, dialect))


@cache
def _addition(table: Table, names: tuple[str, ...], total: str, until: str, dialect: str) -> Insert:
    statement = _given(table, names, dialect)
    given, there = statement.excluded, table.c
    anew = given[until] > there[until]
    added: Insert = statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={
            total: case((anew, given[total]), else_=there[total] + given[total]),
            until: case((anew, given[until]), else_=there[until]),
        },
    )
    return added.returning(*table.primary_key, there[total])


@cache
def _replacement(table: Table, names: tuple[str, ...], by: str, dialect: str) -> Insert:
    statement = _given(table, names, dialect)
    keys = {column.name for column in table.primary_key}
    replaced: Insert = statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: statement.excluded[name] for name in names if name not in keys},
        where=table.c[by] <= statement.excluded[by],
    )
    return replaced


@cache
def _insertion(table: Table, names: tuple[str, ...], dialect: str) -> Insert:
    fresh: Insert = _given(table, names, dialect).on_conflict_do_nothing()
    return fresh.returning(*table.primary_key)


def _given(table: Table, names: tuple[str, ...], dialect: str) -> Any:
    """An insertion of the rows that it is given."""
    if dialect == "postgresql":
        rows = _unnested(table, names)
        return postgresql.insert(table).from_select(names, rows, include_defaults=False)
    return sqlite.insert(table).values(_bound(table, names))


def _bound(table: Table, names: Sequence[str]) -> dict[str, Any]:
    """The values of the row that SQLite is given one after the other."""
    return {name: bindparam(name, type_=table.c[name].type) for name in names}


def _unnested(table: Table, names: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """The rows that PostgreSQL gets as one array a column."""
    arrays = [bindparam(name, type_=ARRAY(table.c[name].type)) for name in names]
    columns = [column(name, table.c[name].type) for name in names]
    return select(*func.unnest(*arrays).table_valued(*columns).render_derived().c)


def _parameters(rows: Sequence[Mapping[str, Any]], dialect: str) -> Any:
    if dialect == "postgresql":
        return {name: [row[name] for row in rows] for name in rows[0]}
    return rows
