"""Blocks as property managers keep them: making, listing, lifting."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select, update

from app.database import insert_into
from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Role
from app.models.blocks import Block
from app.models.compounds import Compound
from app.models.couriers import Card, Courier, Person
from app.models.notices import NoticeKind
from app.models.scans import Scan
from app.pagination import Page, page_of
from app.services import audit, notices
from app.services.blocks.errors import AlreadyBlocked, BlockRefuted, BlockTermUnfit
from app.services.compounds.sight import reach_compound
from app.services.couriers.cards import CardFace, open_card
from app.services.passages import passages
from app.work import Work

LONGEST = timedelta(days=365)
"""A block is no sentence: after a year it wants a new reason."""


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block with the masked identity that the guard saw."""

    block: Block
    compound: str
    """The compound's name."""
    card: CardFace | None
    """None where the person was erased."""
    live: bool

    @property
    def id(self) -> UUID:
        return self.block.id


async def make_block(
    work: Work, *, compound_id: UUID, entry_id: UUID, reason: str, until: datetime
) -> KnownBlock:
    """Blocks the courier of an entry at the compound, by its property manager; the courier is told.

    The manager names an entry since managers know nobody's id: one that their list of entries shows.
    Raises NotFound, BlockTermUnfit, BlockRefuted and AlreadyBlocked.
    """
    compound, _ = await reach_compound(work, Role.property_manager, compound_id=compound_id)
    if not work.now < until <= work.now + LONGEST:
        raise BlockTermUnfit(days=LONGEST.days)
    entry = await _find_entry(work, compound_id, entry_id)
    pair = and_(Block.compound_id == compound_id, Block.courier_id == entry.courier_id)
    # One that ran out is no longer the one of this pair.
    await work.session.execute(
        update(Block)
        .where(pair, Block.lifted_at.is_(None), Block.until <= work.now)
        .values(lifted_at=Block.until)
    )
    block_id = await work.session.scalar(
        insert_into(work.session, Block)
        .values(
            id=new_id(),
            compound_id=compound_id,
            courier_id=entry.courier_id,
            scan=entry_id,
            card_id=entry.card_id,
            reason=reason,
            made_at=work.now,
            made_by=work.actor.account_id,
            until=until,
        )
        .on_conflict_do_nothing()
        .returning(Block.id)
    )
    # Asked now, since inserting has waited for a decision about the block that stood in the way.
    settled = select(Block.id).where(pair, _settles(entry.happened_at))
    if await work.session.scalar(settled.limit(1)) is not None:
        raise BlockRefuted
    if block_id is None:
        raise AlreadyBlocked
    block = await work.session.get_one(Block, block_id)
    record(work, "blocks.made", block, reason=reason)
    await tell(work, block, NoticeKind.blocked, {"compound": compound.name})
    return await _known(work, block_id)


async def list_blocks(work: Work, *, compound_id: UUID, before: UUID | None, limit: int) -> Page[KnownBlock]:
    """All blocks of a compound, newest first, for its property managers; raises NotFound."""
    await reach_compound(work, Role.property_manager, compound_id=compound_id)
    query = known_blocks().where(Block.compound_id == compound_id).order_by(Block.id.desc())
    if before is not None:
        query = query.where(Block.id < before)
    rows = (await work.session.execute(query.limit(limit + 1))).all()
    return page_of([known(work, row) for row in rows], limit)


async def lift_block(work: Work, *, compound_id: UUID, block_id: UUID) -> None:
    """Ends a block at once, by the compound's property manager, and tells the courier.

    One that is over already stays as it is. Raises NotFound.
    """
    compound, _ = await reach_compound(work, Role.property_manager, compound_id=compound_id)
    block = await work.session.scalar(
        select(Block).where(Block.id == block_id, Block.compound_id == compound_id).with_for_update()
    )
    if block is None:
        raise NotFound
    if is_live(block, work.now):
        await end_block(work, block, compound=compound.name)
        record(work, "blocks.lifted", block)


async def end_block(work: Work, block: Block, *, compound: str) -> None:
    """Marks a block, which the caller has locked, as lifted now, and tells its courier."""
    block.lifted_at = work.now
    block.lifted_by = work.actor.account_id
    await tell(work, block, NoticeKind.block_lifted, {"compound": compound})


def is_live(block: Block, now: datetime) -> bool:
    """Whether a block holds at `now`."""
    return block.lifted_at is None and now < block.until


def record(work: Work, action: str, block: Block, *, reason: str | None = None) -> None:
    """Leaves the audit record of a change to a block."""
    audit.record(
        work,
        action,
        subject_kind="block",
        subject_id=block.id,
        reason=reason,
        details={"compound": str(block.compound_id), "courier": str(block.courier_id)},
    )


async def tell(work: Work, block: Block, kind: NoticeKind, details: dict[str, Any]) -> None:
    """Leaves a notice for the courier of a block, where there is an account to read it."""
    account_id = await work.session.scalar(select(Courier.account_id).where(Courier.id == block.courier_id))
    if account_id is not None:
        notices.tell(work, account_id, kind, {"block": str(block.id)} | details)


def known_blocks() -> Select[*tuple[Any, ...]]:
    """Blocks with what `known` needs, ready for conditions."""
    return (
        select(Block, Compound.name, Card.sealed, Person.id, Person.wrapped_key)
        .join(Compound, Compound.id == Block.compound_id)
        .join(Courier, Courier.id == Block.courier_id)
        .join(Person, Person.id == Courier.person_id)
        .outerjoin(Card, Card.id == Block.card_id)
        .execution_options(populate_existing=True)
    )


def known(work: Work, row: Row[*tuple[Any, ...]]) -> KnownBlock:
    """A row of `known_blocks`, its card opened."""
    block, compound, sealed, person_id, wrapped_key = row
    card = None
    if block.card_id and sealed and wrapped_key:
        card = open_card(work.vault, wrapped_key, person_id, block.card_id, sealed)
    return KnownBlock(block, compound, card, is_live(block, work.now))


async def _known(work: Work, block_id: UUID) -> KnownBlock:
    await work.session.flush()
    return known(work, (await work.session.execute(known_blocks().where(Block.id == block_id))).one())


def _settles(happened_at: datetime) -> ColumnElement[bool]:
    """Whether a block's appeal settled what happened then: it was granted since, or the manager gave way.

    Who could lift a block under appeal and make it again would never have to face a decision.
    """
    granted = and_(Block.upheld.is_(False), Block.decided_at >= happened_at)
    gave_way = and_(
        Block.appealed_at.is_not(None),
        Block.decided_at.is_(None),
        Block.lifted_by.is_not(None),
        Block.lifted_at >= happened_at,
    )
    return or_(granted, gave_way)


async def _find_entry(work: Work, compound_id: UUID, entry_id: UUID) -> Row[*tuple[Any, ...]]:
    """An entry of the compound with a courier of ours, as the list of entries shows them."""
    found = (
        await work.session.execute(
            passages(select(Scan.courier_id, Scan.card_id, Scan.happened_at)).where(
                Scan.id == entry_id,
                Scan.compound_id == compound_id,
                Scan.courier_id.is_not(None),
            )
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    return found
