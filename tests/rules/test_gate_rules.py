"""Gate rules judged: hours, holidays, closures, work, vehicles, conditions, and what is possible instead."""

from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.models.couriers import KindOfWork, Vehicle
from app.services.gate_rules.clauses import (
    Words,
)
from app.services.gate_rules.rules import (
    NO_RULES,
    Admitted,
    Alternative,
    CompiledRules,
    Objection,
    ObjectionReason,
    Tie,
    judge,
)
from app.services.holidays.calendar import WEEKDAYS_ALONE, Calendar
from tests.factories.gate_rules import Said, closure, compiled, condition, hours, kinds, vehicles
from tests.factories.holidays import real_calendar

CHONGQING = ZoneInfo("Asia/Shanghai")
EAST, WEST, NORTH = UUID(int=1), UUID(int=2), UUID(int=3)
FOOD_ON_E_BIKE = (KindOfWork.food_delivery, Vehicle.e_bike)
PARCELS_BY_VAN = (KindOfWork.parcel_delivery, Vehicle.van)


def local(text: str) -> datetime:
    """A time on the wall of the compound."""
    return datetime.fromisoformat(text).replace(tzinfo=CHONGQING)


def ask(
    rules: CompiledRules,
    at: str | datetime = "2026-05-11T12:00",
    *ties: Tie,
    gate: UUID = EAST,
    others: tuple[UUID, ...] = (),
    calendar: Calendar = WEEKDAYS_ALONE,
    blocked: bool = False,
) -> Admitted | Objection:
    return judge(
        rules,
        gate_id=gate,
        at=local(at) if isinstance(at, str) else at,
        calendar=calendar,
        zone=CHONGQING,
        ties=ties or (FOOD_ON_E_BIKE,),
        blocked=blocked,
        other_gates=others,
    )


def opens(answer: Admitted | Objection) -> datetime | None:
    assert isinstance(answer, Objection)
    assert answer.alternative is not None
    return answer.alternative.opens_at


def test_without_rules_everybody_is_admitted() -> None:
    assert ask(NO_RULES) == Admitted(())
    assert judge(
        NO_RULES, gate_id=EAST, at=local("2026-05-11T12:00"), calendar=WEEKDAYS_ALONE, zone=CHONGQING, ties=()
    ) == Admitted(())


@pytest.mark.parametrize(
    ("clauses", "at", "is_open"),
    [
        ([hours("06:00-22:00")], "2026-05-11T05:59:59.999999", False),
        ([hours("06:00-22:00")], "2026-05-11T06:00", True),
        ([hours("06:00-22:00")], "2026-05-11T21:59:59.999999", True),
        ([hours("06:00-22:00")], "2026-05-11T22:00", False),
        ([hours("06:00-24:00")], "2026-05-11T23:59:59", True),
        ([hours("06:00-24:00")], "2026-05-12T00:00", False),
        ([hours("22:00-06:00")], "2026-05-11T23:00", True),
        ([hours("22:00-06:00")], "2026-05-12T05:59", True),
        ([hours("22:00-06:00")], "2026-05-12T06:00", False),
        # A span belongs to the day on which it begins: Friday's night reaches into Saturday.
        ([hours("22:00-06:00", days=["fri"])], "2026-05-16T03:00", True),
        ([hours("22:00-06:00", days=["fri"])], "2026-05-16T23:00", False),
        ([hours("22:00-06:00", days=["sat"])], "2026-05-16T03:00", False),
        ([hours("22:00-06:00", days=["sun"])], "2026-05-18T03:00", True),
        ([hours("08:00-08:00", days=["mon"])], "2026-05-12T07:59", True),
        ([hours("08:00-08:00", days=["mon"])], "2026-05-12T08:00", False),
        ([hours("06:00-10:00", "16:00-20:00")], "2026-05-11T12:00", False),
        ([hours("06:00-10:00"), hours("11:00-13:00")], "2026-05-11T12:00", True),
        ([hours("06:00-10:00", days=["tue"])], "2026-05-11T08:00", False),
        ([hours("06:00-10:00", gates=(WEST,))], "2026-05-11T12:00", True),
        ([hours("06:00-10:00", gates=(EAST, WEST))], "2026-05-11T12:00", False),
        ([hours("06:00-10:00"), hours("11:00-13:00", gates=(EAST,))], "2026-05-11T12:00", True),
    ],
)
def test_opening_hours(clauses: list[Said], at: str, is_open: bool) -> None:  # noqa: FBT001
    answer = ask(compiled(*clauses), at)
    assert isinstance(answer, Admitted) is is_open
    if isinstance(answer, Objection):
        assert answer.reason is ObjectionReason.outside_hours


WORK = hours("06:00-22:00", days=["mon", "tue", "wed", "thu", "fri"])
WEEKEND = hours("08:00-20:00", days=["sat", "sun"])
FEAST = hours("10:00-16:00", days=["holiday"])


@pytest.mark.parametrize(
    ("clauses", "at", "is_open"),
    [
        # National Day 2025: off from Wednesday, 1, to Wednesday, 8 October.
        ([WORK, WEEKEND, FEAST], "2025-10-01T07:00", False),
        ([WORK, WEEKEND, FEAST], "2025-10-01T12:00", True),
        ([WORK, WEEKEND, FEAST], "2025-10-08T17:00", False),
        ([WORK, WEEKEND, FEAST], "2025-10-04T09:00", False),
        ([WORK, WEEKEND, FEAST], "2025-10-09T07:00", True),
        # Where nothing is said of holidays, those of the weekday hold.
        ([WORK, WEEKEND], "2025-10-01T07:00", True),
        ([WORK, WEEKEND], "2025-10-04T07:00", False),
        # Another gate's holidays are its own.
        ([WORK, WEEKEND, hours("10:00-16:00", days=["holiday"], gates=(WEST,))], "2025-10-01T07:00", True),
        # Worked in exchange: Sunday, 28 September, as Monday; Saturday, 11 October, as Friday.
        ([WORK, WEEKEND, FEAST], "2025-09-28T07:00", True),
        ([WORK, WEEKEND, FEAST], "2025-10-11T21:00", True),
        ([hours("06:00-22:00", days=["mon"])], "2025-09-28T07:00", True),
        ([hours("06:00-22:00", days=["sun"])], "2025-09-28T07:00", False),
        ([hours("06:00-22:00", days=["fri"])], "2025-10-11T07:00", True),
        # The eve's night still belongs to the eve, which is a Tuesday.
        ([hours("20:00-04:00", days=["tue"]), FEAST], "2025-10-01T03:59", True),
        ([hours("20:00-04:00", days=["holiday"]), WORK], "2025-10-09T03:00", True),
        # 2027 is not announced: the weekday alone counts.
        ([WORK, WEEKEND, FEAST], "2027-10-01T07:00", True),
    ],
)
def test_holidays_as_they_were_announced(
    test_data: Path,
    clauses: list[Said],
    at: str,
    is_open: bool,  # noqa: FBT001
) -> None:
    answer = ask(compiled(*clauses), at, calendar=real_calendar(test_data))
    assert isinstance(answer, Admitted) is is_open


def test_after_a_week_of_holidays_the_next_opening_is_named(test_data: Path) -> None:
    rules = compiled(WORK, hours("00:00-00:01", days=["holiday"]))
    calendar = real_calendar(test_data)
    answer = ask(rules, "2025-10-01T09:00", calendar=calendar)
    assert opens(answer) == local("2025-10-02T00:00")
    only_work = compiled(WORK, hours("06:00-06:01", days=["holiday"], gates=(WEST,)))
    assert opens(ask(only_work, "2025-09-27T09:00", calendar=calendar)) == local("2025-09-28T06:00")


def test_a_closure_tells_why_and_when_it_ends() -> None:
    rules = compiled(hours("06:00-22:00"), closure("2026-05-11T03:00:00+00:00", "2026-05-12T03:00:00+00:00"))
    answer = ask(rules)
    assert isinstance(answer, Objection)
    assert (answer.reason, answer.clause) == (ObjectionReason.gate_closed_temporarily, 2)
    assert answer.why == Words("道路施工", "Road works")
    assert (answer.why.read("en"), answer.why.read("zh")) == ("Road works", "道路施工")
    assert opens(answer) == local("2026-05-12T11:00")
    # At its end the gate may be shut for the night: then the morning is named.
    night = compiled(hours("06:00-22:00"), closure("2026-05-11T03:00:00+00:00", "2026-05-11T15:00:00+00:00"))
    assert opens(ask(night)) == local("2026-05-12T06:00")
    assert isinstance(ask(rules, local("2026-05-12T11:00")), Admitted)
    assert isinstance(ask(rules, "2026-05-11T10:59"), Admitted)


def test_what_opens_in_more_than_eight_days_is_no_alternative() -> None:
    start = "2026-05-11T00:00:00+00:00"
    for until, opening in (
        ("2026-05-19T04:00:00+00:00", local("2026-05-19T12:00")),
        ("2026-05-19T04:00:01+00:00", None),
    ):
        answer = ask(compiled(closure(start, until)))
        assert isinstance(answer, Objection)
        assert answer.alternative == (Alternative(opens_at=opening) if opening else None)


@pytest.mark.parametrize(
    ("clauses", "ties", "reason", "clause"),
    [
        ([kinds("parcel_delivery")], [FOOD_ON_E_BIKE], ObjectionReason.kind_of_work_not_admitted, 1),
        ([kinds("parcel_delivery")], [], ObjectionReason.kind_of_work_not_admitted, 1),
        ([kinds("parcel_delivery")], [FOOD_ON_E_BIKE, PARCELS_BY_VAN], None, None),
        ([vehicles("van")], [FOOD_ON_E_BIKE], ObjectionReason.vehicle_not_admitted, 1),
        ([vehicles("van")], [], ObjectionReason.vehicle_not_admitted, 1),
        # One tie has to fit them all: the parcels come by van, and the e-bike brings food.
        (
            [kinds("parcel_delivery"), vehicles("e_bike")],
            [FOOD_ON_E_BIKE, PARCELS_BY_VAN],
            ObjectionReason.vehicle_not_admitted,
            2,
        ),
        (
            [kinds("parcel_delivery", "food_delivery"), kinds("freight")],
            [FOOD_ON_E_BIKE],
            ObjectionReason.kind_of_work_not_admitted,
            2,
        ),
        ([vehicles("van", gates=(WEST,))], [FOOD_ON_E_BIKE], None, None),
        ([vehicles("e_bike"), kinds("food_delivery")], [FOOD_ON_E_BIKE], None, None),
    ],
)
def test_work_and_vehicles(
    clauses: list[Said], ties: list[Tie], reason: ObjectionReason | None, clause: int | None
) -> None:
    answer = judge(
        compiled(*clauses),
        gate_id=EAST,
        at=local("2026-05-11T12:00"),
        calendar=WEEKDAYS_ALONE,
        zone=CHONGQING,
        ties=ties,
    )
    if reason is None:
        assert answer == Admitted(())
    else:
        assert isinstance(answer, Objection)
        assert (answer.reason, answer.clause) == (reason, clause)


@pytest.mark.parametrize(
    ("clauses", "alternative"),
    [
        ([vehicles("on_foot", "bicycle")], Alternative(on_foot=True)),
        ([vehicles("bicycle")], None),
        ([vehicles("on_foot"), kinds("food_delivery")], Alternative(on_foot=True)),
        ([vehicles("on_foot"), vehicles("bicycle")], None),
        ([kinds("freight"), vehicles("on_foot")], None),
        ([vehicles("on_foot", gates=(EAST,)), kinds("freight", gates=(WEST,))], Alternative(gate_id=NORTH)),
    ],
)
def test_who_may_leave_the_vehicle_outside(clauses: list[Said], alternative: Alternative | None) -> None:
    others = (EAST, WEST, NORTH) if alternative and alternative.gate_id else ()
    answer = ask(compiled(*clauses), others=others)
    assert isinstance(answer, Objection)
    assert answer.alternative == alternative


def test_another_gate_comes_before_another_time() -> None:
    rules = compiled(
        hours("06:00-10:00", gates=(EAST, WEST)), hours("11:00-13:00", gates=(NORTH,)), kinds("food_delivery")
    )
    gate_is_open = ask(rules, others=(WEST, NORTH))
    assert isinstance(gate_is_open, Objection)
    assert gate_is_open.alternative == Alternative(gate_id=NORTH)
    assert opens(ask(rules, others=(WEST,))) == local("2026-05-12T06:00")
    # To whom no time helps, none is named.
    freight = ask(rules, "2026-05-11T12:00", (KindOfWork.freight, Vehicle.truck), others=(WEST, NORTH))
    assert isinstance(freight, Objection)
    assert (freight.reason, freight.alternative) == (ObjectionReason.outside_hours, None)


def test_a_block_comes_before_everything_and_has_no_way_around() -> None:
    answer = ask(compiled(hours("06:00-07:00")), others=(WEST,), blocked=True)
    assert answer == Objection(ObjectionReason.blocked, None)


def test_conditions_are_told_to_whom_they_concern_in_their_order() -> None:
    rules = compiled(
        condition("车停3号车棚", vehicles=["e_bike", "bicycle"]),
        vehicles("e_bike", "van"),
        condition("登记"),
        condition("货车走北门", vehicles=["van"], kinds_of_work=["parcel_delivery"]),
        condition("外卖放前台", kinds_of_work=["food_delivery"], gates=(WEST,)),
    )

    def told(*ties: Tie, gate: UUID = EAST) -> list[str]:
        answer = ask(rules, "2026-05-11T12:00", *ties, gate=gate)
        assert isinstance(answer, Admitted)
        return [text.zh for text in answer.conditions]

    assert told(FOOD_ON_E_BIKE) == ["车停3号车棚", "登记"]
    assert told(PARCELS_BY_VAN) == ["登记", "货车走北门"]
    assert told(FOOD_ON_E_BIKE, gate=WEST) == ["车停3号车棚", "登记", "外卖放前台"]
    assert told((KindOfWork.freight, Vehicle.van)) == ["登记"]


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_clocks_that_show_the_ends_of_the_calendar_are_judged_all_the_same(at: datetime) -> None:
    answer = ask(compiled(hours("06:00-06:01", days=["holiday"])), at)
    assert isinstance(answer, Objection)
    assert ask(NO_RULES, at) == Admitted(())


def test_judging_takes_microseconds(test_data: Path) -> None:
    """It is done for every scan; the bound is far above what it takes, and far below what would matter."""
    rules = compiled(*([WORK, WEEKEND, FEAST, vehicles("e_bike"), kinds("food_delivery")] * 10))
    calendar = real_calendar(test_data)
    at, rounds = local("2025-10-09T12:00"), 2000
    begun = process_time()
    for _ in range(rounds):
        ask(rules, at, calendar=calendar)
    assert (process_time() - begun) / rounds < 0.001
