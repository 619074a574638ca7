"""What becomes of a registered courier through the API: photo, consents, affiliations, states, look-ups."""

import io
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import select

from app.models.accounts import AccountKind, Role
from app.models.audit import AuditRecord
from app.models.couriers import Affiliation, CourierChange, Person
from app.models.employers import Employer
from app.runtime import Runtime
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.accounts import signed_in, within_employer
from tests.factories.couriers import (
    Applicant,
    consents,
    employer_called,
    made_up_id,
    only_courier,
    shown_card,
    staff,
    told,
)
from tests.factories.desks import decide, open_reviews
from tests.factories.work import seeding

ZHEN = made_up_id(101)
NAME = "甄实诚"
PHONE = "13800138101"
ME = "/v1/couriers/me"


@pytest.fixture
def settings(wechat_settings: Settings) -> Settings:
    return wechat_settings


def picture(width: int = 900, height: int = 1200) -> bytes:
    """A portrait with the place where it was taken in its EXIF block."""
    image = Image.new("RGB", (width, height), "teal")
    exif = Image.Exif()
    exif[0x010E] = "PLANTED"
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue() + b"TRAILING"


async def test_a_photo_is_drawn_anew_and_shown_on_a_new_card(
    client: httpx.AsyncClient, runtime: Runtime, verified: dict[str, str]
) -> None:
    before = (await only_courier(runtime)).card_id
    assert (await client.get(f"{ME}/photo", headers=verified)).status_code == 404
    sent = await client.put(f"{ME}/photo", content=picture(), headers=verified)
    assert sent.status_code == 204, sent.text
    got = await client.get(f"{ME}/photo", headers=verified)
    assert got.headers["content-type"] == "image/jpeg"
    assert b"PLANTED" not in got.content
    assert b"TRAILING" not in got.content
    assert Image.open(io.BytesIO(got.content)).size == (540, 720)
    face = await shown_card(runtime)
    assert str(face.photo_id) == (await client.get(ME, headers=verified)).json()["photo_id"]
    assert (await only_courier(runtime)).card_id != before


async def test_whoever_comes_back_has_the_same_face(
    client: httpx.AsyncClient, runtime: Runtime, verified: dict[str, str]
) -> None:
    await client.put(f"{ME}/photo", content=picture(), headers=verified)
    before = await shown_card(runtime)
    path, headers = f"/v1/couriers/{(await only_courier(runtime)).id}", await staff(runtime, Role.reviewer)
    for change in ("suspension", "restoration"):
        reply = await client.post(f"{path}/{change}", json={"reason": "查实无误"}, headers=headers)
        assert reply.status_code == 200, reply.text
    assert await shown_card(runtime) == before


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 415, "unsupported_photo"),
        (b"GIF89a", 415, "unsupported_photo"),
        (b"\xff\xd8\xff\xe0", 422, "invalid_photo"),
    ],
)
async def test_what_is_no_photo_is_refused(
    client: httpx.AsyncClient, verified: dict[str, str], content: bytes, status: int, code: str
) -> None:
    reply = await client.put(f"{ME}/photo", content=content, headers=verified)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert (await client.get(f"{ME}/photo", headers=verified)).status_code == 404


async def test_photos_are_limited_by_the_day(client: httpx.AsyncClient, verified: dict[str, str]) -> None:
    small = picture(8, 8)
    replies = [await client.put(f"{ME}/photo", content=small, headers=verified) for _ in range(11)]
    assert [reply.status_code for reply in replies] == [204] * 10 + [429]


async def test_consents_are_answered_one_by_one_and_only_the_gate_is_needed(
    client: httpx.AsyncClient, verified: dict[str, str]
) -> None:
    reply = await client.put(
        f"{ME}/consents", json=consents(rating=False, portrait=False, sharing=False), headers=verified
    )
    assert reply.status_code == 200, reply.text
    given = {item["purpose"]: item["given"] for item in reply.json()["items"]}
    assert given == {"gate": True, "rating": False, "portrait": False, "sharing": False}
    assert (await client.get(ME, headers=verified)).json()["state"] == "verified"
    refused = await client.put(f"{ME}/consents", json=consents(gate=False), headers=verified)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_consent_required")


async def test_a_further_affiliation_shows_once_it_is_confirmed(
    client: httpx.AsyncClient, runtime: Runtime, verified: dict[str, str]
) -> None:
    other = await employer_called(runtime, "渝快达")
    tie = {
        "employer_id": str(other.id),
        "kind_of_work": "errand",
        "vehicle": "motorcycle",
        "plate": "渝a12345",
    }
    reply = await client.post(f"{ME}/affiliations", json=tie, headers=verified)
    assert reply.status_code == 201, reply.text
    assert [(tie["employer"], tie["confirmed"], tie["plate"]) for tie in reply.json()["affiliations"]] == [
        ("晨光速运", True, None),
        ("渝快达", False, "渝A12345"),
    ]
    again = await client.post(f"{ME}/affiliations", json=tie, headers=verified)
    assert (again.status_code, again.json()["code"]) == (409, "affiliation_exists")
    assert (await shown_card(runtime)).employer == "晨光速运"
    reviewer = await staff(runtime, Role.reviewer)
    (review,) = await open_reviews(client, reviewer)
    decided = await decide(client, reviewer, review, approve=True)
    assert decided.status_code == 200, decided.text
    assert (await shown_card(runtime)).employer == "晨光速运、渝快达"


async def test_a_yes_confirms_nothing_that_was_named_after_the_question(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, verified: dict[str, str]
) -> None:
    for name in ("渝快达", "山城速递"):
        other = await employer_called(runtime, name)
        tie = {"employer_id": str(other.id), "kind_of_work": "errand", "vehicle": "on_foot"}
        await client.post(f"{ME}/affiliations", json=tie, headers=verified)
        clock.advance(seconds=1)
    reviewer = await staff(runtime, Role.reviewer)
    for shown in ("晨光速运、渝快达", "晨光速运、渝快达、山城速递"):
        (review,) = await open_reviews(client, reviewer)
        await decide(client, reviewer, review, approve=True)
        assert (await shown_card(runtime)).employer == shown


async def test_one_affiliation_ends_and_nothing_else(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, verified: dict[str, str]
) -> None:
    other = await employer_called(runtime, "渝快达")
    async with seeding(runtime) as work:
        own, foreign = [
            await signed_in(
                work,
                kind=AccountKind.staff,
                grants=[(Role.employer_user, within_employer(boss.id))],
            )
            for boss in (employer, other)
        ]
    path = f"/v1/couriers/affiliations?employer_id={employer.id}"
    assert (await client.get(path, headers=foreign)).status_code == 404
    registrar = await staff(runtime, Role.registrar)
    (tie,) = (await client.get(path, headers=own)).json()["items"]
    assert tie["name"] == "甄**"
    ending = f"/v1/couriers/affiliations/{tie['id']}/ending"
    reason = {"reason": "合同到期"}
    missing = await client.post(f"/v1/couriers/affiliations/{uuid4()}/ending", json=reason, headers=foreign)
    for employers in (foreign, own):  # its own word an employer takes back by departures, which are counted
        refused = await client.post(ending, json=reason, headers=employers)
        assert (refused.status_code, missing.status_code) == (404, 404)
        assert refused.json()["code"] == missing.json()["code"]
    for _ in range(2):
        assert (await client.post(ending, json=reason, headers=registrar)).status_code == 204
    profile = (await client.get(ME, headers=verified)).json()
    assert (profile["state"], profile["affiliations"]) == ("verified", [])
    assert (await shown_card(runtime)).employer is None
    assert await told(runtime) == ["verified", "affiliation_ended"]


@pytest.mark.usefixtures("listed")
async def test_what_a_courier_ended_does_not_come_back_with_another_affiliation(
    client: httpx.AsyncClient, runtime: Runtime, verified: dict[str, str]
) -> None:
    (tie,) = (await client.get(ME, headers=verified)).json()["affiliations"]
    ending = f"/v1/couriers/affiliations/{tie['id']}/ending"
    await client.post(ending, json={"reason": "换工作"}, headers=verified)
    other = await employer_called(runtime, "渝快达")
    named = {"employer_id": str(other.id), "kind_of_work": "errand", "vehicle": "on_foot"}
    reply = await client.post(f"{ME}/affiliations", json=named, headers=verified)
    assert [tie["employer"] for tie in reply.json()["affiliations"]] == ["渝快达"]


async def test_staff_suspend_and_restore_with_a_reason_on_record(
    client: httpx.AsyncClient, runtime: Runtime, verified: dict[str, str]
) -> None:
    courier = await only_courier(runtime)
    registrar = await staff(runtime, Role.registrar)
    path = f"/v1/couriers/{courier.id}"
    suspended = await client.post(f"{path}/suspension", json={"reason": "多次冒用"}, headers=registrar)
    assert (suspended.status_code, suspended.json()["state"]) == (200, "suspended")
    twice = await client.post(f"{path}/suspension", json={"reason": "多次冒用"}, headers=registrar)
    assert (twice.status_code, twice.json()["code"]) == (409, "transition_refused")
    fled = await client.delete(ME, headers=verified)
    assert (fled.status_code, fled.json()["state"]) == (409, "suspended")
    restored = await client.post(f"{path}/restoration", json={"reason": "查实无误"}, headers=registrar)
    assert restored.json()["state"] == "verified"
    changes = [
        (change["from_state"], change["to_state"], change["actor"], change["reason"])
        for change in restored.json()["changes"]
    ]
    assert changes == [
        ("suspended", "verified", "staff", "查实无误"),
        ("verified", "suspended", "staff", "多次冒用"),
        ("pending", "verified", "wechat", "an employer's roster vouches for name, document and phone"),
        (None, "pending", "wechat", "registered"),
    ]
    assert await told(runtime) == ["verified", "suspended", "restored"]
    async with runtime.database.session(write=False) as session:
        actions = list(await session.scalars(select(AuditRecord.action).order_by(AuditRecord.id)))
    assert actions.count("couriers.state_changed") == 3


@pytest.mark.parametrize("role", [Role.employer_user, Role.property_manager, Role.guard, Role.operator])
async def test_nobody_else_suspends(
    client: httpx.AsyncClient, runtime: Runtime, verified: dict[str, str], role: Role
) -> None:
    path = f"/v1/couriers/{(await only_courier(runtime)).id}/suspension"
    for caller in (await staff(runtime, role), verified):
        reply = await client.post(path, json={"reason": "x"}, headers=caller)
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_who_leaves_may_come_back(
    applicant: Applicant, runtime: Runtime, verified: dict[str, str]
) -> None:
    assert (await applicant.client.delete(ME, headers=verified)).status_code == 204
    profile = (await applicant.profile()).json()
    assert (profile["state"], profile["affiliations"]) == ("left", [])
    back = await applicant.register()
    assert (back.status_code, back.json()["state"]) == (202, "verified")
    async with runtime.database.session(write=False) as session:
        assert len((await session.scalars(select(Person))).all()) == 1
        ties = list(await session.scalars(select(Affiliation).order_by(Affiliation.id)))
        states = list(await session.scalars(select(CourierChange.to_state).order_by(CourierChange.id)))
    assert [tie.ended_at is None for tie in ties] == [False, True]
    assert states == ["pending", "verified", "left", "pending", "verified"]


async def test_a_courier_sees_who_looked(applicant: Applicant, runtime: Runtime) -> None:
    await applicant.register()
    reviewer = await staff(runtime, Role.reviewer)
    (review,) = (await applicant.client.get("/v1/reviews", headers=reviewer)).json()["items"]
    found = await applicant.client.post(
        f"/v1/reviews/{review['id']}/look-up", json={"reason": "核对证件"}, headers=reviewer
    )
    assert found.json() == {
        "profile": {
            "name": NAME,
            "document_type": "resident_id",
            "document_number": ZHEN,
            "phone": f"+86{PHONE}",
        },
        "claimed": None,
    }
    page = await applicant.client.get(f"{ME}/look-ups", headers=applicant.headers)
    assert [(look["actor"], look["reason"]) for look in page.json()["items"]] == [("staff", "核对证件")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ME),
        ("DELETE", ME),
        ("GET", f"{ME}/photo"),
        ("PUT", f"{ME}/photo"),
        ("PUT", f"{ME}/consents"),
        ("GET", f"{ME}/look-ups"),
    ],
)
async def test_who_has_not_registered_finds_nothing(applicant: Applicant, method: str, path: str) -> None:
    body = consents() if path.endswith("consents") else None
    reply = await applicant.client.request(method, path, json=body, headers=applicant.headers)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


@pytest.mark.usefixtures("verified")
async def test_absent_couriers_and_those_out_of_reach_read_the_same(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer
) -> None:
    async with seeding(runtime) as work:
        narrow = await signed_in(
            work, kind=AccountKind.staff, grants=[(Role.registrar, within_employer(employer.id))]
        )
    here = (await only_courier(runtime)).id
    answers = [await client.get(f"/v1/couriers/{id_}", headers=narrow) for id_ in (here, UUID(int=1))]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
