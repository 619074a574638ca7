"""Which couriers are blocked where: for all pairs of a list in one statement, as gates ask."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import fetch
from app.models.blocks import Block
from app.services.lists import dialect_of, is_listed, listed

Pair = tuple[UUID, UUID]
"""Compound and courier."""


@dataclass(frozen=True, slots=True)
class BlockTerm:
    """From when until before when a block holds."""

    block_id: UUID
    start: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it holds at `at`."""
        return self.start <= at < self.until


async def load_blocks(session: AsyncSession, pairs: Iterable[Pair]) -> dict[Pair, list[BlockTerm]]:
    """The blocks of each of `pairs`, the oldest first; a pair that never had one is missing.

    Those that are over come too, since a scan made offline is judged by its own time.
    """
    wanted = list(set(pairs))
    if not wanted:
        return {}
    dialect = dialect_of(session)
    blocks: dict[Pair, list[BlockTerm]] = {}
    for row in await fetch(session, _blocks(dialect), listed("pairs", wanted, dialect)):
        until = row.until if row.lifted_at is None else min(row.until, row.lifted_at)
        blocks.setdefault((row.compound_id, row.courier_id), []).append(BlockTerm(row.id, row.made_at, until))
    return blocks


def is_blocked(blocks: Iterable[BlockTerm], at: datetime) -> bool:
    """Whether one of a pair's `blocks` holds at `at`."""
    return any(block.holds(at) for block in blocks)


@cache
def _blocks(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(Block.id, Block.compound_id, Block.courier_id, Block.made_at, Block.until, Block.lifted_at)
        .where(is_listed([Block.compound_id, Block.courier_id], "pairs", dialect))
        .order_by(Block.id)
    )
