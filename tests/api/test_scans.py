"""Scans through the API: the verdict, its storage, its repetition, and what follows it."""

from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.models.couriers import Courier, CourierState
from app.models.scans import Scan
from app.runtime import Runtime
from app.services.codes import format as code_format
from app.services.keys.lifecycle import list_keys, rotate_keys, withdraw_key
from app.services.keys.ring import load_key_states
from app.settings import Settings
from app.work import Actor, begin_work
from tests.clocks import SettableClock
from tests.factories.codes import base32, sign_code
from tests.factories.scans import WorkingCourier, WorkingGate, mint, open_gate
from tests.factories.settings import make_settings


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def scan(client: httpx.AsyncClient, gate: WorkingGate, code: str, **changed: object) -> httpx.Response:
    return await client.post("/v1/scans", json=gate.scan(code, **changed), headers=gate.guard)


async def stored(runtime: Runtime) -> int:
    async with runtime.database.session(write=False) as session:
        return await session.scalar(select(func.count()).select_from(Scan)) or 0


async def test_a_verified_courier_is_admitted_and_the_entry_is_listed(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    reply = await scan(client, gate, code)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["verdict"], answer["reason"], answer["sentence"]) == ("admit", "verified", "可以通行。")
    assert answer["identity"] == {
        "surname": "甄",
        "employer": "晨光速运",
        "kind_of_work": "外卖配送",
        "photo": None,
    }
    assert (answer["code_age_seconds"], answer["repeated"], answer["first_use"]) == (0, False, None)
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()
    assert [(entry["id"], entry["compound"], entry["direction"]) for entry in entries["items"]] == [
        (answer["id"], "翠湖苑", "in")
    ]


async def test_the_same_scan_again_gets_the_stored_answer_word_for_word(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    body = gate.scan(code)
    first = await client.post("/v1/scans", json=body, headers=gate.guard)
    clock.advance(minutes=5)  # the code has expired; the scan is still the same scan
    spelled = body | {"code": code.lower(), "device_time": "2026-05-11T04:05:00Z"}
    again = await client.post("/v1/scans", json=spelled, headers=gate.guard | {"accept-language": "en"})
    assert again.json() == first.json() | {"repeated": True}
    assert await stored(runtime) == 1


@pytest.mark.parametrize("changed", [{"direction": "out"}, {"code": "other"}])
async def test_a_scan_id_names_one_scan_for_good(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    changed: dict[str, str],
) -> None:
    code, other = await mint(client, courier, 2)
    body = gate.scan(code)
    assert (await client.post("/v1/scans", json=body, headers=gate.guard)).status_code == 200
    if "code" in changed:
        changed = {"code": other}
    reply = await client.post("/v1/scans", json=body | changed, headers=gate.guard)
    assert (reply.status_code, reply.json()["code"]) == (409, "scan_conflict")
    assert await stored(runtime) == 1


async def test_a_code_opens_one_gate_once(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    other = await open_gate(runtime, name="映山里")
    assert (await scan(client, gate, code)).json()["verdict"] == "admit"
    clock.advance(seconds=7)
    for place in (gate, other):
        answer = (await scan(client, place, code)).json()
        assert (answer["verdict"], answer["reason"]) == ("check", "code_used")
        assert answer["sentence"] == "此码已于12:00:00在翠湖苑东门使用过，请核对本人面容。"
        assert answer["first_use"] == {
            "at": "2026-05-11T04:00:00.000000Z",
            "gate_id": str(gate.gate_id),
            "compound": "翠湖苑",
            "gate": "东门",
        }
        assert answer["identity"]["surname"] == "甄"


@pytest.mark.parametrize(
    ("state", "reason"), [(CourierState.suspended, "suspended"), (CourierState.left, "left")]
)
async def test_who_may_no_longer_pass_is_refused_with_a_code_of_before(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    state: CourierState,
    reason: str,
) -> None:
    (code,) = await mint(client, courier)
    async with runtime.database.session() as session:
        (await session.get_one(Courier, courier.courier.id)).state = state
    answer = (await scan(client, gate, code)).json()
    assert (answer["verdict"], answer["reason"], answer["identity"]) == ("refuse", reason, None)
    assert await stored(runtime) == 1


async def test_codes_of_before_a_profile_moved_have_ended(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    wallet = await mint(client, courier, count=4)
    async with runtime.database.session() as session:
        (await session.get_one(Courier, courier.courier.id)).codes_from = clock.advance(seconds=3)
    assert (await scan(client, gate, wallet[0])).json()["reason"] == "code_ended"
    (fresh,) = await mint(client, courier)
    assert (await scan(client, gate, fresh)).json()["verdict"] == "admit"
    clock.advance(seconds=60)
    for later in wallet[1:3]:
        answer = (await scan(client, gate, later)).json()
        assert (answer["verdict"], answer["reason"], answer["identity"]) == ("refuse", "code_ended", None)
    (fresh,) = await mint(client, courier)
    assert (await scan(client, gate, fresh)).json()["verdict"] == "admit"


@pytest.mark.parametrize("device_time", ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"])
@pytest.mark.parametrize(
    ("seconds", "verdict", "reason"),
    [
        (-6, "refuse", "not_yet_valid"),
        (-5, "admit", "verified"),
        (70, "admit", "verified"),
        (71, "refuse", "expired"),
    ],
)
async def test_a_code_counts_in_its_window_on_the_servers_clock(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    seconds: int,
    verdict: str,
    reason: str,
    device_time: str,
) -> None:
    (code,) = await mint(client, courier)
    clock.advance(seconds=seconds)
    answer = (await scan(client, gate, code, device_time=device_time)).json()
    assert (answer["verdict"], answer["reason"]) == (verdict, reason)


@pytest.mark.parametrize(
    "text", ["", "hello", "https://pay.example/x", "A" * 139, "A" * 141, "\x00", "好" * 400]
)
async def test_what_is_no_code_is_refused_and_stored(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, text: str
) -> None:
    reply = await scan(client, gate, text)
    assert reply.status_code == 200, reply.text
    assert (reply.json()["verdict"], reply.json()["reason"]) == ("refuse", "unreadable")
    async with runtime.database.session(write=False) as session:
        row = (await session.scalars(select(Scan))).one()
    assert row.code_digest is not None
    assert row.code_length == len(text)
    assert row.issuer is None
    body = gate.scan(text)
    first = await client.post("/v1/scans", json=body, headers=gate.guard)
    again = await client.post("/v1/scans", json=body, headers=gate.guard)
    assert again.json() == first.json() | {"repeated": True}


async def test_forged_and_foreign_codes_are_refused(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (text,) = await mint(client, courier)
    code = code_format.parse_code_text(text, ["https://hx.example.cn/c/"])

    def spelled(**changed: object) -> str:
        fields = {
            name: getattr(code, name) for name in ("iss", "kid", "sub", "iat", "ttl", "jti", "signature")
        }
        return base32(code_format.Code(**{**fields, **changed}))

    reasons = {
        "forged": spelled(sub=bytes(8)),
        "unknown_key": spelled(kid="fe"),
        "unknown_issuer": spelled(iss="1100"),
    }
    for reason, forged in reasons.items():
        answer = (await scan(client, gate, forged)).json()
        assert (answer["verdict"], answer["reason"]) == ("refuse", reason)


async def test_after_a_key_was_withdrawn_our_own_codes_are_checked_and_forgeries_refused(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (text,) = await mint(client, courier)
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        (key,) = await list_keys(work)
        leaked = runtime.ring.signing(await load_key_states(work.session, work.now), "5000")
        await withdraw_key(work, kid=key.kid, reason="leaked")
    code = code_format.parse_code_text(text, ["https://hx.example.cn/c/"])
    forgery = sign_code(iss="5000", sub=code.sub, iat=code.iat, ttl=code.ttl, jti_key=bytes(32), key=leaked)
    answer = (await scan(client, gate, base32(forgery))).json()
    assert (answer["verdict"], answer["reason"]) == ("refuse", "key_withdrawn")
    answer = (await scan(client, gate, text)).json()
    assert (answer["verdict"], answer["reason"]) == ("check", "key_withdrawn")
    (fresh,) = await mint(client, courier)
    assert (await scan(client, gate, fresh)).json()["verdict"] == "admit"


async def test_without_a_shift_here_nothing_is_scanned(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    other = await open_gate(runtime, name="映山里")
    for body, headers in [
        (gate.scan(code), other.guard),
        (gate.scan(code), courier.headers),
        (gate.scan(code, enrolment_id=str(uuid4())), gate.guard),
    ]:
        reply = await client.post("/v1/scans", json=body, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (409, "no_shift")
    assert await stored(runtime) == 0


async def test_a_key_that_signs_at_once_is_known_at_once(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    await scan(client, gate, (await mint(client, courier))[0])
    for kid in ("02", "03"):
        async with begin_work(
            runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
        ) as work:
            assert (await rotate_keys(work, at_once=True)).kid == kid
        (code,) = await mint(client, courier)
        assert (await scan(client, gate, code)).json()["verdict"] == "admit"
