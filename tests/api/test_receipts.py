"""Receipts: a courier has an own entry certified, and whoever reads it can check that by the key set."""

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc import jws as other_library
from joserfc.jwk import KeySet
from sqlalchemy import select, update

from app.clock import write_instant
from app.models.audit import AuditRecord
from app.models.couriers import Person
from app.runtime import Runtime
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.couriers import made_up_id
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint
from tests.factories.settings import make_settings
from tests.factories.work import seeding

AUDIENCE = "平台客服"
KEY_SET = "/.well-known/statement-keys.json"
RECEIPTS_A_MINUTE = 30


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def scan(client: httpx.AsyncClient, gate: WorkingGate, code: str, **changed: str) -> dict[str, Any]:
    reply = await client.post("/v1/scans", json=gate.scan(code, **changed), headers=gate.guard)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def admitted(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier, **changed: str
) -> dict[str, Any]:
    (code,) = await mint(client, courier)
    answer = await scan(client, gate, code, **changed)
    assert answer["verdict"] == "admit"
    return answer


async def checked(client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier) -> dict[str, Any]:
    """A scan that was left to the guard: a code shown again."""
    (code,) = await mint(client, courier)
    await scan(client, gate, code)
    answer = await scan(client, gate, code)
    assert answer["verdict"] == "check"
    return answer


async def ask(
    client: httpx.AsyncClient, courier: WorkingCourier, entry_id: str, audience: str = AUDIENCE
) -> httpx.Response:
    return await client.post(
        f"/v1/couriers/me/entries/{entry_id}/receipts", json={"audience": audience}, headers=courier.headers
    )


async def follow(client: httpx.AsyncClient, gate: WorkingGate, scan_id: str, what: str, **body: str) -> None:
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{scan_id}/{what}"
    assert (await client.put(path, json=body, headers=gate.guard)).status_code == 200


async def verified_elsewhere(client: httpx.AsyncClient, receipt: str) -> dict[str, Any]:
    """The claims, by another JOSE library that knows nothing but the published key set."""
    published = KeySet.import_key_set((await client.get(KEY_SET)).json())
    theirs = other_library.deserialize_compact(receipt, published, algorithms=["ES256"])
    assert theirs.headers() == {"alg": "ES256", "kid": "s1", "typ": "hx-receipt+jwt"}
    assert theirs.payload is not None
    claims: dict[str, Any] = json.loads(theirs.payload)
    return claims


async def test_another_library_verifies_a_receipt_by_the_published_keys(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await admitted(client, gate, courier)
    clock.advance(minutes=20)
    reply = await ask(client, courier, entry["id"])
    assert reply.status_code == 201, reply.text
    answer = reply.json()
    claims = await verified_elsewhere(client, answer.pop("receipt"))
    assert claims == answer
    assert UUID(claims.pop("jti")).version == 7
    assert claims == {
        "iss": "5000",
        "iat": int(clock().timestamp()),
        "aud": AUDIENCE,
        "sub": "甄**",
        "entry": {
            "id": entry["id"],
            "at": entry["recorded_at"],
            "direction": "in",
            "compound": "翠湖苑",
            "gate": "东门",
            "verdict": "admit",
            "outcome": None,
            "offline": False,
            "doubtful": False,
        },
    }


async def test_an_entry_after_a_check_says_what_the_guard_did(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await checked(client, gate, courier)
    assert (await ask(client, courier, entry["id"])).status_code == 404
    await follow(client, gate, entry["scan_id"], "outcome", outcome="let_in")
    certified = (await ask(client, courier, entry["id"])).json()["entry"]
    assert (certified["verdict"], certified["outcome"]) == ("check", "let_in")


async def test_an_entry_that_a_device_decided_alone_says_so(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    happened = clock() + timedelta(seconds=20)
    clock.advance(minutes=30)
    reply = await client.post(
        f"/v1/enrolments/{gate.enrolment_id}/scans",
        json={"scans": [gate.offline(code, 1, happened)]},
        headers=gate.device,
    )
    scan = reply.json()["results"][0]["scan"]
    answer = (await ask(client, courier, scan["id"])).json()
    entry = (await verified_elsewhere(client, answer["receipt"]))["entry"]
    assert entry == answer["entry"]
    assert (entry["offline"], entry["doubtful"]) == (True, False)
    assert entry["at"] == scan["happened_at"] == write_instant(happened)


async def test_an_exit_is_certified_as_one(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await admitted(client, gate, courier, direction="out")
    assert (await ask(client, courier, entry["id"])).json()["entry"]["direction"] == "out"


async def test_what_is_no_entry_has_no_receipt(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    turned_away = await checked(client, gate, courier)
    await follow(client, gate, turned_away["scan_id"], "outcome", outcome="turned_away")
    clock.advance(seconds=31)
    annulled = await admitted(client, gate, courier)
    assert (await ask(client, courier, annulled["id"])).status_code == 201
    await follow(client, gate, annulled["scan_id"], "annulment", reason="扫错方向")
    clock.advance(seconds=31)
    (late,) = await mint(client, courier)
    clock.advance(minutes=10)
    refused = await scan(client, gate, late)
    assert refused["verdict"] == "refuse"
    for entry_id in (turned_away["id"], annulled["id"], refused["id"], annulled["scan_id"]):
        reply = await ask(client, courier, entry_id)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


async def test_anothers_entry_is_as_absent_as_none(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await admitted(client, gate, courier)
    other = await bring_courier(runtime, serial=2)
    replies = [await ask(client, other, entry_id) for entry_id in (entry["id"], str(uuid4()))]
    guard = await client.post(
        f"/v1/couriers/me/entries/{entry['id']}/receipts", json={"audience": AUDIENCE}, headers=gate.guard
    )
    for reply in (*replies, guard):
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    async with runtime.database.session(write=False) as session:
        assert await issued(session) == []


async def issued(session: Any) -> list[AuditRecord]:
    return list(await session.scalars(select(AuditRecord).where(AuditRecord.action == "receipts.issued")))


async def test_who_was_erased_gets_no_receipt(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await admitted(client, gate, courier)
    async with seeding(runtime) as work:
        await work.session.execute(
            update(Person).where(Person.id == courier.courier.person_id).values(wrapped_key=None)
        )
    assert (await ask(client, courier, entry["id"])).status_code == 404


async def test_receipts_of_one_entry_differ_in_their_id_and_time_only(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await admitted(client, gate, courier)
    first = (await ask(client, courier, entry["id"])).json()
    clock.advance(seconds=1)
    second = (await ask(client, courier, entry["id"])).json()
    assert second["iat"] == first["iat"] + 1
    assert {name for name in first if first[name] != second[name]} == {"receipt", "iat", "jti"}


async def test_a_receipt_is_recorded_without_its_reader_and_holds_nothing_personal(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await admitted(client, gate, courier)
    answer = (await ask(client, courier, entry["id"])).json()
    async with runtime.database.session(write=False) as session:
        (record,) = await issued(session)
    assert (record.subject_kind, record.subject_id) == ("receipt", answer["jti"])
    assert (record.account_id, record.reason) == (courier.courier.account_id, None)
    assert record.details == {"entry_id": entry["id"]}

    body = answer["receipt"].split(".")[1]
    said = json.dumps(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))), ensure_ascii=False)
    shown = json.dumps(answer, ensure_ascii=False)
    ids = {str(courier.courier.id), str(courier.courier.person_id), str(courier.courier.account_id)}
    for personal in ("甄试验", "试验", made_up_id(1), "19900000001", "晨光速运", *ids):
        assert personal not in said
        assert personal not in shown


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("  晨光速运 ", "晨光速运"),
        ("Cafe\u0301", "Café"),
        ('<b>"x"</b>\\', '<b>"x"</b>\\'),
        ("🛵" * 100, "🛵" * 100),
    ],
)
async def test_the_reader_is_named_as_written(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier, sent: str, written: str
) -> None:
    entry = await admitted(client, gate, courier)
    answer = (await ask(client, courier, entry["id"], sent)).json()
    assert (await verified_elsewhere(client, answer["receipt"]))["aud"] == answer["aud"] == written


@pytest.mark.parametrize("audience", ["", " ", "x" * 101, "a\nb", "a\u202eb", None, 7, ["x"]])
async def test_a_reader_that_is_no_line_of_text_is_refused(
    client: httpx.AsyncClient, courier: WorkingCourier, audience: Any
) -> None:
    reply = await ask(client, courier, str(uuid4()), audience)
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")


async def test_receipts_are_limited_by_account(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    entry = await admitted(client, gate, courier)
    for _ in range(RECEIPTS_A_MINUTE):
        assert (await ask(client, courier, entry["id"])).status_code == 201
    refused = await ask(client, courier, entry["id"])
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    other = await bring_courier(runtime, serial=2)
    assert (await ask(client, other, entry["id"])).status_code == 404
    assert len(await mint(client, courier)) == 1
    clock.advance(seconds=timedelta(minutes=1).total_seconds())
    assert (await ask(client, courier, entry["id"])).status_code == 201


async def test_the_key_set_is_open_cacheable_and_not_that_of_codes(
    client: httpx.AsyncClient,
    gate: WorkingGate,  # noqa: ARG001 - with it comes the key of codes
) -> None:
    reply, codes = await client.get(KEY_SET), await client.get("/.well-known/jwks.json")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == codes.headers["cache-control"] == "public, max-age=300"
    (key,) = reply.json()["keys"]
    assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
    (other,) = codes.json()["keys"]
    assert {key["kid"], key["x"]}.isdisjoint({other["kid"], other["x"]})


async def test_receipts_codes_and_sign_in_tokens_do_not_stand_in_for_each_other(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    entry = await admitted(client, gate, courier)
    receipt = (await ask(client, courier, entry["id"])).json()["receipt"]
    signed_in = await client.get("/v1/me", headers={"authorization": f"Bearer {receipt}"})
    assert (signed_in.status_code, signed_in.json()["code"]) == (401, "unauthenticated")
    for text in (receipt, runtime.settings.link_prefix + receipt):
        answer = await scan(client, gate, text)
        assert (answer["verdict"], answer["reason"]) == ("refuse", "unreadable")
        seen = await client.post("/v1/codes/examinations", json={"code": text}, headers=gate.guard)
        assert seen.json()["readable"] is False
