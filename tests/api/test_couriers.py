"""Registration and verification through the API."""

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select

from app.models.accounts import Role
from app.models.couriers import Person
from app.models.employers import Employer
from app.runtime import Runtime
from app.settings import Settings
from app.standin.faults import Fault
from tests.factories.couriers import (
    Applicant,
    consents,
    employer_called,
    list_on_roster,
    made_up_id,
    shown_card,
    staff,
    told,
)

ZHEN = made_up_id(101)
NAME = "甄实诚"
PHONE = "13800138101"
ME = "/v1/couriers/me"


@pytest.fixture
def settings(wechat_settings: Settings) -> Settings:
    return wechat_settings


@pytest.mark.usefixtures("listed")
async def test_who_is_on_a_roster_is_verified_at_once(applicant: Applicant, runtime: Runtime) -> None:
    spelled = f"{ZHEN[:6]} {ZHEN[6:14]}-{ZHEN[14:].lower()}"
    reply = await applicant.register(name=" 甄 实诚", document={"type": "resident_id", "number": spelled})
    assert reply.status_code == 202, reply.text
    profile = reply.json()
    assert (profile["state"], profile["under_review"]) == ("verified", False)
    assert profile["document"] == f"5{'*' * 16}{ZHEN[-1]}"
    assert profile["phone"] == "138****8101"
    assert [(tie["employer"], tie["confirmed"]) for tie in profile["affiliations"]] == [("晨光速运", True)]
    assert (await applicant.profile()).json() == profile
    face = await shown_card(runtime)
    assert (face.surname, face.employer, face.kind_of_work) == ("甄", "晨光速运", "food_delivery")
    assert await told(runtime) == ["verified"]


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        (None, ["no_roster"]),
        ({"name": "甄诚实"}, ["name_differs"]),
        ({"phone": "13800138999"}, ["phone_differs"]),
        ({"name": "甄诚实", "phone": "13800138999"}, ["name_differs", "phone_differs"]),
    ],
)
async def test_whom_no_roster_vouches_for_waits_for_a_reviewer(
    applicant: Applicant,
    runtime: Runtime,
    employer: Employer,
    row: dict[str, str] | None,
    reasons: list[str],
) -> None:
    if row is not None:
        said = {"name": NAME, "phone": PHONE} | row
        await list_on_roster(runtime, employer, name=said["name"], document=ZHEN, phone=said["phone"])
    profile = (await applicant.register()).json()
    assert (profile["state"], profile["under_review"]) == ("pending", True)
    reviewer = await staff(runtime, Role.reviewer)
    (review,) = (await applicant.client.get("/v1/reviews", headers=reviewer)).json()["items"]
    assert [reason["code"] for reason in review["reasons"]] == reasons
    assert review["profile"] == {
        "name": "甄**",
        "document_type": "resident_id",
        "document": f"5{'*' * 16}{ZHEN[-1]}",
        "phone": "138****8101",
    }


@pytest.mark.usefixtures("listed")
async def test_a_roster_of_another_employer_verifies_and_adds_its_affiliation(
    applicant: Applicant, runtime: Runtime
) -> None:
    other = await employer_called(runtime, "渝快达")
    tie = {"employer_id": str(other.id), "kind_of_work": "errand", "vehicle": "on_foot"}
    profile = (await applicant.register(affiliations=[tie])).json()
    assert (profile["state"], profile["under_review"]) == ("verified", True)
    assert {tie["employer"]: tie["confirmed"] for tie in profile["affiliations"]} == {
        "渝快达": False,
        "晨光速运": True,
    }
    assert (await shown_card(runtime)).employer == "晨光速运"


TAIWAN_PERMIT = {"type": "taiwan_permit", "number": "12345678"}
NOBODY = {"employer_id": str(UUID(int=1)), "kind_of_work": "errand", "vehicle": "on_foot"}


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"document": {"type": "resident_id", "number": ZHEN[:-1] + "?"}}, 422, "invalid_document"),
        ({"document": {"type": "resident_id", "number": made_up_id(1, birth="20100512")}}, 403, "under_age"),
        ({"document": TAIWAN_PERMIT}, 409, "birth_date_required"),
        ({"document": TAIWAN_PERMIT, "birth_date": "2011-01-01"}, 403, "under_age"),
        ({"name": "·"}, 422, "invalid_name"),
        ({"name": "\u0000"}, 422, "malformed_request"),
        ({"consents": consents(gate=False)}, 409, "gate_consent_required"),
        ({"consents": {}}, 422, "malformed_request"),
        ({"affiliations": []}, 422, "malformed_request"),
        ({"affiliations": [NOBODY]}, 409, "unknown_employer"),
        ({"affiliations": [NOBODY, NOBODY | {"vehicle": "e_bike"}]}, 409, "affiliation_exists"),
        ({"star": 5}, 422, "malformed_request"),
    ],
)
async def test_a_registration_that_cannot_be_stores_nothing_and_spends_no_phone_code(
    applicant: Applicant, runtime: Runtime, changed: dict[str, object], status: int, code: str
) -> None:
    phone_code = applicant.standin.release_phone("zhen", PHONE)
    reply = await applicant.register(phone_code=phone_code, **changed)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    async with runtime.database.session(write=False) as session:
        assert (await session.scalars(select(Person))).all() == []
    assert (await applicant.register(phone_code=phone_code)).status_code == 202


async def test_under_sixteen_is_referred_to_help(applicant: Applicant) -> None:
    young = {"type": "resident_id", "number": made_up_id(1, birth="20100512")}
    sixteen_today = {"type": "resident_id", "number": made_up_id(1, birth="20100511")}
    assert "12355" in (await applicant.register(document=young)).json()["detail"]
    assert (await applicant.register(document=sixteen_today)).status_code == 202


async def test_the_phone_must_be_released_by_the_same_wechat_user(applicant: Applicant) -> None:
    reply = await applicant.register(phone_code=applicant.standin.release_phone("li", PHONE))
    assert (reply.status_code, reply.json()["code"]) == (400, "wechat_phone_code_rejected")


async def test_wechat_away_stores_nothing(applicant: Applicant) -> None:
    applicant.standin.fail_next(Fault(path="/wxa/business/getuserphonenumber", errcode=-1))
    reply = await applicant.register()
    assert (reply.status_code, reply.json()["code"]) == (503, "wechat_unavailable")
    assert (await applicant.profile()).status_code == 404


@pytest.mark.usefixtures("verified")
async def test_an_account_has_one_profile(applicant: Applicant) -> None:
    reply = await applicant.register(document={"type": "resident_id", "number": made_up_id(102)})
    assert (reply.status_code, reply.json()["code"]) == (409, "already_registered")


async def test_staff_cannot_register(applicant: Applicant, runtime: Runtime) -> None:
    reviewer = replace(applicant, headers=await staff(runtime, Role.reviewer))
    reply = await reviewer.register()
    assert (reply.status_code, reply.json()["code"]) == (409, "wechat_required")


async def test_registrations_of_one_account_are_limited(applicant: Applicant) -> None:
    replies = [await applicant.register(name="·", phone_code="unused") for _ in range(21)]
    assert [reply.status_code for reply in replies] == [422] * 20 + [429]
    assert int(replies[-1].headers["retry-after"]) > 0
