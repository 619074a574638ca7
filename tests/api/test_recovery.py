"""One person, one profile: what a second registration of a document brings about, and what it tells."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.main import create_app
from app.models.accounts import Role
from app.models.couriers import Courier, Person
from app.models.employers import Employer
from app.models.notices import Notice
from app.models.reviews import Review
from app.runtime import Runtime
from app.settings import Secrets, Settings
from app.standin.remote import StandIn
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.couriers import (
    Applicant,
    arrive,
    employer_called,
    list_on_roster,
    made_up_id,
    only_courier,
    staff,
)
from tests.factories.desks import decide, open_reviews

DOCUMENT = made_up_id(201)
NAME = "裴念安"
PHONE = "13800138201"
OTHER_PHONE = "13800138202"
ME = "/v1/couriers/me"


@pytest.fixture
def settings(wechat_settings: Settings) -> Settings:
    return wechat_settings


@pytest.fixture
async def owner(
    client: httpx.AsyncClient, runtime: Runtime, standin: StandIn, employer: Employer
) -> Applicant:
    """Whose document it is, not registered yet."""
    return Applicant(
        client=client,
        standin=standin,
        headers=await arrive(runtime, standin, "pei"),
        user="pei",
        name=NAME,
        document=DOCUMENT,
        phone=PHONE,
        employer_id=employer.id,
    )


@pytest.fixture
async def second(runtime: Runtime, standin: StandIn, owner: Applicant) -> Applicant:
    """The same document from another account of WeChat with another phone."""
    headers = await arrive(runtime, standin, "pei-2")
    return replace(owner, headers=headers, user="pei-2", phone=OTHER_PHONE)


async def answer(client: httpx.AsyncClient, runtime: Runtime, *, approve: bool) -> httpx.Response:
    """A reviewer's answer to the one open recovery."""
    reviewer = await staff(runtime, Role.reviewer)
    queue = await client.get("/v1/reviews?state=open&kind=recovery", headers=reviewer)
    (review,) = queue.json()["items"]
    return await decide(client, reviewer, review, approve=approve)


def alike(profile: dict[str, object]) -> dict[str, object]:
    """`profile` without what must differ between two registrations."""
    ties = [{**tie, "id": None} for tie in profile["affiliations"]]  # type: ignore[attr-defined]
    return {**profile, "phone": None, "affiliations": ties}


async def test_nobody_learns_that_a_document_is_known(
    owner: Applicant, second: Applicant, client: httpx.AsyncClient
) -> None:
    first, claimed = await owner.register(), await second.register()
    assert (first.status_code, claimed.status_code) == (202, 202)
    assert alike(claimed.json()) == alike(first.json())
    for path, method in ((ME, "GET"), (f"{ME}/photo", "GET"), (f"{ME}/look-ups", "GET")):
        ours, theirs = [await client.request(method, path, headers=who.headers) for who in (owner, second)]
        assert theirs.status_code == ours.status_code
    for path in ("photo", "consents"):
        answers = [
            await client.put(
                f"{ME}/{path}",
                json={purpose: {"version": "2", "given": True} for purpose in ("gate", "rating")}
                | {purpose: {"version": "2", "given": False} for purpose in ("portrait", "sharing")},
                headers=who.headers,
            )
            for who in (owner, second)
        ]
        assert [answer.json()["code"] for answer in answers] == ["registration_under_review"] * 2
    again = [await who.register() for who in (owner, second)]
    assert [reply.json()["code"] for reply in again] == ["already_registered"] * 2


async def test_taking_a_registration_back_reads_the_same(
    owner: Applicant, second: Applicant, client: httpx.AsyncClient
) -> None:
    for who in (owner, second):
        await who.register()
        assert (await client.delete(ME, headers=who.headers)).status_code == 204
    assert alike((await second.profile()).json()) == alike((await owner.profile()).json())
    assert (await owner.profile()).json()["state"] == "left"
    again = [(await who.register()).json() for who in (owner, second)]
    assert alike(again[0]) == alike(again[1])


async def decline_all(client: httpx.AsyncClient, runtime: Runtime) -> None:
    """A reviewer's no to whatever waits."""
    reviewer = await staff(runtime, Role.reviewer)
    for review in await open_reviews(client, reviewer):
        await decide(client, reviewer, review, approve=False, reason="证件照片不清")


async def touch_all(
    client: httpx.AsyncClient, who: Applicant, tie_id: str
) -> list[tuple[str, str, int, str | None]]:
    """Whatever a courier may do to the own profile, and how each is answered; the last is to leave."""
    consents = {purpose: {"version": "2", "given": True} for purpose in ("gate", "rating")}
    consents |= {purpose: {"version": "2", "given": False} for purpose in ("portrait", "sharing")}
    tie = {"employer_id": str(who.employer_id), "kind_of_work": "errand", "vehicle": "on_foot"}
    answers = []
    for method, path, body in (
        ("GET", ME, None),
        ("GET", f"{ME}/photo", None),
        ("GET", f"{ME}/look-ups", None),
        ("PUT", f"{ME}/consents", consents),
        ("PUT", f"{ME}/photo", {}),
        ("POST", f"{ME}/affiliations", tie),
        ("POST", "/v1/codes", {"count": 1}),
        ("POST", f"/v1/couriers/affiliations/{tie_id}/ending", {"reason": "换工作"}),
        ("DELETE", ME, None),
    ):
        reply = await client.request(method, path, json=body, headers=who.headers)
        told = reply.json() if reply.content else {}
        answers.append((method, path.replace(tie_id, ""), reply.status_code, told.get("code")))
    return answers


@pytest.mark.parametrize("declined", [False, True])
async def test_nothing_that_is_tried_on_a_claim_tells_that_the_document_is_known(
    owner: Applicant, second: Applicant, client: httpx.AsyncClient, runtime: Runtime, *, declined: bool
) -> None:
    ties = [(await who.register()).json()["affiliations"][0]["id"] for who in (owner, second)]
    if declined:
        await decline_all(client, runtime)
    for last in (204, 409):  # while it is pending, and once it was taken back
        ours, theirs = [
            await touch_all(client, who, tie) for who, tie in zip((owner, second), ties, strict=True)
        ]
        assert theirs == ours
        assert ours[-1][2] == last
    assert alike((await second.profile()).json()) == alike((await owner.profile()).json())


async def test_whoever_claims_a_profile_sees_who_looked(
    owner: Applicant, second: Applicant, client: httpx.AsyncClient, runtime: Runtime
) -> None:
    for who in (owner, second):
        await who.register()
    reviewer = await staff(runtime, Role.reviewer)
    for kind in ("verification", "recovery"):
        (review,) = (await client.get(f"/v1/reviews?kind={kind}", headers=reviewer)).json()["items"]
        body = {"reason": f"核对 {kind}"}
        await client.post(f"/v1/reviews/{review['id']}/look-up", json=body, headers=reviewer)
    ours, theirs = [
        (await client.get(f"{ME}/look-ups", headers=who.headers)).json()["items"] for who in (owner, second)
    ]
    assert [look["reason"] for look in ours] == ["核对 recovery", "核对 verification"]
    assert [look["reason"] for look in theirs] == ["核对 recovery"]


async def test_registering_again_later_reads_the_same(
    owner: Applicant, second: Applicant, client: httpx.AsyncClient, clock: SettableClock
) -> None:
    for who in (owner, second):
        await who.register()
        await client.delete(ME, headers=who.headers)
    clock.advance(minutes=5)
    ours, theirs = [(await who.register()).json() for who in (owner, second)]
    assert alike(theirs) == alike(ours)
    assert ours["registered_at"] < ours["affiliations"][0]["started_at"]


async def test_a_refused_registration_reads_the_same_and_may_be_made_again(
    owner: Applicant, second: Applicant, client: httpx.AsyncClient, runtime: Runtime
) -> None:
    await owner.register()
    await second.register()
    await decline_all(client, runtime)
    profiles = [(await who.profile()).json() for who in (owner, second)]
    assert alike(profiles[0]) == alike(profiles[1])
    assert profiles[0]["declined_because"] == "证件照片不清"
    assert not profiles[0]["under_review"]
    again = [await who.register() for who in (owner, second)]
    assert [(reply.status_code, reply.json()["under_review"]) for reply in again] == [(202, True)] * 2


async def test_the_same_document_name_and_phone_move_the_profile_at_once(
    owner: Applicant,
    second: Applicant,
    runtime: Runtime,
    employer: Employer,
    clock: SettableClock,
) -> None:
    await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
    assert (await owner.register()).json()["state"] == "verified"
    before = await only_courier(runtime)
    clock.advance(minutes=5)
    moved = await replace(second, phone=PHONE).register()
    assert (moved.status_code, moved.json()["state"]) == (202, "verified")
    after = await only_courier(runtime)
    assert after.id == before.id
    assert after.account_id != before.account_id
    assert after.codes_from == clock()
    ended = await owner.profile()
    assert (ended.status_code, ended.json()["code"]) == (401, "unauthenticated")
    async with runtime.database.session(write=False) as session:
        told = list(
            await session.scalars(
                select(Notice.kind).where(Notice.account_id == before.account_id).order_by(Notice.id)
            )
        )
    assert told == ["verified", "profile_moved"]


async def test_a_reviewer_gives_the_profile_back_with_the_new_phone(
    owner: Applicant, second: Applicant, runtime: Runtime, employer: Employer, client: httpx.AsyncClient
) -> None:
    await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
    await owner.register()
    claimed = (await second.register()).json()
    assert (claimed["state"], claimed["under_review"]) == ("pending", True)
    assert (await owner.profile()).json()["state"] == "verified"
    reply = await answer(client, runtime, approve=True)
    assert reply.status_code == 200, reply.text
    assert [reason["code"] for reason in reply.json()["reasons"]] == ["phone_differs", "document_known"]
    profile = (await second.profile()).json()
    assert (profile["state"], profile["phone"]) == ("verified", "138****8202")
    assert (await owner.profile()).status_code == 401


async def test_a_declined_claim_changes_nothing_for_the_owner(
    owner: Applicant, second: Applicant, runtime: Runtime, employer: Employer, client: httpx.AsyncClient
) -> None:
    await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
    before = (await owner.register()).json()
    await second.register()
    assert (await answer(client, runtime, approve=False)).status_code == 200
    assert (await owner.profile()).json() == before
    assert (await only_courier(runtime)).codes_from is None


async def test_who_registers_a_strangers_document_first_cannot_keep_it(
    owner: Applicant, second: Applicant, runtime: Runtime, employer: Employer
) -> None:
    assert (await replace(second, name="冒名者").register()).json()["state"] == "pending"
    await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
    mine = (await owner.register()).json()
    assert (mine["state"], mine["name"]) == ("verified", NAME)
    assert (await second.profile()).status_code == 401


async def test_an_employer_cannot_take_a_verified_profile_by_a_row_of_its_making(
    owner: Applicant, second: Applicant, runtime: Runtime, employer: Employer
) -> None:
    await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
    await owner.register()
    greedy = await employer_called(runtime, "贪心物流")
    await list_on_roster(runtime, greedy, name=NAME, document=DOCUMENT, phone=OTHER_PHONE)
    assert (await second.register()).json()["state"] == "pending"
    assert (await owner.profile()).json()["state"] == "verified"


async def test_moving_does_not_lift_a_suspension(
    owner: Applicant, second: Applicant, runtime: Runtime, employer: Employer, client: httpx.AsyncClient
) -> None:
    await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
    await owner.register()
    path = f"/v1/couriers/{(await only_courier(runtime)).id}/suspension"
    suspended = await client.post(
        path, json={"reason": "多次冒用"}, headers=await staff(runtime, Role.registrar)
    )
    assert suspended.status_code == 200
    assert (await replace(second, phone=PHONE).register()).json()["state"] == "suspended"


async def test_another_document_may_follow_one_that_was_mistyped(owner: Applicant, runtime: Runtime) -> None:
    await owner.register()
    await owner.client.delete(ME, headers=owner.headers)
    right = await replace(owner, document=made_up_id(202)).register()
    assert (right.status_code, right.json()["state"]) == (202, "pending")
    async with runtime.database.session(write=False) as session:
        owners = list(await session.scalars(select(Courier.account_id).order_by(Courier.id)))
    assert owners[0] is None
    assert owners[1] is not None


async def test_fifty_registrations_of_one_document_make_one_profile(
    own_database: Database, settings: Settings, secrets: Secrets, standin: StandIn
) -> None:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    employer = await employer_called(runtime, "晨光速运")
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        racers = [
            Applicant(
                client=client,
                standin=standin,
                headers=await arrive(runtime, standin, f"racer-{number}"),
                user=f"racer-{number}",
                name=NAME,
                document=DOCUMENT,
                phone=f"138001390{number:02d}",
                employer_id=employer.id,
            )
            for number in range(50)
        ]
        codes = [standin.release_phone(racer.user, racer.phone) for racer in racers]
        replies = await asyncio.gather(
            *(racer.register(phone_code=code) for racer, code in zip(racers, codes, strict=True))
        )
    assert [reply.status_code for reply in replies] == [202] * 50
    assert {(reply.json()["state"], reply.json()["under_review"]) for reply in replies} == {("pending", True)}
    async with own_database.session(write=False) as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (Person, Courier, Review)
        ]
    assert counts == [1, 1, 50]
    await runtime.http.aclose()


async def test_one_account_registering_twice_at_once_has_one_profile(
    own_database: Database, settings: Settings, secrets: Secrets, standin: StandIn
) -> None:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    employer = await employer_called(runtime, "晨光速运")
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        applicant = Applicant(
            client=client,
            standin=standin,
            headers=await arrive(runtime, standin, "twice"),
            user="twice",
            name=NAME,
            document=DOCUMENT,
            phone=PHONE,
            employer_id=employer.id,
        )
        documents = [{"type": "resident_id", "number": made_up_id(300 + turn)} for turn in range(10)]
        replies = await asyncio.gather(*(applicant.register(document=document) for document in documents))
    assert sorted(reply.status_code for reply in replies) == [202] + [409] * 9
    async with own_database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(Courier)) == 1
    await runtime.http.aclose()
