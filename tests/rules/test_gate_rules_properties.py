"""Gate rules of any make: the next opening admits, nothing earlier does, and alternatives hold."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.couriers import KindOfWork, Vehicle
from app.models.gate_rules import DayKind, WhenOffline
from app.services.gate_rules.clauses import (
    Clause,
    Closure,
    Condition,
    KindsOfWork,
    OpeningHours,
    Rules,
    Span,
    Vehicles,
    Words,
    read_rules,
    write_rules,
)
from app.services.gate_rules.rules import (
    Admitted,
    Alternative,
    Objection,
    ObjectionReason,
    Tie,
    compile_rules,
    judge,
)
from app.services.holidays.calendar import Calendar

CHONGQING = ZoneInfo("Asia/Shanghai")
EAST, WEST, NORTH = UUID(int=1), UUID(int=2), UUID(int=3)
FOOD_ON_E_BIKE = (KindOfWork.food_delivery, Vehicle.e_bike)
PARCELS_BY_VAN = (KindOfWork.parcel_delivery, Vehicle.van)


def ask(
    rules: Rules,
    at: datetime,
    calendar: Calendar,
    ties: Sequence[Tie],
    gate: UUID = EAST,
    others: Sequence[UUID] = (),
) -> Admitted | Objection:
    return judge(
        compile_rules(rules),
        gate_id=gate,
        at=at,
        calendar=calendar,
        zone=CHONGQING,
        ties=ties,
        other_gates=others,
    )


MINUTES = st.integers(0, 24 * 60 - 1)
SPANS = st.builds(lambda start, length: Span(start, start + length), MINUTES, st.integers(1, 24 * 60))
GATES = st.none() | st.frozensets(st.sampled_from([EAST, WEST]), min_size=1)
MONDAY = datetime(2025, 9, 22, tzinfo=UTC)
NEAR = st.integers(0, 20 * 24 * 60).map(lambda minutes: MONDAY + timedelta(minutes=minutes))
"""Minutes around National Day 2025."""
WORDS = st.builds(Words, st.text(min_size=1, max_size=20), st.none() | st.text(min_size=1, max_size=20))
HOURS: st.SearchStrategy[Clause] = st.builds(
    OpeningHours,
    GATES,
    st.frozensets(st.sampled_from(list(DayKind)), min_size=1),
    st.lists(SPANS, min_size=1, max_size=3).map(tuple),
)
CLOSURES: st.SearchStrategy[Clause] = st.builds(
    lambda gates, start, minutes, why: Closure(gates, start, start + timedelta(minutes=minutes), why),
    GATES,
    NEAR,
    st.integers(1, 6 * 24 * 60),
    WORDS,
)
SOME_KINDS = st.frozensets(st.sampled_from(list(KindOfWork)), min_size=1)
SOME_VEHICLES = st.frozensets(st.sampled_from(list(Vehicle)), min_size=1)
OTHERS: st.SearchStrategy[Clause] = (
    st.builds(KindsOfWork, GATES, SOME_KINDS)
    | st.builds(Vehicles, GATES, SOME_VEHICLES)
    | st.builds(Condition, GATES, WORDS, st.none() | SOME_VEHICLES, st.none() | SOME_KINDS)
)
RULES = st.builds(
    Rules,
    st.lists(HOURS | CLOSURES | OTHERS, max_size=6).map(tuple),
    st.sampled_from(list(WhenOffline)),
)
HOLIDAYS = st.dictionaries(
    st.integers(0, 30).map(lambda days: date(2025, 9, 15) + timedelta(days=days)), st.booleans(), max_size=12
).map(Calendar)
TIES = st.lists(st.tuples(st.sampled_from(list(KindOfWork)), st.sampled_from(list(Vehicle))), max_size=3)


@given(RULES)
def test_a_document_reads_as_it_was_written(rules: Rules) -> None:
    assert read_rules(json.loads(json.dumps(write_rules(rules)))) == rules


def is_open_by_definition(rules: Rules, calendar: Calendar, at: datetime) -> bool:
    """Whether the east gate is open, as the clauses say it, one after the other."""
    held = [clause for clause in rules.clauses if clause.gates is None or EAST in clause.gates]
    if any(isinstance(clause, Closure) and clause.start <= at < clause.until for clause in held):
        return False
    opening = [clause for clause in held if isinstance(clause, OpeningHours)]
    here = at.astimezone(CHONGQING).replace(tzinfo=None)
    for day in (here.date(), here.date() - timedelta(days=1)):
        kind = list(DayKind)[calendar.weekday(day)]
        if calendar.is_holiday(day) and any(DayKind.holiday in clause.days for clause in opening):
            kind = DayKind.holiday
        midnight = datetime.combine(day, time.min)
        for span in (span for clause in opening if kind in clause.days for span in clause.spans):
            if timedelta(minutes=span.start) <= here - midnight < timedelta(minutes=span.until):
                return True
    return not opening


@settings(max_examples=60, deadline=None)
@given(
    st.lists(HOURS | CLOSURES, min_size=1, max_size=4).map(tuple).map(lambda c: Rules(c, WhenOffline.deny)),
    HOLIDAYS,
    NEAR,
)
def test_the_next_opening_admits_and_no_earlier_minute_does(
    rules: Rules, calendar: Calendar, at: datetime
) -> None:
    answer = ask(rules, at, calendar, [FOOD_ON_E_BIKE])
    assert isinstance(answer, Admitted) is is_open_by_definition(rules, calendar, at)
    if isinstance(answer, Admitted):
        return
    opening = answer.alternative.opens_at if answer.alternative else None
    if opening is not None:
        assert at < opening <= at + timedelta(days=8)
        assert isinstance(ask(rules, opening, calendar, [FOOD_ON_E_BIKE]), Admitted)
    # Every span and closure here begins and ends on a whole minute, so a grid of minutes misses nothing.
    latest = opening or at + timedelta(days=8, minutes=1)
    grid = range(1, (latest - at) // timedelta(minutes=1))
    assert not any(is_open_by_definition(rules, calendar, at + timedelta(minutes=past)) for past in grid)


@given(RULES, HOLIDAYS, NEAR, TIES)
def test_an_objection_names_a_clause_of_its_gate_and_alternatives_hold(
    rules: Rules, calendar: Calendar, at: datetime, ties: list[Tie]
) -> None:
    answer = ask(rules, at, calendar, ties, others=(WEST, NORTH))
    if isinstance(answer, Admitted):
        return
    assert answer.clause is not None
    clause = rules.clauses[answer.clause - 1]
    assert clause.gates is None or EAST in clause.gates
    named = {
        ObjectionReason.outside_hours: OpeningHours,
        ObjectionReason.gate_closed_temporarily: Closure,
        ObjectionReason.kind_of_work_not_admitted: KindsOfWork,
        ObjectionReason.vehicle_not_admitted: Vehicles,
    }
    assert isinstance(clause, named[answer.reason])
    match answer.alternative:
        case Alternative(gate_id=UUID() as gate):
            assert isinstance(ask(rules, at, calendar, ties, gate), Admitted)
        case Alternative(opens_at=datetime() as opening):
            assert isinstance(ask(rules, opening, calendar, ties), Admitted)
        case Alternative(on_foot=True):
            own = [(kind, Vehicle.on_foot) for kind, _ in ties] or [(KindOfWork.other, Vehicle.on_foot)]
            assert isinstance(ask(rules, at, calendar, own), Admitted)
        case Alternative():
            raise AssertionError(answer.alternative)
        case None:
            assert not isinstance(ask(rules, at, calendar, ties, NORTH), Admitted)
