"""What a process keeps to judge by: versions for good, calendar and gates for a minute, in few statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import event, select

from app.models.couriers import Affiliation, KindOfWork, Vehicle
from app.models.gate_rules import WhenOffline
from app.services.blocks.live import load_blocks
from app.services.compounds.register import NewGate, Position, change_gate, create_gate
from app.services.compounds.sight import SeenCompound
from app.services.couriers.ties import load_ties
from app.services.gate_rules.cache import GateRulesCache, in_force
from app.services.gate_rules.clauses import read_clause
from app.services.gate_rules.versions import change_rules
from app.services.holidays.importing import import_holidays, read_announcement
from app.work import Work
from tests.factories.areas import DADUKOU
from tests.factories.compounds import make_compound
from tests.factories.couriers import made_up_id, make_courier
from tests.factories.employers import make_employer
from tests.factories.gate_rules import vehicles
from tests.factories.holidays import holiday_file


@contextmanager
def counted(work: Work) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    connection = work.session.sync_session.connection()
    event.listen(connection, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", note)


async def rule(work: Work, compound: SeenCompound, based_on: int, *allowed: str) -> UUID:
    """The id of a next version that lets only these vehicles in."""
    made = await change_rules(
        work,
        compound_id=compound.id,
        based_on=based_on,
        clauses=[read_clause(vehicles(*allowed))],
        when_offline=WhenOffline.deny,
        note="测试",
    )
    await work.session.flush()
    assert made.version is not None
    return made.version.id


async def test_versions_are_read_once_and_together(work: Work) -> None:
    ids = [
        await rule(work, await make_compound(work, area=DADUKOU, name=name), 0, "car")
        for name in ("翠湖苑", "映山里", "春晖园")
    ]
    kept = GateRulesCache()
    absent = uuid4()
    with counted(work) as statements:
        found = await kept.rules_of(work.session, [*ids, absent, *ids])
        assert found.keys() == set(ids)
        assert len(statements) == 1
        again = await kept.rules_of(work.session, ids)
        assert all(again[rules_id] is found[rules_id] for rules_id in ids)
        assert await kept.rules_of(work.session, []) == {}
        assert len(statements) == 1


async def test_what_was_used_longest_ago_is_forgotten_first(work: Work) -> None:
    first, second, third = [
        await rule(work, await make_compound(work, area=DADUKOU, name=name), 0, "car")
        for name in ("翠湖苑", "映山里", "春晖园")
    ]
    kept = GateRulesCache(versions=2)
    for rules_id in (first, second, first, third):
        await kept.rules_of(work.session, [rules_id])
    with counted(work) as statements:
        await kept.rules_of(work.session, [first, third])
        assert statements == []
        await kept.rules_of(work.session, [second])
        assert len(statements) == 1


async def test_the_version_of_a_moment_is_the_last_made_by_then(work: Work) -> None:
    compound = await make_compound(work, area=DADUKOU, name="翠湖苑")
    bare = await make_compound(work, area=DADUKOU, name="映山里")
    made_at = [work.now + timedelta(hours=hours) for hours in range(4)]
    ids = [await rule(replace(work, now=at), compound, number, "car") for number, at in enumerate(made_at)]
    kept = GateRulesCache()
    compiled = await kept.rules_of(work.session, ids)
    moments = [made_at[1] + timedelta(minutes=30), made_at[2], made_at[0] - timedelta(seconds=1)]
    with counted(work) as statements:
        all_of_them = await kept.versions_at(work.session, [compound.id, bare.id], moments)
        assert len(statements) == 1
        some = await kept.versions_at(work.session, [compound.id], moments[:2])
    assert [at for at, _ in all_of_them[compound.id]] == made_at[:3]
    assert [at for at, _ in some[compound.id]] == made_at[1:3]
    assert bare.id not in all_of_them
    history = all_of_them[compound.id]
    assert [in_force(history, moment) for moment in moments] == [
        compiled[ids[1]],
        compiled[ids[2]],
        None,
    ]
    assert in_force(some[compound.id], moments[0]) is compiled[ids[1]]
    assert await kept.versions_at(work.session, [], moments) == {}
    assert await kept.versions_at(work.session, [compound.id], []) == {}


async def test_the_calendar_is_read_once_a_minute(work: Work) -> None:
    kept = GateRulesCache()
    empty = await kept.calendar(work.session, work.now)
    announcement = read_announcement(holiday_file(2026, ("2026-05-11", "补休", True)))
    await import_holidays(work, announcement=announcement)
    with counted(work) as statements:
        assert await kept.calendar(work.session, work.now + timedelta(seconds=60)) is empty
        assert statements == []
        later = await kept.calendar(work.session, work.now + timedelta(seconds=61))
        assert len(statements) == 1
    assert later.is_holiday(work.now.date())
    # A clock that was set back does not keep it for longer.
    assert await kept.calendar(work.session, work.now - timedelta(hours=1)) is not later


async def test_other_gates_come_nearest_first_and_only_open_ones(work: Work) -> None:
    compound = await make_compound(work, area=DADUKOU, name="翠湖苑", gates=["无位置"])
    north, far, near = [
        (await create_gate(work, compound_id=compound.id, gate=NewGate(name, Position(latitude, 106.48)))).id
        for name, latitude in (("北门", 29.480), ("南门", 29.490), ("东门", 29.481))
    ]
    nowhere = compound.gates[0].id
    kept = GateRulesCache()
    with counted(work) as statements:
        others = (await kept.other_gates(work.session, [compound.id], work.now))[compound.id]
        assert list(others[north]) == [near, far, nowhere]
        assert list(others[far]) == [near, north, nowhere]
        await kept.other_gates(work.session, [compound.id], work.now + timedelta(seconds=59))
        assert len(statements) == 1
    await change_gate(work, gate_id=near, reason="停用", closed=True)
    await work.session.flush()
    later = await kept.other_gates(work.session, [compound.id], work.now + timedelta(seconds=61))
    assert list(later[compound.id][north]) == [far, nowhere]


async def test_ties_and_blocks_of_a_list_take_one_statement_each(work: Work) -> None:
    employer = await make_employer(work, name="晨光速运")
    couriers = [
        await make_courier(
            work, name="甄试验", document=made_up_id(serial), phone=f"199{serial:08d}", employer=employer
        )
        for serial in (1, 2)
    ]
    ended = await make_courier(
        work, name="甄试验", document=made_up_id(3), phone="19900000003", employer=employer
    )
    tie = await work.session.get_one(Affiliation, await only_tie(work, ended.id))
    tie.ended_at = work.now
    await work.session.flush()
    with counted(work) as statements:
        ties = await load_ties(
            work.session, [*(courier.id for courier in couriers), ended.id, uuid4()], work.now
        )
        assert len(statements) == 1
        assert await load_blocks(work.session, [(uuid4(), couriers[0].id), (uuid4(), ended.id)]) == {}
        assert len(statements) == 2
        assert (await load_ties(work.session, [], work.now), await load_blocks(work.session, [])) == ({}, {})
        assert len(statements) == 2
    assert {courier: [each.tie for each in found] for courier, found in ties.items()} == {
        courier.id: [(KindOfWork.food_delivery, Vehicle.e_bike)] for courier in couriers
    }


async def only_tie(work: Work, courier_id: UUID) -> UUID:
    """The id of a courier's only affiliation."""
    found = await work.session.scalars(select(Affiliation.id).where(Affiliation.courier_id == courier_id))
    return found.one()
