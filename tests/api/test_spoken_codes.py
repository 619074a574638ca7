"""Spoken codes: six digits for one gate and one minute, worth a check and no more."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.models.accounts import Account, AccountKind, Role
from app.models.couriers import Courier, CourierState
from app.models.scans import Scan
from app.models.substitutes import SpokenCode
from app.runtime import Runtime
from app.services.codes.spoken import KEPT, LIFE, NoDigitsFree, issue_spoken_code, purge_spoken_codes
from app.services.couriers.states import change_state
from app.settings import Settings
from app.work import Actor
from tests.clocks import SettableClock
from tests.factories.accounts import signed_in, within_compound
from tests.factories.gate_rules import hours
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint
from tests.factories.settings import make_settings
from tests.factories.spoken import ask, digits_for, wrong
from tests.factories.uploads import bring_in
from tests.factories.work import seeding


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def scan(client: httpx.AsyncClient, gate: WorkingGate, code: str, **changed: Any) -> dict[str, Any]:
    reply = await client.post("/v1/scans", json=gate.scan(code, **changed), headers=gate.guard)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def said(answer: dict[str, Any]) -> tuple[str, str]:
    return answer["verdict"], answer["reason"]


async def test_digits_read_out_ask_for_a_check_and_show_whose_they_are(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    clock: SettableClock,
) -> None:
    reply = await ask(client, courier, gate)
    told = reply.json()
    assert told["gate_id"] == str(gate.gate_id)
    assert told["valid_until"] == "2026-05-11T04:01:00.000000Z"
    assert clock() + LIFE == clock() + timedelta(seconds=60)
    digits = told["digits"]
    body = gate.scan(f"{digits[:3]} {digits[3:]}")
    answer = (await client.post("/v1/scans", json=body, headers=gate.guard)).json()
    assert said(answer) == ("check", "spoken_code")
    assert answer["identity"]["surname"] == "甄"
    assert (answer["code_age_seconds"], answer["first_use"]) == (None, None)
    assert answer["sentence"] == "口述码有效，但可能被旁人听到，请核对本人面容。"
    again = await client.post("/v1/scans", json=body | {"code": digits}, headers=gate.guard)
    assert again.json() == answer | {"repeated": True}
    changed = await client.post("/v1/scans", json=body | {"code": wrong(0, digits)}, headers=gate.guard)
    assert changed.json()["code"] == "scan_conflict"
    async with runtime.database.session(write=False) as session:
        row = (await session.scalars(select(Scan))).one()
    assert (row.courier_id, row.unreadable_cause, row.code_length) == (courier.courier.id, None, None)
    assert row.code_digest is not None
    assert digits.encode() not in row.code_digest

    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{body['scan_id']}/outcome"
    assert (await client.put(path, json={"outcome": "let_in"}, headers=gate.guard)).status_code == 200
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"]
    assert [(entry["reason"], entry["outcome"]) for entry in entries] == [("spoken_code", "let_in")]


async def test_digits_are_good_once_and_the_second_use_names_the_first(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    digits = await digits_for(client, courier, gate)
    first = await scan(client, gate, digits)
    second = await scan(client, gate, digits)
    assert said(second) == ("check", "code_used")
    assert second["first_use"]["at"] == first["recorded_at"]
    assert second["first_use"]["gate_id"] == str(gate.gate_id)


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(-6, "spoken_unknown"), (-5, "spoken_code"), (59, "spoken_code"), (60, "spoken_unknown")],
)
async def test_digits_last_a_minute(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    seconds: int,
    reason: str,
) -> None:
    digits = await digits_for(client, courier, gate)
    clock.advance(seconds=seconds)
    assert (await scan(client, gate, digits))["reason"] == reason


async def test_digits_are_good_at_their_gate_only(
    client: httpx.AsyncClient, gate: WorkingGate, other: WorkingGate, courier: WorkingCourier
) -> None:
    digits = await digits_for(client, courier, gate)
    answer = await scan(client, other, digits)
    assert said(answer) == ("refuse", "spoken_unknown")
    assert answer["identity"] is None
    assert (await scan(client, gate, digits))["reason"] == "spoken_code"


async def test_newer_digits_end_the_older_ones_at_whatever_gate(
    client: httpx.AsyncClient, gate: WorkingGate, other: WorkingGate, courier: WorkingCourier
) -> None:
    old = await digits_for(client, courier, gate)
    new = await digits_for(client, courier, other)
    assert (await scan(client, gate, old))["reason"] == "spoken_unknown"
    assert (await scan(client, other, new))["reason"] == "spoken_code"


async def test_digits_of_the_suspended_and_of_a_profile_that_moved_open_nothing(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    digits = await digits_for(client, courier, gate)
    clock.advance(seconds=1)
    async with seeding(runtime) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        await change_state(work, courier=row, to=CourierState.suspended, reason="test")
    assert said(await scan(client, gate, digits)) == ("refuse", "suspended")
    async with seeding(runtime) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        await change_state(work, courier=row, to=CourierState.verified, reason="test")
        row.codes_from = clock()
    assert said(await scan(client, gate, digits)) == ("refuse", "spoken_unknown")


async def test_the_rules_of_the_compound_hold_for_digits_too_and_use_none_up(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    async with seeding(runtime) as work:
        manager = await signed_in(
            work,
            kind=AccountKind.wechat,
            grants=[(Role.property_manager, within_compound(gate.compound_id))],
        )
    rules = {"based_on": 0, "clauses": [hours("22:00-23:00")], "when_offline": "deny", "note": "业委会决议"}
    reply = await client.put(f"/v1/compounds/{gate.compound_id}/gate-rules", json=rules, headers=manager)
    assert reply.status_code == 200, reply.text
    digits = await digits_for(client, courier, gate)
    answer = await scan(client, gate, digits)
    assert said(answer) == ("refuse", "outside_hours")
    assert said(await scan(client, gate, digits, direction="out")) == ("check", "spoken_code")


async def test_only_verified_couriers_get_digits_and_only_for_open_gates(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    async with seeding(runtime) as work:
        nobody = await signed_in(work, kind=AccountKind.wechat, grants=[])
    suspended = await bring_courier(runtime, serial=2, state=CourierState.suspended)
    body = {"gate_id": str(gate.gate_id)}
    refused = {
        "not_a_courier": await client.post("/v1/codes/spoken", json=body, headers=nobody),
        "courier_not_verified": await ask(client, suspended, gate),
        "unauthenticated": await client.post("/v1/codes/spoken", json=body),
        "not_found": await client.post(
            "/v1/codes/spoken", json={"gate_id": str(gate.device_id)}, headers=courier.headers
        ),
        "malformed_request": await client.post("/v1/codes/spoken", json={}, headers=courier.headers),
    }
    assert {code: reply.json()["code"] for code, reply in refused.items()} == {code: code for code in refused}
    async with runtime.database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(SpokenCode)) == 0


async def test_asking_is_limited(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    replies = [await ask(client, courier, gate) for _ in range(7)]
    assert [reply.status_code for reply in replies] == [201] * 6 + [429]
    clock.advance(seconds=60)
    assert (await ask(client, courier, gate)).status_code == 201


async def test_five_wrong_tries_close_the_gate_to_digits_for_a_minute_and_to_nothing_else(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    elsewhere = await digits_for(client, await bring_courier(runtime, serial=2), other)
    digits = await digits_for(client, courier, gate)
    for number in range(5):
        assert (await scan(client, gate, wrong(number, digits)))["reason"] == "spoken_unknown"
    locked = await scan(client, gate, digits)
    assert said(locked) == ("refuse", "spoken_locked")
    assert locked["identity"] is None
    assert (await scan(client, other, elsewhere))["reason"] == "spoken_code"
    (code,) = await mint(client, courier)
    assert (await scan(client, gate, code))["reason"] == "verified"
    clock.advance(seconds=59)
    fresh = await digits_for(client, courier, gate)
    # Going on does not prolong it.
    assert (await scan(client, gate, wrong(6, fresh)))["reason"] == "spoken_locked"
    clock.advance(seconds=1)
    assert (await scan(client, gate, fresh))["reason"] == "spoken_code"


async def test_digits_that_ended_long_ago_are_a_guess_and_say_nothing_of_anybody(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    old = await digits_for(client, courier, gate)
    clock.advance(minutes=11)
    digits = await digits_for(client, courier, gate)
    for _ in range(5):
        assert (await scan(client, gate, old))["reason"] == "spoken_unknown"
    assert (await scan(client, gate, digits))["reason"] == "spoken_locked"
    async with runtime.database.session(write=False) as session:
        guessed = await session.scalars(select(Scan.courier_id).where(Scan.reason == "spoken_unknown"))
        assert set(guessed) == {None}


async def test_a_scan_sent_again_and_digits_that_were_right_just_now_are_no_wrong_tries(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    late = await digits_for(client, courier, gate)
    clock.advance(seconds=61)
    digits = await digits_for(client, courier, gate)
    body = gate.scan(wrong(0, late, digits))
    for _ in range(6):
        assert (await client.post("/v1/scans", json=body, headers=gate.guard)).json()[
            "reason"
        ] == "spoken_unknown"
        assert (await scan(client, gate, late))["reason"] == "spoken_unknown"
    assert (await scan(client, gate, digits))["reason"] == "spoken_code"


async def test_an_examination_tries_no_digits(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    digits = await digits_for(client, courier, gate)
    for text in (digits, wrong(0, digits)):
        reply = await client.post("/v1/codes/examinations", json={"code": text}, headers=courier.headers)
        assert reply.json() == {"readable": False, "proof": None, "timing": None, "age_seconds": None}


async def test_digits_typed_offline_are_judged_as_of_then_and_wrong_ones_are_tries_of_then(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    digits = await digits_for(client, courier, gate)
    happened = clock() + timedelta(seconds=30)
    clock.advance(minutes=40)
    told = {"verdict": "check", "reason": "spoken_code", "outcome": "let_in"}
    good, late, *guessed = await bring_in(
        client,
        gate,
        gate.offline(digits, 1, happened) | told,
        gate.offline(digits, 2, happened + timedelta(seconds=31)) | told,
        *(
            gate.offline(wrong(number, digits), 3 + number, happened + timedelta(seconds=40 + number)) | told
            for number in range(8)
        ),
    )
    assert (good["server_verdict"], good["server_reason"]) == ("check", "spoken_code")
    assert (late["server_verdict"], late["server_reason"]) == ("refuse", "spoken_unknown")
    assert [each["server_reason"] for each in guessed] == ["spoken_unknown"] * 5 + ["spoken_locked"] * 3
    fresh = await digits_for(client, courier, gate)
    assert (await scan(client, gate, fresh))["reason"] == "spoken_code"
    inbox = (await client.get(f"/v1/gates/{gate.gate_id}/differences", headers=gate.guard)).json()["items"]
    assert Counter(item["reason"] for item in inbox) == {"spoken_unknown": 6, "spoken_locked": 3}


async def test_digits_taken_offline_are_not_those_of_who_got_them_later(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    """A device alone takes any six digits; days later the same may be somebody's."""
    taken = clock()
    clock.advance(minutes=45)
    digits = await digits_for(client, courier, gate)
    told = {"verdict": "check", "reason": "spoken_code", "outcome": "let_in"}
    (early,) = await bring_in(client, gate, gate.offline(digits, 1, taken) | told)
    assert early["server_reason"] == "spoken_unknown"
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"]
    assert entries == []
    assert (await scan(client, gate, digits))["reason"] == "spoken_code"


async def test_digits_that_were_given_out_within_a_week_are_not_given_out_again(
    runtime: Runtime, clock: SettableClock, gate: WorkingGate, other: WorkingGate, courier: WorkingCourier
) -> None:
    async def issue(at: WorkingGate, *draws: str) -> str:
        async with seeding(runtime) as work:
            account = await work.session.get_one(Account, courier.courier.account_id)
            caller = replace(work, actor=Actor("wechat", account.id))
            drawn = chain(draws, repeat(draws[-1]))
            issued = await issue_spoken_code(caller, gate_id=at.gate_id, draw=lambda: next(drawn))
            return issued.digits

    assert await issue(gate, "000001") == "000001"
    clock.advance(days=6)
    assert await issue(gate, "000001", "000001", "000002") == "000002"
    assert await issue(other, "000001") == "000001"
    with pytest.raises(NoDigitsFree):
        await issue(gate, "000001")


async def test_spoken_codes_go_a_week_after_their_end(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await digits_for(client, courier, gate)
    clock.now += LIFE + KEPT
    left = []
    for _ in range(2):
        async with seeding(runtime) as work:
            assert await purge_spoken_codes(work) is False
            left.append(await work.session.scalar(select(func.count()).select_from(SpokenCode)))
        clock.advance(seconds=1)
    assert left == [1, 0]
