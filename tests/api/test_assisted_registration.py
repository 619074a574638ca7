"""Registering somebody at a desk who has no smartphone: by a reviewer, decided by another one."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.models.accounts import Role
from app.models.couriers import Consent, Courier, CourierState
from app.models.employers import Employer
from app.runtime import Runtime
from app.services.couriers.states import change_state
from app.services.couriers.verification import verify_by_roster
from app.settings import Settings
from app.standin.remote import StandIn
from tests.clocks import SettableClock
from tests.factories.couriers import (
    Applicant,
    arrive,
    consents,
    employer_called,
    list_on_roster,
    made_up_id,
    only_courier,
    staff,
)
from tests.factories.desks import (
    DOCUMENT,
    NAME,
    PHONE,
    decide,
    open_reviews,
    reasons_of,
    register,
)
from tests.factories.scans import open_gate
from tests.factories.work import seeding
from tests.processes import Process


@pytest.fixture
def settings(wechat_settings: Settings) -> Settings:
    return wechat_settings


async def test_another_reviewer_decides_and_a_printed_card_then_opens_gates(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    desk: dict[str, str],
    reviewer: dict[str, str],
) -> None:
    reply = await register(client, desk, employer)
    assert reply.status_code == 202
    told = reply.json()
    assert (told["state"], told["identity"]["name"], told["identity"]["phone"]) == (
        "pending",
        "甄**",
        "138****8101",
    )
    courier = await only_courier(runtime)
    assert (str(courier.id), courier.account_id) == (told["id"], None)
    cards = f"/v1/couriers/{courier.id}/printed-cards"
    early = await client.post(cards, json={"reason": "无智能手机"}, headers=desk)
    assert early.json()["code"] == "transition_refused"
    (review,) = await open_reviews(client, desk)
    assert reasons_of(review) == ["phone_unconfirmed", "no_roster"]
    own = await decide(client, desk, review, approve=True)
    assert (own.status_code, own.json()["code"]) == (409, "own_review")
    assert (await decide(client, reviewer, review, approve=True)).status_code == 200
    card = await client.post(cards, json={"reason": "无智能手机"}, headers=desk)
    gate = await open_gate(runtime, name="翠湖苑")
    scan = await client.post("/v1/scans", json=gate.scan(card.json()["text"]), headers=gate.guard)
    assert (scan.json()["verdict"], scan.json()["reason"]) == ("check", "printed_card")
    assert scan.json()["identity"] == {
        "surname": "甄",
        "employer": "晨光速运",
        "kind_of_work": "快递",
        "photo": None,
    }
    async with runtime.database.session(write=False) as session:
        answers = {row.purpose: row.given for row in await session.scalars(select(Consent))}
    assert answers == {"gate": True, "rating": True, "portrait": True, "sharing": False}


async def test_no_roster_verifies_whose_phone_nobody_confirmed(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, desk: dict[str, str]
) -> None:
    await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
    assert (await register(client, desk, employer)).json()["state"] == "pending"
    (review,) = await open_reviews(client, desk)
    assert reasons_of(review) == ["phone_unconfirmed", "roster_agrees"]
    other = await employer_called(runtime, "别家速运")
    entry = await list_on_roster(runtime, other, name=NAME, document=DOCUMENT, phone=PHONE)
    async with seeding(runtime) as work:
        assert await verify_by_roster(work, entries=[entry]) == 0
    assert (await only_courier(runtime)).state == CourierState.pending


async def test_after_a_no_the_desk_may_correct_what_it_took_down(
    client: httpx.AsyncClient,
    employer: Employer,
    desk: dict[str, str],
    reviewer: dict[str, str],
    clock: SettableClock,
) -> None:
    first = (await register(client, desk, employer, name="甄实成")).json()
    unchanged = (await register(client, desk, employer)).json()
    assert (unchanged["id"], unchanged["identity"]) == (first["id"], first["identity"])
    (review,) = await open_reviews(client, desk)
    await decide(client, reviewer, review, approve=False)
    notices = (await client.get("/v1/notices", headers=desk)).json()["items"]
    assert [notice["kind"] for notice in notices] == ["review_declined"]
    clock.advance(seconds=1)
    again = (await register(client, desk, employer)).json()
    assert (again["id"], again["state"]) == (first["id"], "pending")
    (review,) = await open_reviews(client, desk)
    looked = await client.post(
        f"/v1/reviews/{review['id']}/look-up", json={"reason": "核对证件"}, headers=reviewer
    )
    assert looked.json()["profile"]["name"] == NAME
    assert (await decide(client, reviewer, review, approve=True)).status_code == 200


async def test_a_document_that_has_a_profile_is_answered_with_it_unchanged_and_its_person_sees_the_look_up(
    client: httpx.AsyncClient,
    applicant: Applicant,
    verified: dict[str, str],
    employer: Employer,
    desk: dict[str, str],
) -> None:
    before = (await applicant.profile()).json()
    reply = await register(client, desk, employer, name="于冒名", phone="13800138999")
    assert reply.status_code == 202
    told = reply.json()
    assert (told["state"], told["identity"]["name"]) == ("verified", "甄**")
    assert applicant.document not in reply.text
    assert (await applicant.profile()).json() == before
    assert await open_reviews(client, desk) == []
    looks = (await client.get("/v1/couriers/me/look-ups", headers=verified)).json()["items"]
    assert [look["reason"] for look in looks] == ["无智能手机"]


async def test_a_profile_that_was_confirmed_once_keeps_name_and_phone_without_its_person(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    desk: dict[str, str],
    reviewer: dict[str, str],
) -> None:
    """By them it can be recovered: one reviewer alone could give somebody's entries away."""
    told = (await register(client, desk, employer)).json()
    (review,) = await open_reviews(client, desk)
    await decide(client, reviewer, review, approve=True)
    async with seeding(runtime) as work:
        courier = await work.session.get_one(Courier, (await only_courier(runtime)).id)
        await change_state(work, courier=courier, to=CourierState.left, reason="test")
    stranger = (await register(client, desk, employer, phone="13800138999")).json()
    assert (stranger["id"], stranger["state"], stranger["identity"]["phone"]) == (
        told["id"],
        "left",
        "138****8101",
    )
    back = (await register(client, desk, employer)).json()
    assert (back["id"], back["state"]) == (told["id"], "pending")


async def test_the_person_may_take_the_profile_over_with_an_account_and_the_same_phone(
    client: httpx.AsyncClient,
    runtime: Runtime,
    applicant: Applicant,
    employer: Employer,
    desk: dict[str, str],
    reviewer: dict[str, str],
    clock: SettableClock,
) -> None:
    told = (await register(client, desk, employer)).json()
    (review,) = await open_reviews(client, desk)
    await decide(client, reviewer, review, approve=True)
    card = await client.post(
        f"/v1/couriers/{told['id']}/printed-cards", json={"reason": "无智能手机"}, headers=desk
    )
    clock.advance(seconds=1)
    assert (await applicant.register()).json()["state"] == "verified"
    assert (await only_courier(runtime)).account_id is not None
    gate = await open_gate(runtime, name="翠湖苑")
    scan = await client.post("/v1/scans", json=gate.scan(card.json()["text"]), headers=gate.guard)
    assert scan.json()["reason"] == "card_ended"


async def test_another_phone_takes_a_reviewer_to_take_the_profile_over(
    client: httpx.AsyncClient,
    runtime: Runtime,
    standin: StandIn,
    applicant: Applicant,
    employer: Employer,
    desk: dict[str, str],
    reviewer: dict[str, str],
) -> None:
    await register(client, desk, employer)
    (review,) = await open_reviews(client, desk)
    await decide(client, reviewer, review, approve=True)
    stranger = replace(
        applicant, headers=await arrive(runtime, standin, "yu"), user="yu", phone="13800138999"
    )
    assert (await stranger.register()).json()["state"] == "pending"
    (recovery,) = await open_reviews(client, desk)
    assert (recovery["kind"], reasons_of(recovery)) == ("recovery", ["phone_differs", "document_known"])
    assert (await only_courier(runtime)).account_id is None


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"consents": consents(gate=False)}, 409, "gate_consent_required"),
        (
            {"document": {"type": "resident_id", "number": made_up_id(101)[:-1] + "A"}},
            422,
            "invalid_document",
        ),
        ({"phone": "12345"}, 422, "invalid_phone"),
        ({"name": "--"}, 422, "invalid_name"),
        ({"affiliations": []}, 422, "malformed_request"),
        ({"phone_code": "0a3X"}, 422, "malformed_request"),
    ],
)
async def test_what_is_wrong_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    desk: dict[str, str],
    changed: dict[str, Any],
    status: int,
    code: str,
) -> None:
    reply = await register(client, desk, employer, **changed)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    async with runtime.database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(Courier)) == 0


async def test_only_reviewers_register_others(
    client: httpx.AsyncClient, runtime: Runtime, applicant: Applicant, employer: Employer
) -> None:
    for headers in (
        applicant.headers,
        await staff(runtime, Role.registrar),
        await staff(runtime, Role.security_admin),
    ):
        reply = await register(client, headers, employer)
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_one_document_at_twenty_desks_at_once_is_one_profile(
    processes: tuple[Process, Process], own_database: Database
) -> None:
    runtime = processes[0].runtime
    employer, desk = await employer_called(runtime, "晨光速运"), await staff(runtime, Role.reviewer)
    replies = await asyncio.gather(
        *(register(processes[number % 2].client, desk, employer) for number in range(20))
    )
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(await open_reviews(processes[0].client, desk)) == 1
    async with own_database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(Courier)) == 1
