"""Blocks of couriers and appeals against them, through the services and the API that make them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from app.ids import new_id
from app.models.accounts import AccountKind, Role
from app.models.audit import AuditRecord
from app.models.notices import Notice
from app.runtime import Runtime
from app.services.blocks.appeals import appeal
from app.services.blocks.live import is_blocked, load_blocks
from app.services.blocks.register import make_block
from app.work import Actor, Work
from tests.factories.accounts import signed_in, within_compound
from tests.factories.scans import WorkingCourier, WorkingGate, mint
from tests.factories.work import seeding

Headers = dict[str, str]

IN_A_MONTH = "2026-06-10T04:00:00.000000Z"


async def block_courier(
    work: Work, *, gate: WorkingGate, entry_id: UUID, term: timedelta = timedelta(days=30)
) -> UUID:
    """The id of a block of the courier of an entry at `gate`, by some property manager there."""
    grants = ((Role.property_manager, within_compound(gate.compound_id)),)
    made = await make_block(
        replace(work, actor=Actor("wechat", new_id(), grants=grants)),
        compound_id=gate.compound_id,
        entry_id=entry_id,
        reason="多次在楼道内骑行",
        until=work.now + term,
    )
    return made.id


async def appeal_against(
    work: Work, *, courier: WorkingCourier, block_id: UUID, text: str = "当天骑行的不是我"
) -> None:
    """The courier's appeal against a block."""
    own = Actor("wechat", courier.courier.account_id)
    await appeal(replace(work, actor=own), block_id=block_id, text=text)


async def manage(runtime: Runtime, gate: WorkingGate) -> Headers:
    """The headers of a fresh property manager of the gate's compound; committed."""
    async with seeding(runtime) as work:
        grants = [(Role.property_manager, within_compound(gate.compound_id))]
        return await signed_in(work, kind=AccountKind.wechat, grants=grants)


async def enter(client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier, **changed: Any) -> str:
    """The id of an entry of the courier."""
    (code,) = await mint(client, courier)
    answer = (await client.post("/v1/scans", json=gate.scan(code, **changed), headers=gate.guard)).json()
    assert answer["verdict"] == "admit", answer
    entry_id: str = answer["id"]
    return entry_id


def blocks_of(gate: WorkingGate) -> str:
    return f"/v1/compounds/{gate.compound_id}/blocks"


def naming(entry: str, **changed: Any) -> dict[str, Any]:
    """The body of a block of the courier of an entry."""
    return {"entry_id": entry, "reason": "多次在楼道内骑行", "until": IN_A_MONTH, **changed}


async def blocked(
    client: httpx.AsyncClient, gate: WorkingGate, manager: Headers, entry: str, **changed: Any
) -> str:
    """The id of a block that the manager made."""
    reply = await client.post(blocks_of(gate), json=naming(entry, **changed), headers=manager)
    assert reply.status_code == 201, reply.text
    block_id: str = reply.json()["id"]
    return block_id


async def holds(runtime: Runtime, gate: WorkingGate, courier: WorkingCourier) -> bool:
    """Whether the gate would see a block now."""
    pair = (gate.compound_id, courier.courier.id)
    async with runtime.database.session(write=False) as session:
        return is_blocked((await load_blocks(session, [pair])).get(pair, ()), runtime.clock())


async def kept(runtime: Runtime) -> tuple[list[str], list[str]]:
    """The actions on record about blocks, and the notices left, in their order."""
    async with runtime.database.session(write=False) as session:
        actions = await session.scalars(
            select(AuditRecord.action).where(AuditRecord.subject_kind == "block").order_by(AuditRecord.id)
        )
        told = await session.scalars(select(Notice.kind).order_by(Notice.id))
        return list(actions), list(told)
