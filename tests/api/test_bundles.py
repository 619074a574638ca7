"""Bundles: what a device is given to decide alone, and when it changes."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from app.ids import new_id
from app.models.blocks import Block
from app.models.bundles import Bundle
from app.models.couriers import Courier, CourierState, DocumentType
from app.models.gate_rules import WhenOffline
from app.models.holidays import Holiday
from app.runtime import Runtime
from app.services.bundles.gate import MOST_COURIERS
from app.services.codes import format as code_format
from app.services.couriers.identity import Identity, seal_person
from app.services.couriers.states import change_state, restore
from app.services.keys.lifecycle import list_keys, rotate_keys, withdraw_key
from app.settings import Settings
from app.work import Actor, Work, begin_work
from tests.clocks import SettableClock
from tests.factories.blocks import block_courier
from tests.factories.gate_rules import make_rules
from tests.factories.scans import WorkingCourier, WorkingGate, mint
from tests.factories.settings import make_settings
from tests.factories.work import seeding

PATH = "/v1/devices/current/bundle"


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def fetch(
    client: httpx.AsyncClient, gate: WorkingGate, *, counter: int = 0, etag: str | None = None
) -> httpx.Response:
    headers = gate.device | ({"if-none-match": etag} if etag else {})
    return await client.get(PATH, params={"counter": counter}, headers=headers)


async def read(client: httpx.AsyncClient, reply: httpx.Response) -> dict[str, Any]:
    """The claims, checked by an independent library with the published keys."""
    assert reply.status_code == 200, reply.text
    keys = KeySet.import_key_set((await client.get("/.well-known/statement-keys.json")).json())
    token = jws.deserialize_compact(reply.json()["bundle"], keys, algorithms=["ES256"])
    assert token.headers()["typ"] == "hx-bundle+jwt"
    claims: dict[str, Any] = json.loads(token.payload)
    assert claims["ver"] == reply.json()["version"] == int(reply.headers["etag"].strip('"'))
    return claims


def handles(joined: str) -> list[bytes]:
    packed = urlsafe_b64decode(joined + "==")
    return [packed[start : start + 8] for start in range(0, len(packed), 8)]


def handle_in(text: str) -> bytes:
    return code_format.parse_code_text(text, ["https://hx.example.cn/c/"]).sub


async def make_known(work: Work, many: int) -> list[Courier]:
    """Couriers of whom only the handles count."""
    names = [
        Identity(DocumentType.resident_id, f"{serial:018}", "甄试验", "19900000001") for serial in range(many)
    ]
    people = [seal_person(work.vault, name, now=work.now)[0] for name in names]
    work.session.add_all(people)
    await work.session.flush()
    couriers = [
        Courier(id=new_id(), person_id=person.id, state=CourierState.verified, registered_at=work.now)
        for person in people
    ]
    work.session.add_all(couriers)
    await work.session.flush()
    return couriers


async def change(runtime: Runtime, courier: WorkingCourier, to: CourierState) -> None:
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        if row.state == CourierState.suspended:
            await restore(work, courier_id=row.id, reason="test")
        else:
            await change_state(work, courier=row, to=to, reason="test")


async def test_a_bundle_says_where_it_is_for_and_whose_codes_count(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate
) -> None:
    claims = await read(client, await fetch(client, gate))
    published = (await client.get("/.well-known/jwks.json")).json()
    assert claims["issuers"] == {"5000": published}
    assert (claims["enrolment"], claims["gate"]) == (str(gate.enrolment_id), str(gate.gate_id))
    assert (claims["iat"], claims["early"], claims["late"]) == (int(clock().timestamp()), 5, 10)
    assert claims["withdrawn"] == {"handles": "", "complete": True}


async def test_what_has_not_changed_is_not_sent_again(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate
) -> None:
    first = await fetch(client, gate)
    clock.advance(minutes=1)
    again = await fetch(client, gate, etag=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await fetch(client, gate, etag='"1"')).json()["version"] == first.json()["version"]
    for strange in ("W/" + first.headers["etag"] + "x", "*", '"' + "9" * 99 + '"'):
        assert (await fetch(client, gate, etag=strange)).status_code == 200


async def test_a_withdrawal_and_its_end_make_a_higher_version_each(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    versions = [(await fetch(client, gate)).json()["version"]]
    for state, listed in (
        (CourierState.suspended, [handle_in(code)]),
        (CourierState.verified, []),
        (CourierState.left, [handle_in(code)]),
    ):
        clock.advance(seconds=7)
        await change(runtime, courier, state)
        claims = await read(client, await fetch(client, gate, etag=f'"{versions[-1]}"'))
        assert handles(claims["withdrawn"]["handles"]) == listed
        versions.append(claims["ver"])
    assert versions == sorted(set(versions))


async def test_who_leaves_and_registers_again_stays_withdrawn_until_verified(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    for state, listed in (
        (CourierState.left, [handle_in(code)]),
        (CourierState.pending, [handle_in(code)]),
        (CourierState.suspended, [handle_in(code)]),
        (CourierState.verified, []),
    ):
        clock.advance(seconds=7)
        await change(runtime, courier, state)
        claims = await read(client, await fetch(client, gate))
        assert handles(claims["withdrawn"]["handles"]) == listed


async def test_the_old_handle_of_a_profile_that_moved_is_withdrawn_and_the_new_one_is_not(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (old,) = await mint(client, courier)
    async with runtime.database.session() as session:
        (await session.get_one(Courier, courier.courier.id)).codes_from = clock.advance(seconds=3)
    (new,) = await mint(client, courier)
    claims = await read(client, await fetch(client, gate))
    assert handles(claims["withdrawn"]["handles"]) == [handle_in(old)]
    assert handle_in(new) != handle_in(old)


async def test_a_withdrawn_key_is_gone_and_the_version_never_falls(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, gate: WorkingGate
) -> None:
    before = await read(client, await fetch(client, gate))
    async with begin_work(
        runtime.database, runtime.deployment, now=clock.advance(seconds=1), actor=Actor.command("test")
    ) as work:
        (key,) = await list_keys(work)
        await rotate_keys(work, at_once=True)
        await withdraw_key(work, kid=key.kid, reason="leaked")
    after = await read(client, await fetch(client, gate))
    assert key.kid not in {each["kid"] for each in after["issuers"]["5000"]["keys"]}
    assert after["ver"] > before["ver"]
    clock.advance(seconds=-1)  # the server's clock was set back
    async with begin_work(
        runtime.database, runtime.deployment, now=clock(), actor=Actor.command("test")
    ) as work:
        await rotate_keys(work, at_once=True)
    assert (await fetch(client, gate)).json()["version"] > after["ver"]


@pytest.mark.parametrize("says", [True, False])
async def test_after_a_restored_backup_a_device_gets_a_higher_version_than_it_has(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    *,
    says: bool,
) -> None:
    """The content is that of the backup again, of which the device must take no lower version."""
    await mint(client, courier)
    await fetch(client, gate)
    async with runtime.database.session() as session:
        backup = await session.get_one(Bundle, gate.enrolment_id)
        session.expunge(backup)
    clock.advance(seconds=7)
    await change(runtime, courier, CourierState.suspended)
    newer = await fetch(client, gate)
    await change(runtime, courier, CourierState.verified)
    async with runtime.database.session() as session:
        await session.merge(backup)
    clock.advance(seconds=60 if not says else -3)  # a restored machine's clock may be behind
    etag = newer.headers["etag"]
    after = await read(client, await fetch(client, gate, etag=etag if says else None))
    assert after["ver"] > newer.json()["version"] > backup.version
    assert (await fetch(client, gate, etag=f'"{after["ver"]}"')).status_code == 304


async def test_no_device_brings_its_version_further_ahead_than_a_clock_may_be(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate
) -> None:
    latest = int((clock() + timedelta(days=1)).timestamp() * 1000)
    for said, least, most in (
        (latest + 1, 0, latest - 1),
        (10**16 - 1, 0, latest - 1),
        (latest, latest + 1, latest + 1),
        (10**16 - 1, latest + 2, latest + 2),
    ):
        reply = await fetch(client, gate, etag=f'"{said}"')
        assert least <= reply.json()["version"] <= most


async def test_how_long_a_withdrawal_took_to_reach_a_device_is_measured_in_seconds(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await mint(client, courier)
    await fetch(client, gate)
    clock.advance(seconds=10)
    await change(runtime, courier, CourierState.suspended)
    clock.advance(seconds=42)
    await fetch(client, gate)
    await fetch(client, gate)
    measured = runtime.metrics.exposition()[0].decode()
    assert "huixin_withdrawal_reach_seconds_count 1.0" in measured
    assert "huixin_withdrawal_reach_seconds_sum 42.0" in measured


async def test_a_scan_dated_before_a_sync_that_did_not_mention_it_is_doubtful(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    codes = await mint(client, courier, 3)
    await fetch(client, gate, counter=1)
    clock.advance(seconds=20)
    told = clock()
    clock.advance(seconds=11)  # longer than a question may be under way
    await fetch(client, gate, counter=1)
    clock.advance(seconds=10)
    scans = [
        gate.offline(codes[0], 1, told),  # it was counted
        gate.offline(codes[0], 2, told),  # it was not
        gate.offline(codes[1], 3, clock()),  # it came later
    ]
    path = f"/v1/enrolments/{gate.enrolment_id}/scans"
    reply = await client.post(path, json={"scans": scans}, headers=gate.device)
    assert [result["scan"]["doubtful"] for result in reply.json()["results"]] == [False, True, False]


@pytest.mark.parametrize("counter", ["", "-1", "x", "1e3", str(2**64)])
async def test_a_counter_that_is_none_is_refused(
    client: httpx.AsyncClient, gate: WorkingGate, counter: str
) -> None:
    reply = await client.get(PATH, params={"counter": counter}, headers=gate.device)
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")


async def test_bundles_are_for_devices(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    for headers in (gate.guard, courier.headers):
        assert (await client.get(PATH, params={"counter": 0}, headers=headers)).status_code == 404
    assert (await client.get(PATH, params={"counter": 0})).status_code == 401


async def test_a_bundle_carries_the_rules_of_the_gate_and_whom_the_compound_knows(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    claims = await read(client, await fetch(client, gate))
    assert claims["rules"] == {"version": 0, "clauses": [], "when_offline": "admit_and_flag"}
    assert (claims["blocked"], claims["seen"], claims["zone"]) == ("", None, "Asia/Shanghai")
    (code,) = await mint(client, courier)
    entry = (await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)).json()
    hours = {
        "kind": "opening_hours",
        "gates": None,
        "days": ["mon", "holiday"],
        "spans": [{"from": "06:00", "until": "24:00"}],
    }
    await make_rules(runtime, gate, [hours], when_offline=WhenOffline.admit_if_seen)
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        await block_courier(work, gate=gate, entry_id=UUID(entry["id"]))
        today = runtime.clock().date()
        work.session.add_all(
            Holiday(day=today + timedelta(days=ahead), name="测试节", off=True, year=2026)
            for ahead in range(-2, 3)
        )
    clock.advance(minutes=2)  # the calendar is kept for one
    later = await read(client, await fetch(client, gate))
    assert later["rules"] == {"version": 1, "clauses": [hours], "when_offline": "admit_if_seen"}
    assert handle_in(code) in handles(later["blocked"])
    assert handles(later["seen"]) == handles(later["blocked"])
    assert len(handles(later["seen"])) == len({*handles(later["seen"])}) == 2  # today's and tomorrow's
    assert sorted(later["calendar"]) == [f"{today + timedelta(days=ahead)}" for ahead in (-1, 0, 1)]
    assert later["ver"] > claims["ver"]


async def test_where_more_are_blocked_than_the_list_takes_nobody_is_admitted_alone(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, gate: WorkingGate
) -> None:
    async with seeding(runtime) as work:
        couriers = await make_known(work, MOST_COURIERS + 1)
        work.session.add_all(
            Block(
                id=new_id(),
                compound_id=gate.compound_id,
                courier_id=courier.id,
                scan=new_id(),
                reason="测试",
                made_at=work.now,
                until=work.now + timedelta(minutes=number),
            )
            for number, courier in enumerate(couriers, start=1)
        )
    for complete in (False, True):
        claims = await read(client, await fetch(client, gate))
        assert len(handles(claims["blocked"])) == 2 * MOST_COURIERS  # today's and tomorrow's
        assert claims["withdrawn"] == {"handles": "", "complete": complete}
        clock.advance(minutes=1)  # the first block ends
