"""Appeals: what a courier says against a block, and what the union's reviewers decide."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select

from app.errors import NotFound
from app.models.accounts import Role
from app.models.areas import Area
from app.models.blocks import Block
from app.models.compounds import Compound
from app.models.couriers import Courier, Person
from app.models.notices import NoticeKind
from app.pagination import Page, page_of
from app.services.blocks.errors import AppealDecided, AppealMade, BlockOver, NoAppeal, OwnAppeal
from app.services.blocks.register import KnownBlock, end_block, is_live, known, known_blocks, record, tell
from app.services.compounds.sight import reach_compound, within
from app.services.couriers.identity import key_of
from app.work import Work


@dataclass(frozen=True, slots=True)
class AppealedBlock:
    """A block with what the courier says against it."""

    known: KnownBlock
    appeal: str | None = field(repr=False)
    """None where there is no appeal, or the person was erased."""

    @property
    def id(self) -> UUID:
        return self.known.id


async def own_blocks(work: Work, *, before: UUID | None, limit: int) -> Page[AppealedBlock]:
    """The blocks of the signed-in courier, newest first. Empty for an account without a profile."""
    query = known_blocks().where(Courier.account_id == work.actor.account_id).order_by(Block.id.desc())
    if before is not None:
        query = query.where(Block.id < before)
    return await _page(work, query, limit)


async def appeal(work: Work, *, block_id: UUID, text: str) -> AppealedBlock:
    """Appeals against a live block of the signed-in courier, once; a reviewer of the union decides.

    The same words again change nothing. Raises NotFound, BlockOver and AppealMade.
    """
    row = (
        await work.session.execute(
            select(Block, Person)
            .join(Courier, Courier.id == Block.courier_id)
            .join(Person, Person.id == Courier.person_id)
            .where(Block.id == block_id, Courier.account_id == work.actor.account_id)
            # Appeals and decisions about one block take turns.
            .with_for_update(of=Block)
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    block, person = row
    key = key_of(work.vault, person)
    if block.appeal_sealed is not None:
        before = key.open_text(block.appeal_sealed, table="blocks", column="appeal_sealed", row=block.id)
        if before != text:
            raise AppealMade
        return await _read(work, block_id)
    if not is_live(block, work.now):
        raise BlockOver
    block.appeal_sealed = key.seal_text(text, table="blocks", column="appeal_sealed", row=block.id)
    block.appealed_at = work.now
    record(work, "blocks.appealed", block)
    return await _read(work, block_id)


async def list_appeals(work: Work, *, after: UUID | None, limit: int) -> Page[AppealedBlock]:
    """The appeals that wait for a decision, that against the oldest block first.

    For reviewers, of the compounds that their role reaches. Where the block has ended by itself
    meanwhile, there is nothing left to decide.
    """
    query = (
        known_blocks()
        .join(Area, Area.code == Compound.area_code)
        .where(
            Block.appealed_at.is_not(None),
            Block.decided_at.is_(None),
            Block.lifted_at.is_(None),
            Block.until > work.now,
            within(work.actor.scopes(Role.reviewer)),
        )
        .order_by(Block.id)
    )
    if after is not None:
        query = query.where(Block.id > after)
    return await _page(work, query, limit)


async def decide_appeal(work: Work, *, block_id: UUID, uphold: bool, reason: str) -> AppealedBlock:
    """Decides an appeal: the block stays, or is lifted at once. The courier is told either way.

    The first decision stands; the same by the same reviewer again changes nothing. Raises NotFound,
    NoAppeal, OwnAppeal, AppealDecided and BlockOver.
    """
    block = await work.session.scalar(select(Block).where(Block.id == block_id).with_for_update())
    if block is None:
        raise NotFound
    compound, _ = await reach_compound(work, Role.reviewer, compound_id=block.compound_id)
    if block.appealed_at is None:
        raise NoAppeal
    if work.actor.account_id in {block.made_by, await _account_of(work, block)} - {None}:
        raise OwnAppeal
    if block.decided_at is not None:
        if (block.decided_by, block.upheld, block.decision_reason) != (
            work.actor.account_id, uphold, reason,
        ):  # fmt: skip
            raise AppealDecided
        return await _read(work, block_id)
    if not is_live(block, work.now):
        raise BlockOver
    block.upheld = uphold
    block.decided_at = work.now
    block.decided_by = work.actor.account_id
    block.decision_reason = reason
    record(work, "blocks.upheld" if uphold else "blocks.appeal_granted", block, reason=reason)
    if uphold:
        await tell(work, block, NoticeKind.block_upheld, {"compound": compound.name})
    else:
        await end_block(work, block, compound=compound.name)
    return await _read(work, block_id)


async def _account_of(work: Work, block: Block) -> UUID | None:
    account_id: UUID | None = await work.session.scalar(
        select(Courier.account_id).where(Courier.id == block.courier_id)
    )
    return account_id


async def _read(work: Work, block_id: UUID) -> AppealedBlock:
    await work.session.flush()
    return _appealed(work, (await work.session.execute(known_blocks().where(Block.id == block_id))).one())


async def _page(work: Work, query: Select[*tuple[Any, ...]], limit: int) -> Page[AppealedBlock]:
    rows = (await work.session.execute(query.limit(limit + 1))).all()
    return page_of([_appealed(work, row) for row in rows], limit)


def _appealed(work: Work, row: Row[*tuple[Any, ...]]) -> AppealedBlock:
    found = known(work, row)
    block, person_id, wrapped_key = found.block, row[3], row[4]
    if block.appeal_sealed is None or wrapped_key is None:
        return AppealedBlock(found, None)
    key = work.vault.person_key(wrapped_key, person_id)
    return AppealedBlock(
        found, key.open_text(block.appeal_sealed, table="blocks", column="appeal_sealed", row=block.id)
    )
