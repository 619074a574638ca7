"""Storing a roster: in few statements however long it is, whole or not at all, one delivery at a time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.models.couriers import CourierState, DocumentType, KindOfWork, Purpose, Vehicle
from app.models.employers import Employer
from app.models.rosters import Roster, RosterEntry
from app.runtime import Runtime
from app.services.couriers.claims import AffiliationClaim, Application, ConsentAnswer
from app.services.couriers.identity import document_index
from app.services.couriers.own import OwnProfile
from app.services.couriers.register import register_courier
from app.services.rosters.delivery import CHUNK, deliver_roster
from app.services.rosters.reading import Delivery, read_delivery
from app.services.wechat.client import WeChatPhone
from app.settings import Secrets, Settings
from app.work import Actor, Work, begin_work
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.couriers import make_courier, make_wechat_account
from tests.factories.employers import make_employer
from tests.factories.rosters import csv_file, people, put_on_roster
from tests.factories.work import seeding

STATEMENTS = 3
"""Of a chunk in which nobody has registered: who is listed, the entries, and who is a courier."""


@contextmanager
def counted(connection: AsyncConnection) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(connection.sync_connection, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection.sync_connection, "before_cursor_execute", note)


def delivery_of(work: Work, count: int, *, start: int = 1, refused: int = 0) -> Delivery:
    rows = [person.row for person in people(count, start=start)]
    bad = [(*person.row[:2], "1") for person in people(refused, start=start + count)]
    return read_delivery(csv_file([*rows, *bad]), deployment=work.deployment, today=work.now.date())


@pytest.mark.parametrize("again", [False, True], ids=["new", "known"])
async def test_statements_grow_with_chunks_and_not_with_rows(work: Work, *, again: bool) -> None:
    employer = await make_employer(work, name="晨光速运")
    if again:
        await put_on_roster(work, employer=employer, people=people(2 * CHUNK))

    await work.session.flush()

    async def statements(count: int) -> int:
        delivery = delivery_of(work, count, refused=count, start=1 if again else 10_000 * count)
        connection = await work.session.connection()
        with counted(connection) as seen:
            await deliver_roster(work, employer_id=employer.id, delivery=delivery)
        return len(seen)

    one, few, full, two = [await statements(count) for count in (1, 20, CHUNK, 2 * CHUNK)]
    assert one == few == full
    assert two - full <= STATEMENTS


async def test_a_delivery_that_breaks_off_leaves_nothing(runtime: Runtime) -> None:
    async with seeding(runtime) as work:
        employer = await make_employer(work, name="晨光速运")

    def break_off(_rows: int) -> None:
        raise LookupError

    async def deliver() -> None:
        async with seeding(runtime) as work:
            delivery = delivery_of(work, CHUNK + 1)
            await deliver_roster(work, employer_id=employer.id, delivery=delivery, progress=break_off)

    with pytest.raises(LookupError):
        await deliver()
    async with seeding(runtime) as work:
        for table in (Roster, RosterEntry):
            assert await work.session.scalar(select(func.count()).select_from(table)) == 0


async def test_progress_tells_every_row_once(work: Work) -> None:
    employer = await make_employer(work, name="晨光速运")
    told: list[int] = []
    delivery = delivery_of(work, CHUNK + 1, refused=3)
    await deliver_roster(work, employer_id=employer.id, delivery=delivery, progress=told.append)
    assert told == [CHUNK, 1, 3]


async def test_no_more_is_stored_than_what_was_listed(work: Work) -> None:
    employer = await make_employer(work, name="晨光速运")
    (somebody,) = people(1)
    await put_on_roster(work, employer=employer, people=[somebody])
    entry = (await work.session.scalars(select(RosterEntry))).one()
    assert entry.document_index == document_index(work.vault, "resident_id", somebody.document)
    assert somebody.name not in repr(vars(entry))


async def test_deliveries_at_once_store_each_person_once(
    own_database: Database, secrets: Secrets, settings: Settings, clock: SettableClock
) -> None:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=clock)
    waiting = people(30)
    async with seeding(runtime) as work:
        employers = [await make_employer(work, name=name) for name in ("晨光速运", "暮色快送")]
        for person in waiting:
            await make_courier(
                work,
                name=person.name,
                document=person.document,
                phone=person.e164,
                employer=employers[0],
                state=CourierState.pending,
            )

    async def deliver(employer: Employer, start: int) -> Roster:
        async with seeding(runtime) as work:
            return await put_on_roster(work, employer=employer, people=people(60, start=start))

    rosters = await asyncio.gather(
        *(deliver(employer, start) for start in (1, 1, 10, 20) for employer in employers)
    )
    assert sum(roster.verified for roster in rosters) == len(waiting)
    for employer in employers:
        assert sum(roster.added for roster in rosters if roster.employer_id == employer.id) == 79
    async with seeding(runtime) as work:
        assert await work.session.scalar(select(func.count()).select_from(RosterEntry)) == 2 * 79
    await runtime.close()


async def test_who_registers_while_the_roster_arrives_is_found_on_it(
    own_database: Database, settings: Settings, secrets: Secrets
) -> None:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    (person,) = people(1)
    async with seeding(runtime) as work:
        employer = await make_employer(work, name="晨光速运")
        account = await make_wechat_account(work, openid="registers-meanwhile")
    application = Application(
        name=person.name,
        document_type=DocumentType.resident_id,
        document_number=person.document,
        birth_date=None,
        affiliations=(AffiliationClaim(employer.id, KindOfWork.food_delivery, Vehicle.e_bike, None),),
        consents=[ConsentAnswer(purpose, "2026-05", given=True) for purpose in Purpose],
    )

    async def register() -> OwnProfile:
        actor = Actor("wechat", account.id)
        async with begin_work(own_database, runtime.deployment, now=NOON, actor=actor) as work:
            phone = WeChatPhone(number=person.phone, country_code="86")
            return await register_courier(work, application=application, phone=phone)

    async with seeding(runtime) as work:
        await deliver_roster(work, employer_id=employer.id, delivery=delivery_of(work, 1))
        registering = asyncio.create_task(register())
        await asyncio.sleep(0.5)
        assert not registering.done()
    assert (await registering).state == CourierState.verified
    await runtime.http.aclose()
