"""What a device says of its scans decides no more than it can know, and hides nothing."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from app.models.couriers import Affiliation
from app.models.devices import Device
from app.models.reviews import Review
from app.runtime import Runtime
from app.services.compounds.register import Position
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.devices import device_headers
from tests.factories.gate_rules import kinds, make_rules, vehicles
from tests.factories.passages import manager_of, pass_gate, take_back
from tests.factories.scans import WorkingCourier, WorkingGate, mint, open_gate
from tests.factories.settings import make_settings
from tests.factories.spoken import digits_for, wrong
from tests.factories.uploads import differences, entries, upload
from tests.factories.work import seeding
from tests.logs import captured_logs

DADUKOU, SHAPINGBA = Position(29.4847, 106.4826), Position(29.5410, 106.4569)


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast an outage."""
    return make_settings(access_token_seconds=3600)


async def scan(client: httpx.AsyncClient, gate: WorkingGate, code: str) -> tuple[str, str]:
    reply = await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)
    assert reply.status_code == 200, reply.text
    return reply.json()["verdict"], reply.json()["reason"]


async def present(client: httpx.AsyncClient, gate: WorkingGate) -> int:
    reply = await client.get(f"/v1/compounds/{gate.compound_id}/presence", headers=gate.guard)
    count: int = reply.json()["count"]
    return count


async def test_what_a_device_refused_uses_nothing_up(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    refused = gate.offline(code, 1, clock() + timedelta(seconds=3), verdict="refuse", reason="offline_denied")
    clock.advance(seconds=10)
    (result,) = await upload(client, gate, refused)
    assert result["result"] == "stored"
    assert await scan(client, other, code) == ("admit", "verified")


async def test_whom_a_device_let_through_has_used_the_code_whatever_the_server_would_have_said(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await make_rules(runtime, gate, [vehicles("truck")])
    (code,) = await mint(client, courier)
    clock.advance(seconds=10)
    (result,) = await upload(client, gate, gate.offline(code, 1, clock() - timedelta(seconds=5)))
    assert result["scan"]["server_reason"] == "vehicle_not_admitted"
    assert await scan(client, other, code) == ("check", "code_used")


async def test_a_second_passage_is_noted_even_where_the_server_would_have_refused(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    assert await scan(client, gate, code) == ("admit", "verified")
    at = clock() + timedelta(minutes=3)
    clock.advance(minutes=5)
    late = other.offline(code, 1, at, verdict="check", reason="bundle_stale", outcome="let_in")
    (result,) = await upload(client, other, late)
    assert result["scan"]["server_reason"] == "expired"
    found = {reason for _, reason in await differences(client, other)}
    assert found == {"expired", "code_used"}


async def test_a_time_in_doubt_moves_nobody_and_raises_no_suspicion(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, courier: WorkingCourier
) -> None:
    near = await open_gate(runtime, name="翠湖苑", position=DADUKOU)
    far = await open_gate(runtime, name="映山里", position=SHAPINGBA)
    code, _, fresh = await mint(client, courier, 3)
    clock.advance(minutes=1)
    broken = near.offline(
        code,
        1,
        clock() + timedelta(days=20_000),
        verdict="check",
        reason="bundle_stale",
        outcome="let_in",
    )
    (result,) = await upload(client, near, broken)
    assert result["scan"]["doubtful"]
    assert len(await entries(client, courier)) == 1
    assert await present(client, near) == 0
    assert await scan(client, far, fresh) == ("admit", "verified")
    assert await present(client, far) == 1


async def test_who_says_admitted_says_in_time(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    """An old code cannot be brought in as one of now."""
    (code,) = await mint(client, courier)
    ends = clock() + timedelta(seconds=60 + 10)
    clock.advance(minutes=30)
    (result,) = await upload(client, gate, gate.offline(code, 1, clock()))
    assert result["scan"]["happened_at"] == ends.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert result["scan"]["doubtful"]
    assert await present(client, gate) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": "admit", "reason": "verified"},
        {"sequence": 2},
        {"reason": "blocked"},
        {"device_time": "2026-05-11T04:00:01+00:00"},
    ],
)
async def test_a_scan_that_was_brought_in_says_the_same_for_good(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    changed: dict[str, object],
) -> None:
    (code,) = await mint(client, courier)
    refused = gate.offline(code, 1, clock(), verdict="refuse", reason="handle_withdrawn")
    clock.advance(seconds=30)
    assert [each["result"] for each in await upload(client, gate, refused)] == ["stored"]
    (again,) = await upload(client, gate, refused | changed)
    assert (again["result"], again["problem"]) == ("conflict", "scan_conflict")
    assert await entries(client, courier) == []


async def test_a_number_that_comes_twice_is_doubtful_the_second_time(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    codes = await mint(client, courier, 3)
    at = clock() + timedelta(seconds=5)
    clock.advance(minutes=2)
    scans = [
        gate.offline(code, sequence, at + timedelta(seconds=30 * place))
        for place, (code, sequence) in enumerate(zip(codes, (1, 2, 1), strict=True))
    ]
    assert [each["scan"]["doubtful"] for each in await upload(client, gate, *scans)] == [False, False, True]
    (again,) = await upload(client, gate, scans[2])
    assert (again["result"], again["scan"]["doubtful"]) == ("repeated", True)


async def test_guessed_digits_are_limited_in_uploads_too(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    right = await digits_for(client, courier, gate)
    clock.advance(seconds=20)
    guesses = [wrong(number, right) for number in range(6)]
    scans = [
        gate.offline(digits, place, clock(), verdict="check", reason="spoken_code", outcome="let_in")
        for place, digits in enumerate([*guesses, right], start=1)
    ]
    reasons = [each["scan"]["server_reason"] for each in await upload(client, gate, *scans)]
    assert reasons == ["spoken_unknown"] * 5 + ["spoken_locked"] * 2
    assert await entries(client, courier) == []


async def test_digits_that_were_brought_in_are_still_good_for_who_reads_them_out(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    digits = await digits_for(client, courier, gate)
    clock.advance(seconds=20)
    taken = gate.offline(digits, 1, clock(), verdict="check", reason="spoken_code")
    (result,) = await upload(client, gate, taken)
    assert result["scan"]["server_reason"] == "spoken_code"
    assert await scan(client, gate, digits) == ("check", "spoken_code")


async def test_an_entry_of_long_ago_is_not_taken_back_after_its_upload(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    let_in = gate.offline(code, 1, clock() + timedelta(seconds=5))
    clock.advance(minutes=16)
    await upload(client, gate, let_in)
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{let_in['scan_id']}/annulment"
    reply = await client.put(path, json={"reason": "误扫"}, headers=gate.guard)
    assert (reply.status_code, reply.json()["code"]) == (409, "annulment_too_late")


async def test_a_corrected_slip_brings_nobody_under_suspicion(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    mistaken = await pass_gate(client, gate, courier, "out")
    await take_back(client, gate, mistaken)
    clock.advance(seconds=5)
    assert await scan(client, gate, mistaken["code"]) == ("check", "code_used")
    async with runtime.database.session(write=False) as session:
        assert (await session.scalars(select(Review))).all() == []


async def test_an_outcome_is_told_within_a_day(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    codes = await mint(client, courier, 2)
    checks = [
        gate.offline(code, place, clock() + timedelta(seconds=place), verdict="check", reason="bundle_stale")
        for place, code in enumerate(codes, start=1)
    ]
    clock.advance(minutes=1)
    await upload(client, gate, *checks)
    clock.advance(days=1, seconds=-58)
    async with seeding(runtime) as work:
        headers = await device_headers(work, device=await work.session.get_one(Device, gate.device_id))
    replies = [
        await client.put(
            f"/v1/enrolments/{gate.enrolment_id}/scans/{check['scan_id']}/outcome",
            json={"outcome": "let_in"},
            headers=headers,
        )
        for check in checks
    ]
    assert [reply.status_code for reply in replies] == [409, 200]
    assert replies[0].json()["code"] == "outcome_too_late"


async def test_the_kind_of_work_is_that_of_then(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await make_rules(runtime, gate, [kinds("food_delivery")])
    before, after = await mint(client, courier, 2)
    first, ended = clock() + timedelta(seconds=5), clock() + timedelta(seconds=20)
    clock.advance(minutes=10)
    async with seeding(runtime) as work:
        (tie,) = await work.session.scalars(select(Affiliation))
        tie.ended_at = ended
    scans = (gate.offline(before, 1, first), gate.offline(after, 2, ended + timedelta(seconds=15)))
    reasons = [each["scan"]["server_reason"] for each in await upload(client, gate, *scans)]
    assert reasons == ["verified", "kind_of_work_not_admitted"]


async def test_of_two_uses_in_one_upload_the_one_that_is_not_in_doubt_counts(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    start = clock()
    clock.advance(minutes=2)
    (first,) = await upload(client, other, other.offline(code, 1, start + timedelta(seconds=40)))
    stale = {"verdict": "check", "reason": "bundle_stale", "outcome": "let_in"}
    doubtful = gate.offline(code, 1, start - timedelta(days=900)) | stale
    honest = gate.offline(code, 2, start + timedelta(seconds=10))
    results = await upload(client, gate, doubtful, honest)
    assert [each["scan"]["doubtful"] for each in results] == [True, False]
    assert results[1]["scan"]["server_reason"] == "verified"
    assert await differences(client, other) == [(first["scan"]["id"], "code_used")]


async def test_a_sequence_of_a_scan_that_was_stored_online_is_taken_too(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    unheard, late = await mint(client, courier, 2)
    body = gate.scan(unheard)
    assert (await client.post("/v1/scans", json=body, headers=gate.guard)).json()["verdict"] == "admit"
    told = gate.offline(unheard, 1, clock(), scan_id=body["scan_id"])
    clock.advance(minutes=1)
    (result,) = await upload(client, gate, told)
    assert result["result"] == "repeated"
    (result,) = await upload(client, gate, gate.offline(late, 1, clock()))
    assert result["scan"]["doubtful"]


async def test_a_passage_at_a_time_in_doubt_ends_no_stay(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gate, courier)
    (code,) = await mint(client, courier)
    clock.advance(minutes=1)
    stale = {"verdict": "check", "reason": "bundle_stale", "outcome": "let_in"}
    await upload(client, other, other.offline(code, 1, clock() + timedelta(days=900)) | stale)
    manager = await manager_of(runtime, gate)
    reply = await client.get(f"/v1/compounds/{gate.compound_id}/stays", headers=manager)
    (stay,) = reply.json()["items"]
    assert stay["ending"] == "inside"


async def test_uploaded_guesses_lock_nobody_else(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    """Neither digits that are typed online now, nor right ones of an hour before."""
    told = {"verdict": "check", "reason": "spoken_code", "outcome": "let_in"}
    early, taken = await digits_for(client, courier, gate), clock() + timedelta(seconds=10)
    clock.advance(minutes=20)
    now = await digits_for(client, courier, gate)
    guesses = [gate.offline(wrong(place, early, now), place, clock()) | told for place in range(1, 6)]
    await upload(client, gate, *guesses)
    assert await scan(client, gate, now) == ("check", "spoken_code")
    (result,) = await upload(client, gate, gate.offline(early, 6, taken) | told)
    assert result["scan"]["server_reason"] == "spoken_code"


async def test_of_uses_in_one_upload_the_first_is_told_to_the_others(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    at = clock() + timedelta(seconds=10)
    clock.advance(minutes=2)
    scans = [gate.offline(code, place, at + timedelta(seconds=5 * place)) for place in (1, 2)]
    with captured_logs() as logs:
        results = await upload(client, gate, *scans)
    assert [each["scan"]["server_reason"] for each in results] == ["verified", "code_used"]
    assert "upload_taken_apart" not in logs.getvalue()
