"""One code or one courier at two places: a guard looks at the face, and a reviewer is asked."""

import base64
import io
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image

from app.models.accounts import AccountKind, Role
from app.runtime import Runtime
from app.services.compounds.register import Position
from app.settings import Settings
from app.work import Actor, Scope, begin_work
from tests.clocks import SettableClock
from tests.factories.accounts import make_account, sign_in
from tests.factories.scans import WorkingCourier, WorkingGate, mint, open_gate
from tests.factories.settings import make_settings

DADUKOU, SHAPINGBA = Position(29.4847, 106.4826), Position(29.5410, 106.4569)


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
async def gates(runtime: Runtime) -> tuple[WorkingGate, WorkingGate]:
    return (
        await open_gate(runtime, name="翠湖苑", position=DADUKOU),
        await open_gate(runtime, name="映山里", position=SHAPINGBA),
    )


@pytest.fixture
async def reviewer(runtime: Runtime) -> dict[str, str]:
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        account = await make_account(
            work, kind=AccountKind.staff, grants=[(Role.reviewer, Scope.everywhere())]
        )
        return await sign_in(work, account=account)


async def pass_gate(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> dict[str, object]:
    (code,) = await mint(client, courier)
    reply = await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)
    answer: dict[str, object] = reply.json()
    return answer


async def open_reviews(client: httpx.AsyncClient, reviewer: dict[str, str]) -> list[dict[str, Any]]:
    reply = await client.get("/v1/reviews?kind=sharing&state=open", headers=reviewer)
    assert reply.status_code == 200, reply.text
    items: list[dict[str, Any]] = reply.json()["items"]
    return items


async def test_who_comes_faster_than_travel_allows_is_checked_and_flagged_and_never_refused(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    assert (await pass_gate(client, gates[0], courier))["verdict"] == "admit"
    clock.advance(minutes=2)
    answer = await pass_gate(client, gates[1], courier)
    assert (answer["verdict"], answer["reason"]) == ("check", "impossible_travel")
    assert answer["sentence"] == "此码2分钟前在7公里外通行过，请核对本人面容。"
    assert "翠湖苑" not in str(answer)
    (review,) = await open_reviews(client, reviewer)
    assert review["reasons"][0]["code"] == "impossible_travel"


async def test_a_check_that_was_not_let_in_moves_nobody(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gates[0], courier)
    clock.advance(minutes=2)
    assert (await pass_gate(client, gates[1], courier))["verdict"] == "check"
    clock.advance(minutes=1)
    assert (await pass_gate(client, gates[0], courier))["verdict"] == "admit"


async def test_who_was_let_in_after_the_check_is_there(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gates[0], courier)
    clock.advance(minutes=2)
    checked = await pass_gate(client, gates[1], courier)
    path = f"/v1/enrolments/{gates[1].enrolment_id}/scans/{checked['scan_id']}/outcome"
    reply = await client.put(path, json={"outcome": "let_in"}, headers=gates[1].guard)
    assert reply.status_code == 200, reply.text
    clock.advance(minutes=1)
    assert (await pass_gate(client, gates[1], courier))["verdict"] == "admit"
    clock.advance(minutes=1)
    back = await pass_gate(client, gates[0], courier)
    assert (back["verdict"], back["reason"]) == ("check", "impossible_travel")


async def test_a_scan_that_was_taken_back_moves_nobody(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gates[0], courier)
    clock.advance(minutes=10)
    mistaken = await pass_gate(client, gates[1], courier)
    assert mistaken["verdict"] == "admit"
    path = f"/v1/enrolments/{gates[1].enrolment_id}/scans/{mistaken['scan_id']}/annulment"
    assert (await client.put(path, json={"reason": "误扫"}, headers=gates[1].guard)).status_code == 200
    clock.advance(minutes=1)
    assert (await pass_gate(client, gates[0], courier))["verdict"] == "admit"


async def test_a_courier_has_one_open_question_however_often_a_code_is_shown(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    (code,) = await mint(client, courier)
    for gate in (gates[0], gates[0], gates[1]):
        await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)
    (review,) = await open_reviews(client, reviewer)
    assert review["reasons"][0]["code"] == "code_used"

    decision = {"approve": True, "reason": "两人共用一码"}
    reply = await client.post(f"/v1/reviews/{review['id']}/decision", json=decision, headers=reviewer)
    assert reply.status_code == 200, reply.text
    clock.advance(seconds=31)
    reply = await client.post("/v1/codes", json={"count": 1}, headers=courier.headers)
    assert (reply.status_code, reply.json()["code"]) == (409, "courier_not_verified")


async def test_a_printed_card_that_travels_too_fast_is_a_question_to_a_reviewer(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    reviewer: dict[str, str],
) -> None:
    """It is a check whatever the journey, so nobody at the gate learns of it."""
    path = f"/v1/couriers/{courier.courier.id}/printed-cards"
    issued = await client.post(path, json={"reason": "无智能手机"}, headers=reviewer)
    assert issued.status_code == 201, issued.text
    (symbol,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(base64.b64decode(issued.json()["png"]))))
    for gate in gates:
        clock.advance(seconds=5)
        scanned = gate.scan(symbol.text)
        answer = (await client.post("/v1/scans", json=scanned, headers=gate.guard)).json()
        assert (answer["verdict"], answer["reason"]) == ("check", "printed_card")
        outcome = f"/v1/enrolments/{gate.enrolment_id}/scans/{scanned['scan_id']}/outcome"
        assert (await client.put(outcome, json={"outcome": "let_in"}, headers=gate.guard)).status_code == 200
    (review,) = await open_reviews(client, reviewer)
    assert review["reasons"][0]["code"] == "impossible_travel"
