"""Printed cards: issued and ended by reviewers, drawn once, and at every scan worth a check."""

import asyncio
import base64
import io
from collections import Counter
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import func, select

from app.database import Database
from app.models.accounts import Role
from app.models.audit import AuditRecord
from app.models.couriers import Courier, CourierState
from app.models.scans import Scan
from app.models.substitutes import PrintedCard
from app.runtime import Runtime
from app.services.codes.substitutes import printed_text
from app.services.couriers.states import change_state
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.couriers import staff
from tests.factories.gate_rules import condition, make_rules
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, open_gate
from tests.factories.settings import make_settings
from tests.factories.work import seeding
from tests.processes import Process

PREFIX = "https://hx.example.cn/c/"
REASON = {"reason": "无智能手机"}


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
async def reviewer(runtime: Runtime) -> dict[str, str]:
    return await staff(runtime, Role.reviewer)


def path(courier: WorkingCourier, ending: str = "") -> str:
    return f"/v1/couriers/{courier.courier.id}/printed-cards{ending}"


async def issue(
    client: httpx.AsyncClient, courier: WorkingCourier, reviewer: dict[str, str]
) -> dict[str, Any]:
    reply = await client.post(path(courier), json=REASON, headers=reviewer)
    assert reply.status_code == 201, reply.text
    card: dict[str, Any] = reply.json()
    return card


async def scan(client: httpx.AsyncClient, gate: WorkingGate, code: str) -> dict[str, Any]:
    reply = await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def said(answer: dict[str, Any]) -> tuple[str, str]:
    return answer["verdict"], answer["reason"]


async def test_every_scan_of_a_card_asks_for_a_check_and_shows_whose_it_is(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier, reviewer: dict[str, str]
) -> None:
    card = await issue(client, courier, reviewer)
    bare = card["text"].removeprefix(PREFIX)
    for text in (card["text"], bare, bare.lower(), f" {card['text']}\n", card["text"].lower()):
        answer = await scan(client, gate, text)
        assert said(answer) == ("check", "printed_card")
        assert answer["identity"]["surname"] == "甄"
        assert answer["sentence"] == "纸质卡有效，但可能被他人复制，请核对本人面容。"
    body = gate.scan(card["text"])
    first = (await client.post("/v1/scans", json=body, headers=gate.guard)).json()
    again = await client.post("/v1/scans", json=body | {"code": bare}, headers=gate.guard)
    assert again.json() == first | {"repeated": True}


async def test_conditions_of_the_gate_go_with_a_card(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    await make_rules(runtime, gate, [condition("车停3号车棚")])
    card = await issue(client, courier, reviewer)
    reply = await client.post("/v1/scans", json=gate.scan(card["text"]), headers=gate.guard)
    assert reply.json()["conditions"] == ["车停3号车棚"]


async def test_the_picture_is_the_card_and_a_decoder_reads_it(
    client: httpx.AsyncClient, courier: WorkingCourier, reviewer: dict[str, str]
) -> None:
    card = await issue(client, courier, reviewer)
    picture = Image.open(io.BytesIO(base64.b64decode(card["png"])))
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == card["text"]
    assert "'Version': '5'" in str(found.extra)
    assert found.ec_level == "Q"
    root = ET.fromstring(card["svg"])  # noqa: S314 - our own drawing
    assert root.get("viewBox") == "0 0 45 45"


async def test_the_secret_of_a_card_stands_nowhere(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    card = await issue(client, courier, reviewer)
    await scan(client, gate, card["text"])
    secret = base64.b32decode(card["text"].removeprefix(PREFIX)[1:])[:16]
    async with runtime.database.session(write=False) as session:
        stored = (await session.scalars(select(PrintedCard))).one()
        row = (await session.scalars(select(Scan))).one()
        records = list(await session.scalars(select(AuditRecord.details)))
    assert stored.digest == row.code_digest
    assert secret not in stored.digest
    assert card["text"][-32:] not in str(records)


async def test_a_newer_card_ends_the_older_and_an_ending_ends_both(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    old = await issue(client, courier, reviewer)
    clock.advance(minutes=1)
    new = await issue(client, courier, reviewer)
    answer = await scan(client, gate, old["text"])
    assert said(answer) == ("refuse", "card_ended")
    assert answer["identity"] is None
    assert said(await scan(client, gate, new["text"])) == ("check", "printed_card")
    clock.advance(minutes=1)
    for _ in range(2):
        reply = await client.post(path(courier, "/ending"), json={"reason": "卡片遗失"}, headers=reviewer)
        assert reply.status_code == 204
    assert said(await scan(client, gate, new["text"])) == ("refuse", "card_ended")
    items = (await client.get(path(courier), headers=reviewer)).json()["items"]
    assert [(item["id"], item["reason"], item["end_reason"]) for item in items] == [
        (new["id"], "无智能手机", "卡片遗失"),
        (old["id"], "无智能手机", "a newer card was issued"),
    ]
    assert items[1]["ended_at"] == new["issued_at"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PREFIX + printed_text(bytes(16)), "unknown_card"),
        (printed_text(b"\xff" * 16), "unknown_card"),
        (PREFIX + "P" + "A" * 31 + "B", "unreadable"),
        (PREFIX + "P", "unreadable"),
        ("https://elsewhere.example/c/" + printed_text(bytes(16)), "unreadable"),
    ],
)
async def test_a_card_that_was_made_up_is_told_from_one_that_was_misread(
    client: httpx.AsyncClient, gate: WorkingGate, text: str, reason: str
) -> None:
    assert said(await scan(client, gate, text)) == ("refuse", reason)


async def test_a_card_follows_its_couriers_state_and_ends_when_the_courier_leaves(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    card = await issue(client, courier, reviewer)
    seen = []
    for state in (
        CourierState.suspended,
        CourierState.verified,
        CourierState.left,
        CourierState.pending,
        CourierState.verified,
    ):
        clock.advance(seconds=1)
        async with seeding(runtime) as work:
            row = await work.session.get_one(Courier, courier.courier.id)
            await change_state(work, courier=row, to=state, reason="test")
        seen.append((await scan(client, gate, card["text"]))["reason"])
    assert seen == ["suspended", "printed_card", "card_ended", "card_ended", "card_ended"]


async def test_a_card_ends_when_the_profile_moves_to_another_account(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    card = await issue(client, courier, reviewer)
    clock.advance(seconds=1)
    async with seeding(runtime) as work:
        (await work.session.get_one(Courier, courier.courier.id)).codes_from = work.now
    assert said(await scan(client, gate, card["text"])) == ("refuse", "card_ended")
    fresh = await issue(client, courier, reviewer)
    assert said(await scan(client, gate, fresh["text"])) == ("check", "printed_card")


async def test_only_reviewers_print_and_only_for_the_verified(
    client: httpx.AsyncClient, runtime: Runtime, courier: WorkingCourier, reviewer: dict[str, str]
) -> None:
    for role in (Role.registrar, Role.security_admin, Role.auditor):
        headers = await staff(runtime, role)
        for reply in (
            await client.post(path(courier), json=REASON, headers=headers),
            await client.get(path(courier), headers=headers),
            await client.post(path(courier, "/ending"), json=REASON, headers=headers),
        ):
            assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    reply = await client.post(path(courier), json=REASON, headers=courier.headers)
    assert reply.status_code == 403
    for serial, state in enumerate((CourierState.pending, CourierState.suspended), start=2):
        other = await bring_courier(runtime, serial=serial, state=state)
        reply = await client.post(path(other), json=REASON, headers=reviewer)
        assert (reply.status_code, reply.json()["code"], reply.json()["state"]) == (
            409,
            "transition_refused",
            state,
        )


async def test_a_card_scanned_offline_is_judged_as_of_then(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    card = await issue(client, courier, reviewer)
    happened = clock.advance(minutes=10)
    clock.advance(minutes=10)
    await client.post(path(courier, "/ending"), json={"reason": "卡片遗失"}, headers=reviewer)
    clock.advance(minutes=10)
    told = {"verdict": "check", "reason": "printed_card", "outcome": "let_in"}
    scans = [
        gate.offline(card["text"], 1, happened) | told,
        gate.offline(card["text"], 2, happened + timedelta(minutes=11)) | told,
        gate.offline(printed_text(bytes(16)), 3, happened) | told,
    ]
    reply = await client.post(
        f"/v1/enrolments/{gate.enrolment_id}/scans", json={"scans": scans}, headers=gate.device
    )
    judged = [result["scan"]["server_reason"] for result in reply.json()["results"]]
    assert judged == ["printed_card", "card_ended", "unknown_card"]


async def test_of_cards_issued_at_once_one_is_live(
    processes: tuple[Process, Process], own_database: Database
) -> None:
    runtime = processes[0].runtime
    courier, reviewer = await bring_courier(runtime, serial=1), await staff(runtime, Role.reviewer)
    gate = await open_gate(runtime, name="翠湖苑")
    cards = await asyncio.gather(
        *(issue(processes[number % 2].client, courier, reviewer) for number in range(20))
    )
    async with own_database.session(write=False) as session:
        live = PrintedCard.ended_at.is_(None)
        assert await session.scalar(select(func.count()).select_from(PrintedCard).where(live)) == 1
    reasons = Counter([(await scan(processes[1].client, gate, card["text"]))["reason"] for card in cards])
    assert reasons == {"printed_card": 1, "card_ended": 19}
