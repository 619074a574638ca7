"""The statements that reach a test's database, and how the database carries them out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from app.database import BoundDatabase, Database

Statements = list[tuple[str, Any]]


@contextmanager
def noted(database: Database) -> Iterator[Statements]:
    """The statements that reach the database meanwhile, each with its parameters."""
    bound = database._connection if isinstance(database, BoundDatabase) else None
    statements: Statements = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        # Each session of a bound database is a savepoint, and none elsewhere.
        if bound is None or not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            statements.append((statement, parameters))

    engine = database.engine.sync_engine if bound is None else bound.sync_connection
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def plan_of(database: Database, statement: str, parameters: Any) -> str:
    """How the database would carry out a statement if its tables were too large to be read whole."""
    assert isinstance(database, BoundDatabase)
    connection = database._connection
    if database.dialect == "postgresql":
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explained = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    else:
        explained = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return "\n".join(str(row[-1]) for row in explained)
