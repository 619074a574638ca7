"""The portrait of who has no smartphone: taken at a desk, shown with the printed card, by nobody else."""

import asyncio
import io
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import select

from app.database import Database
from app.models.accounts import Role
from app.models.audit import AuditRecord
from app.models.couriers import Courier, CourierState
from app.models.employers import Employer
from app.runtime import Runtime
from app.services.couriers.portraits import DAILY_PHOTOS
from app.services.couriers.states import change_state
from app.settings import Settings
from tests.factories.couriers import employer_called, only_courier, staff
from tests.factories.desks import decide, open_reviews, register
from tests.factories.scans import bring_courier, open_gate
from tests.factories.work import seeding
from tests.processes import Process


@pytest.fixture
def settings(wechat_settings: Settings) -> Settings:
    return wechat_settings


async def photograph(client: httpx.AsyncClient, headers: dict[str, str], courier_id: UUID) -> tuple[int, str]:
    """What becomes of a photo taken at the desk: the status, and the code of a refusal."""
    drawn = io.BytesIO()
    Image.new("RGB", (300, 400), "#a06040").save(drawn, "PNG")
    reply = await client.put(
        f"/v1/couriers/assisted/{courier_id}/photo",
        content=drawn.getvalue() + bytes(100_000),  # as large as a phone's; what trails is dropped
        headers=headers | {"content-type": "image/png"},
    )
    return reply.status_code, reply.json()["code"] if reply.content else ""


async def verified(
    client: httpx.AsyncClient, runtime: Runtime, desk: dict[str, str], reviewer: dict[str, str]
) -> Courier:
    """A courier without an account, registered by one reviewer and verified by another."""
    await register(client, desk, await employer_called(runtime, "晨光速运"))
    (review,) = await open_reviews(client, desk)
    await decide(client, reviewer, review, approve=True)
    return await only_courier(runtime)


async def taken(database: Database, courier: Courier) -> Sequence[dict[str, Any]]:
    """What the records say of the photos, the first one first."""
    async with database.session(write=False) as session:
        records = await session.scalars(
            select(AuditRecord)
            .where(AuditRecord.action == "couriers.photographed", AuditRecord.subject_id == str(courier.id))
            .order_by(AuditRecord.id)
        )
        return [record.details or {} for record in records]


async def test_who_was_photographed_at_the_desk_has_a_face_behind_the_printed_card(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    desk: dict[str, str],
    reviewer: dict[str, str],
) -> None:
    await register(client, desk, employer)
    courier = await only_courier(runtime)
    assert await photograph(client, desk, courier.id) == (409, "transition_refused")
    (review,) = await open_reviews(client, desk)
    await decide(client, reviewer, review, approve=True)
    assert await photograph(client, desk, courier.id) == (204, "")
    cards = f"/v1/couriers/{courier.id}/printed-cards"
    card = (await client.post(cards, json={"reason": "无智能手机"}, headers=desk)).json()["text"]
    gate = await open_gate(runtime, name="翠湖苑")
    scan = await client.post("/v1/scans", json=gate.scan(card), headers=gate.guard)
    shown = await client.get(scan.json()["identity"]["photo"], headers=gate.guard)
    assert Image.open(io.BytesIO(shown.content)).size == (300, 400)
    assert await photograph(client, reviewer, courier.id) == (204, "")
    first, second = await taken(runtime.database, courier)
    assert (first["before"], second["before"]) == (None, first["photo"])


async def test_nobody_else_says_what_a_courier_with_an_account_looks_like(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, desk: dict[str, str]
) -> None:
    theirs = await bring_courier(runtime, serial=7, employer=employer.name)
    assert await photograph(client, desk, theirs.courier.id) == (409, "uploads_own_photo")
    assert await photograph(client, desk, uuid4()) == (404, "not_found")
    for headers in (theirs.headers, await staff(runtime, Role.registrar)):
        for courier_id in (theirs.courier.id, uuid4()):
            assert await photograph(client, headers, courier_id) == (403, "forbidden")


async def test_a_suspended_courier_is_photographed_by_nobody(
    client: httpx.AsyncClient, runtime: Runtime, desk: dict[str, str], reviewer: dict[str, str]
) -> None:
    courier = await verified(client, runtime, desk, reviewer)
    async with seeding(runtime) as work:
        row = await work.session.get_one(Courier, courier.id)
        await change_state(work, courier=row, to=CourierState.suspended, reason="test")
    assert await photograph(client, desk, courier.id) == (409, "transition_refused")
    assert await taken(runtime.database, courier) == []


async def test_no_more_than_ten_portraits_a_day_are_kept(
    client: httpx.AsyncClient, runtime: Runtime, desk: dict[str, str], reviewer: dict[str, str]
) -> None:
    courier = await verified(client, runtime, desk, reviewer)
    for _ in range(DAILY_PHOTOS):
        assert await photograph(client, desk, courier.id) == (204, "")
    assert await photograph(client, reviewer, courier.id) == (429, "too_many_requests")
    assert len(await taken(runtime.database, courier)) == DAILY_PHOTOS


async def test_of_two_desks_at_once_one_replaces_what_the_other_took(
    processes: tuple[Process, Process], own_database: Database
) -> None:
    client, runtime = processes[0].client, processes[0].runtime
    desks = [await staff(runtime, Role.reviewer) for _ in processes]
    courier = await verified(client, runtime, *desks)
    answers = await asyncio.gather(
        *(
            photograph(process.client, desk, courier.id)
            for process, desk in zip(processes, desks, strict=True)
        )
    )
    assert answers == [(204, "")] * 2
    first, second = await taken(own_database, courier)
    assert (first["before"], second["before"]) == (None, first["photo"])
