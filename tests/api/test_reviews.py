"""The reviewers' queue through the API: what it shows, who may decide, and that one decision wins."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, func, select

from app.database import Database
from app.main import create_app
from app.models.accounts import AccountKind, Role
from app.models.audit import AuditRecord
from app.models.couriers import Affiliation, Courier, CourierChange, CourierState
from app.models.notices import Notice
from app.models.reviews import Review
from app.runtime import Runtime
from app.services.couriers.rules import ReviewReason
from app.services.couriers.verification import ask_reviewer
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.accounts import EVERYWHERE, make_account, sign_in, signed_in, within_area
from tests.factories.couriers import made_up_id, make_courier, staff
from tests.factories.employers import make_employer
from tests.factories.work import seeding

REVIEWS = "/v1/reviews"
YES = {"approve": True, "reason": "证件原件已核对"}
NO = {"approve": False, "reason": "证件照片不清"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A courier whom no roster knows."""

    courier_id: UUID
    review_id: UUID
    headers: dict[str, str] = field(repr=False)


async def wait_for_review(runtime: Runtime, *, serial: int) -> Waiting:
    """A pending courier with an open review; committed."""
    async with seeding(runtime) as work:
        account = await make_account(work, kind=AccountKind.wechat, grants=())
        courier = await make_courier(
            work,
            name="闻小安",
            document=made_up_id(serial),
            phone="+8613800138301",
            employer=await make_employer(work, name=f"晨光速运{serial}"),
            state=CourierState.pending,
            account=account,
        )
        await ask_reviewer(work, courier=courier, reasons=[ReviewReason.no_roster])
        review = (await work.session.scalars(select(Review).where(Review.courier_id == courier.id))).one()
        return Waiting(courier.id, review.id, await sign_in(work, account=account))


@pytest.fixture
async def waiting(runtime: Runtime) -> Waiting:
    return await wait_for_review(runtime, serial=301)


@pytest.fixture
async def reviewer(runtime: Runtime) -> dict[str, str]:
    return await staff(runtime, Role.reviewer)


async def courier_of(runtime: Runtime, waiting: Waiting) -> Courier:
    """The courier as stored now."""
    async with runtime.database.session(write=False) as session:
        return await session.get_one(Courier, waiting.courier_id)


async def test_the_queue_shows_reasons_and_masked_identities(
    client: httpx.AsyncClient, waiting: Waiting, reviewer: dict[str, str]
) -> None:
    queue = (await client.get(f"{REVIEWS}?state=open&kind=verification", headers=reviewer)).json()
    (review,) = queue["items"]
    assert review == (await client.get(f"{REVIEWS}/{waiting.review_id}", headers=reviewer)).json()
    assert review["reasons"] == [
        {"code": "no_roster", "zh": "不在任何名册上", "en": "On no employer's roster."}
    ]
    assert review["profile"]["name"] == "闻**"
    assert review["profile"]["phone"] == "138****8301"
    assert (review["state"], review["claimed"], review["employer"]) == ("open", None, None)
    none = (await client.get(f"{REVIEWS}?kind=recovery", headers=reviewer)).json()
    assert none == {"items": [], "next_cursor": None}


async def test_the_queue_is_paged_in_a_constant_number_of_statements(
    client: httpx.AsyncClient, runtime: Runtime, reviewer: dict[str, str]
) -> None:
    waiting = [await wait_for_review(runtime, serial=serial) for serial in range(310, 315)]
    statements: list[str] = []
    async with runtime.database.session(write=False) as session:
        engine = (await session.connection()).engine

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _count(_c: object, _cur: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    counts, seen, cursor = [], [], ""
    for limit in (1, 4):
        statements.clear()
        page = (await client.get(f"{REVIEWS}?limit={limit}{cursor}", headers=reviewer)).json()
        counts.append(len(statements))
        seen += [UUID(item["id"]) for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    event.remove(engine.sync_engine, "before_cursor_execute", _count)
    assert seen == [one.review_id for one in waiting]
    assert page["next_cursor"] is None
    assert counts[0] == counts[1] > 0


async def test_a_yes_verifies_and_confirms_the_affiliation(
    client: httpx.AsyncClient, runtime: Runtime, waiting: Waiting, reviewer: dict[str, str]
) -> None:
    path = f"{REVIEWS}/{waiting.review_id}/decision"
    reply = await client.post(path, json=YES, headers=reviewer)
    assert (reply.status_code, reply.json()["state"]) == (200, "approved")
    courier = await courier_of(runtime, waiting)
    assert courier.state == "verified"
    assert courier.card_id is not None
    async with runtime.database.session(write=False) as session:
        tie = (await session.scalars(select(Affiliation))).one()
        assert tie.vouched_at is not None
        assert list(await session.scalars(select(Notice.kind))) == ["verified"]
        change = (await session.scalars(select(CourierChange))).one()
        assert (change.to_state, change.actor, change.reason) == ("verified", "staff", "证件原件已核对")
    again = await client.post(path, json=NO, headers=reviewer)
    assert (again.status_code, again.json()["code"]) == (409, "review_decided")
    assert (await courier_of(runtime, waiting)).state == "verified"


async def test_a_no_leaves_the_courier_pending_and_says_why(
    client: httpx.AsyncClient, runtime: Runtime, waiting: Waiting, reviewer: dict[str, str]
) -> None:
    path = f"{REVIEWS}/{waiting.review_id}/decision"
    assert (await client.post(path, json=NO, headers=reviewer)).json()["state"] == "declined"
    profile = (await client.get("/v1/couriers/me", headers=waiting.headers)).json()
    assert (profile["state"], profile["under_review"]) == ("pending", False)
    assert profile["declined_because"] == "证件照片不清"
    async with runtime.database.session(write=False) as session:
        assert list(await session.scalars(select(Notice.kind))) == ["review_declined"]
        actions = list(await session.scalars(select(AuditRecord.action)))
    assert "reviews.declined" in actions


async def test_a_yes_does_not_lift_a_suspension(
    client: httpx.AsyncClient, runtime: Runtime, waiting: Waiting, reviewer: dict[str, str]
) -> None:
    suspension = f"/v1/couriers/{waiting.courier_id}/suspension"
    await client.post(suspension, json={"reason": "多次冒用"}, headers=reviewer)
    reply = await client.post(f"{REVIEWS}/{waiting.review_id}/decision", json=YES, headers=reviewer)
    assert (reply.status_code, reply.json()["code"]) == (409, "transition_refused")
    assert (await courier_of(runtime, waiting)).state == "suspended"
    read = await client.get(f"{REVIEWS}/{waiting.review_id}", headers=reviewer)
    assert read.json()["state"] == "open"


async def test_nobody_decides_about_themselves(
    client: httpx.AsyncClient, runtime: Runtime, waiting: Waiting
) -> None:
    async with seeding(runtime) as work:
        account = await make_account(work, kind=AccountKind.staff, grants=[(Role.reviewer, EVERYWHERE)])
        review = await work.session.get_one(Review, waiting.review_id)
        review.account_id = account.id
        own = await sign_in(work, account=account)
    reply = await client.post(f"{REVIEWS}/{waiting.review_id}/decision", json=YES, headers=own)
    assert (reply.status_code, reply.json()["code"]) == (409, "own_review")


async def test_a_look_up_needs_a_reason_and_leaves_a_record(
    client: httpx.AsyncClient, runtime: Runtime, waiting: Waiting, reviewer: dict[str, str]
) -> None:
    path = f"{REVIEWS}/{waiting.review_id}/look-up"
    assert (await client.post(path, json={}, headers=reviewer)).status_code == 422
    assert (await client.post(path, json={"reason": " "}, headers=reviewer)).status_code == 422
    found = await client.post(path, json={"reason": "核对证件"}, headers=reviewer)
    assert found.json()["profile"]["document_number"] == made_up_id(301)
    async with runtime.database.session(write=False) as session:
        record = (
            await session.scalars(select(AuditRecord).where(AuditRecord.action == "couriers.looked_up"))
        ).one()
    assert (record.subject_id, record.reason) == (str(waiting.courier_id), "核对证件")


@pytest.mark.parametrize("role", [Role.registrar, Role.employer_user, Role.operator, Role.guard])
async def test_only_reviewers_see_the_queue(
    client: httpx.AsyncClient, runtime: Runtime, waiting: Waiting, role: Role
) -> None:
    for headers in (await staff(runtime, role), waiting.headers):
        for path in (REVIEWS, f"{REVIEWS}/{waiting.review_id}"):
            assert (await client.get(path, headers=headers)).status_code == 403
        for path, body in (("decision", YES), ("look-up", {"reason": "x"})):
            reply = await client.post(f"{REVIEWS}/{waiting.review_id}/{path}", json=body, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_absent_reviews_and_those_out_of_reach_read_the_same(
    client: httpx.AsyncClient, runtime: Runtime, waiting: Waiting, reviewer: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        narrow = await signed_in(
            work, kind=AccountKind.staff, grants=[(Role.reviewer, within_area("500104"))]
        )
    assert (await client.get(REVIEWS, headers=narrow)).json()["items"] == []
    for headers, review_id in ((narrow, waiting.review_id), (reviewer, uuid4())):
        path = f"{REVIEWS}/{review_id}"
        replies = [
            await client.get(path, headers=headers),
            await client.post(f"{path}/decision", json=YES, headers=headers),
            await client.post(f"{path}/look-up", json={"reason": "x"}, headers=headers),
        ]
        assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(404, "not_found")] * 3


@pytest.fixture
async def racing(own_database: Database, settings: Settings, secrets: Secrets) -> AsyncIterator[Runtime]:
    """A runtime on a database whose transactions are real."""
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    yield runtime
    await runtime.http.aclose()


async def test_of_fifty_decisions_at_once_one_wins(racing: Runtime) -> None:
    waiting = await wait_for_review(racing, serial=302)
    reviewers = [await staff(racing, Role.reviewer) for _ in range(5)]
    transport = httpx.ASGITransport(app=create_app(racing), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        replies = await asyncio.gather(
            *(
                client.post(
                    f"{REVIEWS}/{waiting.review_id}/decision",
                    json=YES if turn % 2 else NO,
                    headers=reviewers[turn % 5],
                )
                for turn in range(50)
            )
        )
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 49
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {"review_decided"}
    (winner,) = [reply.json()["state"] for reply in replies if reply.status_code == 200]
    async with racing.database.session(write=False) as session:
        state = await session.scalar(select(Courier.state).where(Courier.id == waiting.courier_id))
        changes = await session.scalar(select(func.count()).select_from(CourierChange))
    assert (state, changes) == (("verified", 1) if winner == "approved" else ("pending", 0))
