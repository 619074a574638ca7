"""What is common to the drivers: telling what they send, and what goes wrong, as SQLAlchemy would."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

Kinds = tuple[type[Exception], ...]


def announce(connection: AsyncConnection, statement: str, values: Sequence[Any]) -> None:
    """Whoever listens to what reaches the database hears of it as of any other statement."""
    sync = connection.sync_connection
    if sync is not None and (told := sync.dispatch.before_cursor_execute):
        told(sync, None, statement, tuple(values), None, False)  # noqa: FBT003 - as listeners take it


async def fail(
    connection: AsyncConnection, statement: str, error: BaseException, *, broken: Kinds, failed: Kinds
) -> None:
    """Raises what SQLAlchemy would, and parts with the connection where it would.

    `broken` are the driver's errors for constraints, `failed` all of its errors; of others it raises none.
    """
    if isinstance(error, broken):
        raise IntegrityError(statement, None, error) from error
    if isinstance(error, failed):
        raise DBAPIError(statement, None, error) from error
    if not isinstance(error, Exception):
        # The statement may still be under way, so nobody may be given this connection.
        await connection.invalidate(error)
