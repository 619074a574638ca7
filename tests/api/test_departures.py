"""Departures through the API: an employer ends its own affiliations, and not too many in one day."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.main import create_app
from app.models.accounts import AccountKind, Role
from app.models.couriers import Affiliation, Courier, CourierState
from app.models.employers import Employer
from app.models.notices import Notice, NoticeKind
from app.models.reviews import Review
from app.models.rosters import Departure, RosterEntry
from app.runtime import Runtime
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.factories.accounts import EVERYWHERE, signed_in, within_area, within_employer
from tests.factories.couriers import make_courier
from tests.factories.employers import make_employer
from tests.factories.rosters import Somebody, csv_file, people, put_on_roster, xlsx_file
from tests.factories.settings import make_settings
from tests.factories.work import seeding

ROSTER = people(200)
SHARE = 10
"""5 % of them."""


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a day's shift of the clock by little."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
async def employer(runtime: Runtime, clock: SettableClock) -> Employer:
    """An employer with 200 people on a roster of yesterday."""
    return await yesterdays_employer(runtime, clock)


@pytest.fixture
async def keeper(runtime: Runtime, employer: Employer) -> dict[str, str]:
    return await keeper_of(runtime, employer)


async def yesterdays_employer(runtime: Runtime, clock: SettableClock) -> Employer:
    clock.advance(days=-1)
    async with seeding(runtime) as work:
        employer = await make_employer(work, name="晨光速运")
        await put_on_roster(work, employer=employer, people=ROSTER)
    clock.advance(days=1)
    return employer


async def keeper_of(runtime: Runtime, employer: Employer) -> dict[str, str]:
    async with seeding(runtime) as work:
        return await signed_in(
            work, kind=AccountKind.staff, grants=[(Role.employer_user, within_employer(employer.id))]
        )


async def mark(
    client: httpx.AsyncClient, employer: Employer, headers: dict[str, str], *leaving: Somebody
) -> dict[str, Any]:
    reply = await client.post(
        f"/v1/employers/{employer.id}/departures",
        json={"documents": [person.marked for person in leaving], "reason": "合同到期"},
        headers=headers,
    )
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def outcome(answer: dict[str, Any]) -> tuple[int, int, int, int]:
    return answer["applied"], answer["held"], answer["unchanged"], len(answer["refused"])


async def live(runtime: Runtime, employer: Employer) -> int:
    async with runtime.database.session(write=False) as session:
        return (
            await session.scalar(
                select(func.count())
                .select_from(RosterEntry)
                .where(RosterEntry.employer_id == employer.id, RosterEntry.left_at.is_(None))
            )
            or 0
        )


async def decide(
    client: httpx.AsyncClient, runtime: Runtime, review: str, *, approve: bool
) -> httpx.Response:
    async with seeding(runtime) as work:
        reviewer = await signed_in(work, kind=AccountKind.staff, grants=[(Role.reviewer, EVERYWHERE)])
    return await client.post(
        f"/v1/reviews/{review}/decision",
        json={"approve": approve, "reason": "已电话核实"},
        headers=reviewer,
    )


async def test_leaving_one_employer_leaves_the_person_and_everything_else(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    leaver = ROSTER[0]
    async with seeding(runtime) as work:
        other = await make_employer(work, name="暮色快送")
        courier = await make_courier(
            work, name=leaver.name, document=leaver.document, phone=leaver.e164, employer=employer
        )
        await put_on_roster(work, employer=other, people=[leaver])
        card = courier.card_id
    assert outcome(await mark(client, employer, keeper, leaver)) == (1, 0, 0, 0)
    async with runtime.database.session(write=False) as session:
        after = await session.get_one(Courier, courier.id)
        ties = {tie.employer_id: tie for tie in await session.scalars(select(Affiliation))}
        told = await session.scalar(select(Notice.kind).where(Notice.account_id == courier.account_id))
    assert after.state == CourierState.verified
    assert ties[employer.id].ended_at is not None
    assert ties[employer.id].end_reason == "合同到期"
    assert ties[other.id].ended_at is None
    assert after.card_id != card  # a guard is no longer shown the employer
    assert told == NoticeKind.affiliation_ended
    assert outcome(await mark(client, employer, keeper, leaver)) == (0, 0, 1, 0)

    async with seeding(runtime) as work:
        assert (await put_on_roster(work, employer=employer, people=[leaver])).returned == 1
        back = await work.session.scalar(
            select(func.count())
            .select_from(Affiliation)
            .where(Affiliation.employer_id == employer.id, Affiliation.ended_at.is_(None))
        )
    assert back == 1
    assert await live(runtime, employer) == len(ROSTER)


async def test_beyond_the_days_share_a_reviewer_must_say_yes(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    first = await mark(client, employer, keeper, *ROSTER[:6])
    assert (outcome(first), first["review_id"]) == ((6, 0, 0, 0), None)
    second = await mark(client, employer, keeper, *ROSTER[5:16])
    assert outcome(second) == (SHARE - 6, 6, 1, 0)
    assert await live(runtime, employer) == 200 - SHARE
    assert outcome(await mark(client, employer, keeper, ROSTER[15], ROSTER[16])) == (0, 1, 1, 0)

    assert (await decide(client, runtime, second["review_id"], approve=True)).status_code == 200
    assert await live(runtime, employer) == 200 - 16
    async with runtime.database.session(write=False) as session:
        review = await session.get_one(Review, UUID(second["review_id"]))
        assert (review.employer_id, review.reasons) == (employer.id, ["many_departures"])


async def test_a_no_keeps_them_and_they_can_be_marked_another_day(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    employer: Employer,
    keeper: dict[str, str],
) -> None:
    marked = await mark(client, employer, keeper, *ROSTER[: SHARE + 2])
    assert outcome(marked) == (SHARE, 2, 0, 0)
    assert (await decide(client, runtime, marked["review_id"], approve=False)).status_code == 200
    assert await live(runtime, employer) == 200 - SHARE
    clock.advance(days=1)
    again = await mark(client, employer, await keeper_of(runtime, employer), *ROSTER[: SHARE + 2])
    assert outcome(again) == (2, 0, SHARE, 0)


async def test_whoever_is_listed_again_has_not_left(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    marked = await mark(client, employer, keeper, *ROSTER[: SHARE + 2])
    async with seeding(runtime) as work:
        assert (await put_on_roster(work, employer=employer, people=[ROSTER[SHARE]])).unchanged == 1
    assert (await decide(client, runtime, marked["review_id"], approve=True)).status_code == 200
    assert await live(runtime, employer) == 200 - SHARE - 1
    async with runtime.database.session(write=False) as session:
        cancelled = await session.scalar(
            select(func.count()).select_from(Departure).where(Departure.cancelled_at.is_not(None))
        )
    assert cancelled == 1


async def test_the_day_is_that_of_the_deployments_zone(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, employer: Employer
) -> None:
    clock.now = datetime(2026, 5, 11, 15, 59, 59, tzinfo=UTC)
    keeper = await keeper_of(runtime, employer)
    assert outcome(await mark(client, employer, keeper, *ROSTER[:SHARE])) == (SHARE, 0, 0, 0)
    assert outcome(await mark(client, employer, keeper, ROSTER[SHARE])) == (0, 1, 0, 0)
    clock.advance(seconds=1)
    rest = ROSTER[SHARE + 1 :]
    assert outcome(await mark(client, employer, keeper, *rest[:SHARE])) == (9, 1, 0, 0)


async def test_names_of_today_make_no_roster_larger(client: httpx.AsyncClient, runtime: Runtime) -> None:
    async with seeding(runtime) as work:
        small = await make_employer(work, name="小店配送")
        await put_on_roster(work, employer=small, people=ROSTER)  # today
    keeper = await keeper_of(runtime, small)
    assert outcome(await mark(client, small, keeper, ROSTER[0])) == (0, 1, 0, 0)


async def test_strangers_and_bad_numbers_are_named_by_their_place(
    client: httpx.AsyncClient, employer: Employer, keeper: dict[str, str]
) -> None:
    stranger = people(1, start=5000)[0]
    wrong = Somebody("甄", "509999199003070010", "19900000000")
    marked = await mark(client, employer, keeper, stranger, ROSTER[0], wrong, ROSTER[0])
    assert outcome(marked) == (1, 0, 0, 3)
    assert [(line["line"], line["code"]) for line in marked["refused"]] == [
        (1, "not_on_roster"),
        (3, "document_check_character"),
        (4, "repeated_person"),
    ]
    assert stranger.document not in str(marked)


@pytest.mark.parametrize("kind", ["csv", "xlsx", "roster"])
async def test_a_file_marks_as_a_list_does(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str], kind: str
) -> None:
    rows = [(person.document,) for person in ROSTER[: SHARE + 1]]
    match kind:
        case "csv":
            data = csv_file(rows, headings=["身份证号"])
        case "xlsx":
            data = xlsx_file(rows, headings=["身份证号"])
        case _:
            data = csv_file(person.row for person in ROSTER[: SHARE + 1])
    reply = await client.post(
        f"/v1/employers/{employer.id}/departures/file",
        files={"file": ("离职.csv", data)},
        data={"reason": "合同到期"},
        headers=keeper,
    )
    assert reply.status_code == 200, reply.text
    assert outcome(reply.json()) == (SHARE, 1, 0, 0)
    assert await live(runtime, employer) == 200 - SHARE


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"files": {"file": ("a", b"")}, "data": {"reason": "x"}}, "unreadable_sheet"),
        ({"files": {"file": ("a", b"PK\x03\x04")}, "data": {"reason": "x"}}, "unreadable_sheet"),
        ({"files": {"file": ("a", csv_file([ROSTER[0].row]))}, "data": {"reason": " "}}, "malformed_request"),
        ({"files": {"file": ("a", csv_file([ROSTER[0].row]))}}, "malformed_request"),
    ],
)
async def test_a_file_that_cannot_be_read_marks_nobody(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    keeper: dict[str, str],
    *,
    sent: dict[str, Any],
    code: str,
) -> None:
    reply = await client.post(f"/v1/employers/{employer.id}/departures/file", headers=keeper, **sent)
    assert (reply.status_code, reply.json()["code"]) == (422, code), reply.text
    assert await live(runtime, employer) == 200


async def test_only_its_own_people_and_staff_of_the_whole_city_mark(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        other = await make_employer(work, name="暮色快送")
        callers = [
            (200, keeper),
            (200, await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])),
            (
                404,
                await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, within_area("5001"))]),
            ),
            (
                404,
                await signed_in(
                    work, kind=AccountKind.staff, grants=[(Role.employer_user, within_employer(other.id))]
                ),
            ),
            (403, await signed_in(work, kind=AccountKind.staff, grants=[(Role.reviewer, EVERYWHERE)])),
            (403, await signed_in(work, kind=AccountKind.wechat, grants=[])),
            (401, {}),
        ]
    path = f"/v1/employers/{employer.id}/departures"
    body = {"documents": [ROSTER[0].marked], "reason": "x"}
    upload: dict[str, Any] = {
        "files": {"file": ("a.csv", csv_file([ROSTER[0].row]))},
        "data": {"reason": "x"},
    }
    for status, headers in callers:
        assert (await client.post(path, json=body, headers=headers)).status_code == status
        assert (await client.post(f"{path}/file", headers=headers, **upload)).status_code == status


async def test_two_at_once_cannot_share_out_more_than_the_share(
    own_database: Database, secrets: Secrets, settings: Settings, clock: SettableClock
) -> None:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=clock)
    employer = await yesterdays_employer(runtime, clock)
    keeper = await keeper_of(runtime, employer)
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        answers = await asyncio.gather(
            *(mark(client, employer, keeper, *ROSTER[start : start + 6]) for start in range(0, 48, 6)),
            *(mark(client, employer, keeper, *ROSTER[:6]) for _ in range(4)),
        )
    assert sum(answer["applied"] for answer in answers) == SHARE
    assert sum(answer["held"] for answer in answers) == 48 - SHARE
    assert await live(runtime, employer) == 200 - SHARE
    await runtime.close()
