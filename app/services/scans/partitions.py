"""Months of scans on PostgreSQL: made ahead, so that none lands in the partition for all others."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

AHEAD = 3
"""Months: a worker may stand still for a quarter."""
PATIENCE = "500ms"
"""Attaching a month locks the partition for all others, and while it waits for that lock every scan waits
behind it. A long read may be in the way: then another run is better than a gate that stands still."""


async def ensure_partitions(session: AsyncSession, now: datetime, *, ahead: int = AHEAD) -> list[str]:
    """Makes the partitions for the month of `now` and `ahead` more; the names of those it made.

    Scans that had to go to the partition for all others are moved along. Does nothing on SQLite.
    Raises DBAPIError where somebody reads scans for longer than `PATIENCE`; nothing is changed then.
    """
    if session.get_bind().dialect.name != "postgresql":
        return []
    there = set(
        await session.scalars(
            text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'scans'::regclass")
        )
    )
    made: list[str] = []
    first = now.astimezone(UTC)
    for number in range(first.year * 12 + first.month - 1, first.year * 12 + first.month + ahead):
        start, end = _month(number), _month(number + 1)
        name = f"scans_y{start:%Y}m{start:%m}"
        if name not in there:
            if not made:
                await session.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
                # Held from before the move, so that no scan lands there between it and the attaching.
                await session.execute(text("LOCK TABLE scans_other IN ACCESS EXCLUSIVE MODE"))
            await _make(session, name, start, end)
            made.append(name)
    return made


async def _make(session: AsyncSession, name: str, start: datetime, end: datetime) -> None:
    bounds = f"'{start.isoformat()}'", f"'{end.isoformat()}'"
    stray = f"recorded_at >= {bounds[0]} AND recorded_at < {bounds[1]}"
    # Names and bounds are made above from numbers alone.
    move = (
        f"WITH moved AS (DELETE FROM scans_other WHERE {stray} RETURNING *)"  # noqa: S608
        f" INSERT INTO {name} SELECT * FROM moved"
    )
    for statement in (
        f"CREATE TABLE {name} (LIKE scans INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        move,
        f"ALTER TABLE scans ATTACH PARTITION {name} FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]})",
    ):
        await session.execute(text(statement))


def _month(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
