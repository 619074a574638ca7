"""Blocks: made and lifted by property managers, appealed against by couriers, decided by the union."""

from typing import Annotated

from fastapi import APIRouter, status

from app.api.body import JsonRoute
from app.api.dependencies import AcceptLanguage, ReadWork, WriteWork, reading, writing
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.blocks import (
    AppealDecision,
    AppealMadeAgainst,
    BlockAppeal,
    BlockAppeals,
    CompoundBlock,
    CompoundBlocks,
    NewBlock,
    OwnBlock,
    OwnBlocks,
)
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, Unauthenticated
from app.language import preferred
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, read_cursor
from app.services.blocks import appeals, register
from app.services.blocks.errors import (
    AlreadyBlocked,
    AppealDecided,
    AppealMade,
    BlockOver,
    BlockRefuted,
    BlockTermUnfit,
    NoAppeal,
    OwnAppeal,
)
from app.work import Work

router = APIRouter(prefix="/v1", tags=["blocks"], route_class=JsonRoute)

ManagerReading = Annotated[Work, reading(Role.property_manager)]
ManagerWriting = Annotated[Work, writing(Role.property_manager)]
ReviewerReading = Annotated[Work, reading(Role.reviewer)]
ReviewerWriting = Annotated[Work, writing(Role.reviewer)]


@router.post(
    "/compounds/{compound_id}/blocks",
    operation_id="blocks_make",
    summary="Block a courier · 禁止入内",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, BlockTermUnfit, BlockRefuted, AlreadyBlocked, body=True
    ),
)
async def make_block(
    compound_id: Id, body: NewBlock, work: ManagerWriting, accept_language: AcceptLanguage = None
) -> CompoundBlock:
    """Lets the courier of an entry in no more until the block ends. The courier is told and may appeal.

    For property managers of the compound.
    """
    made = await register.make_block(
        work, compound_id=compound_id, entry_id=body.entry_id, reason=body.reason, until=body.until
    )
    return CompoundBlock.of(made, preferred(accept_language))


@router.get(
    "/compounds/{compound_id}/blocks",
    operation_id="blocks_list",
    summary="Blocks of a compound · 小区禁入名单",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_blocks(
    compound_id: Id,
    work: ManagerReading,
    *,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
    accept_language: AcceptLanguage = None,
) -> CompoundBlocks:
    """All blocks, those that are over included, newest first; identities are those that guards saw.

    For property managers of the compound.
    """
    page = await register.list_blocks(work, compound_id=compound_id, before=read_cursor(cursor), limit=limit)
    language = preferred(accept_language)
    items = [CompoundBlock.of(found, language) for found in page.items]
    return CompoundBlocks(items=items, next_cursor=page.next_cursor)


@router.delete(
    "/compounds/{compound_id}/blocks/{block_id}",
    operation_id="blocks_lift",
    summary="Lift a block · 解除禁入",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def lift_block(compound_id: Id, block_id: Id, work: ManagerWriting) -> None:
    """Lets the courier in again at once; the block stays on record. Again changes nothing.

    For property managers of the compound.
    """
    await register.lift_block(work, compound_id=compound_id, block_id=block_id)


@router.get(
    "/couriers/me/blocks",
    operation_id="blocks_list_own",
    summary="Own blocks · 我的禁入记录",
    responses=problem_responses(Unauthenticated),
)
async def list_own(work: ReadWork, *, cursor: Cursor = None, limit: Limit = PAGE_SIZE) -> OwnBlocks:
    """Where the signed-in courier is or was not let in, why and until when. For couriers."""
    page = await appeals.own_blocks(work, before=read_cursor(cursor), limit=limit)
    return OwnBlocks(items=[OwnBlock.of(found) for found in page.items], next_cursor=page.next_cursor)


@router.put(
    "/couriers/me/blocks/{block_id}/appeal",
    operation_id="blocks_appeal",
    summary="Appeal against a block · 对禁入提出申诉",
    responses=problem_responses(Unauthenticated, NotFound, BlockOver, AppealMade, body=True),
)
async def appeal(block_id: Id, body: AppealMadeAgainst, work: WriteWork) -> OwnBlock:
    """Asks the union to look at a block; once. The block holds until somebody has decided. For couriers."""
    return OwnBlock.of(await appeals.appeal(work, block_id=block_id, text=body.text))


@router.get(
    "/block-appeals",
    operation_id="blocks_list_appeals",
    summary="Appeals that wait · 待处理的禁入申诉",
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_appeals(
    work: ReviewerReading,
    *,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
    accept_language: AcceptLanguage = None,
) -> BlockAppeals:
    """Appeals that nobody has decided, against blocks that still hold. For reviewers."""
    page = await appeals.list_appeals(work, after=read_cursor(cursor), limit=limit)
    language = preferred(accept_language)
    items = [BlockAppeal.of(found, language) for found in page.items]
    return BlockAppeals(items=items, next_cursor=page.next_cursor)


@router.put(
    "/block-appeals/{block_id}/decision",
    operation_id="blocks_decide",
    summary="Decide an appeal · 决定禁入申诉",
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, NoAppeal, OwnAppeal, AppealDecided, BlockOver, body=True
    ),
)
async def decide(
    block_id: Id, body: AppealDecision, work: ReviewerWriting, accept_language: AcceptLanguage = None
) -> BlockAppeal:
    """Lets a block stand or lifts it at once, and tells the courier. The first decision stands.

    For reviewers.
    """
    decided = await appeals.decide_appeal(work, block_id=block_id, uphold=body.uphold, reason=body.reason)
    return BlockAppeal.of(decided, preferred(accept_language))
