"""One of everything that the API names by id, around one gate and one courier."""

from dataclasses import replace
from uuid import UUID

import httpx
from sqlalchemy import select

from app.ids import new_id
from app.models.accounts import Account, AccountKind, Grant, Role
from app.models.couriers import Affiliation
from app.models.gate_rules import WhenOffline
from app.models.notices import Notice, NoticeKind
from app.models.reviews import Review, ReviewKind, ReviewState
from app.models.rosters import Roster
from app.models.scans import Difference
from app.runtime import Runtime
from app.services.accounts.invitations import invite
from app.services.accounts.sign_ins import open_sign_in
from app.services.gate_rules.versions import change_rules
from app.work import Actor, begin_work
from tests.factories.accounts import EVERYWHERE, make_account, within_compound
from tests.factories.blocks import appeal_against, block_courier
from tests.factories.scans import WorkingCourier, WorkingGate, mint


async def belongings(
    runtime: Runtime, client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> dict[str, UUID]:
    """The ids of one thing of every kind, by the name that paths and bodies give it; committed."""
    (code,) = await mint(client, courier)
    entry = (await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)).json()
    checked = gate.scan(code)
    assert (await client.post("/v1/scans", json=checked, headers=gate.guard)).json()["verdict"] == "check"
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        affiliation = await work.session.scalar(
            select(Affiliation).where(Affiliation.courier_id == courier.courier.id)
        )
        assert affiliation is not None
        account = await work.session.get_one(Account, courier.courier.account_id)
        staff = await make_account(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])
        ids = {name: new_id() for name in ("notice_id", "review_id", "roster_id")}
        work.session.add_all(
            [
                Notice(
                    id=ids["notice_id"],
                    account_id=account.id,
                    kind=next(iter(NoticeKind)),
                    created_at=work.now,
                ),
                Review(
                    id=ids["review_id"],
                    kind=ReviewKind.verification,
                    state=ReviewState.open,
                    courier_id=courier.courier.id,
                    account_id=account.id,
                    reasons=[],
                    opened_at=work.now,
                ),
                Roster(
                    id=ids["roster_id"],
                    employer_id=affiliation.employer_id,
                    delivered_at=work.now,
                    content_digest=bytes(32),
                    **dict.fromkeys(
                        ("rows", "added", "changed", "returned", "unchanged", "refused", "verified"), 0
                    ),
                ),
            ]
        )
        manager = Actor(
            "wechat", account.id, grants=((Role.property_manager, within_compound(gate.compound_id)),)
        )
        offer, _ = await invite(
            replace(work, actor=manager), role=Role.guard, scope=within_compound(gate.compound_id)
        )
        await change_rules(
            replace(work, actor=manager),
            compound_id=gate.compound_id,
            based_on=0,
            clauses=[],
            when_offline=WhenOffline.deny,
            note="第一版",
        )
        noted = Difference(
            id=new_id(),
            scan=UUID(entry["id"]),
            reason="doubtful",
            recorded_at=work.now,
            gate_id=gate.gate_id,
            noted_at=work.now,
        )
        work.session.add(noted)
        block_id = await block_courier(work, gate=gate, entry_id=UUID(entry["id"]))
        await appeal_against(work, courier=courier, block_id=block_id)
        grant = (
            await work.session.scalars(select(Grant).where(Grant.scope_id == str(gate.compound_id)))
        ).first()
        assert grant is not None
        own = await open_sign_in(work, account=account, client="tests")
        return ids | {
            "sign_in_id": own.sign_in_id,
            "account_id": staff.id,
            "grant_id": grant.id,
            "invitation_id": offer.id,
            "employer_id": affiliation.employer_id,
            "compound_id": gate.compound_id,
            "gate_id": gate.gate_id,
            "device_id": gate.device_id,
            "enrolment_id": gate.enrolment_id,
            "enrolment": gate.enrolment_id,
            "scan_id": UUID(checked["scan_id"]),
            "affiliation_id": affiliation.id,
            "courier_id": courier.courier.id,
            "entry_id": UUID(entry["id"]),
            "block_id": block_id,
            "difference_id": noted.id,
        }
