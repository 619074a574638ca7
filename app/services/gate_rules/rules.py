"""Judges whether a courier may enter a gate: pure rules over one compiled version.

They hold for entering only: whoever leaves is never held back, so nobody asks them then.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from app.models.couriers import KindOfWork, Vehicle
from app.models.gate_rules import DayKind, WhenOffline
from app.services.gate_rules.clauses import (
    DAY,
    HOUR,
    Clause,
    Closure,
    Condition,
    KindsOfWork,
    OpeningHours,
    Rules,
    Vehicles,
    Words,
)
from app.services.holidays.calendar import Calendar

LOOKED_AHEAD = timedelta(days=8)
"""Whoever is told to come back later than in a week and a day is told nothing useful."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9990, 1, 1, tzinfo=UTC)
"""A clock that shows another time is wrong, and beside the ends of the calendar there is no day before or
after to reckon with."""

Tie = tuple[KindOfWork, Vehicle]
"""What a courier does for one employer, and what they come on for it."""

WEEKDAYS = tuple(day for day in DayKind if day is not DayKind.holiday)
"""In the order of `date.weekday`."""

C = TypeVar("C")

Numbered = tuple[int, C]
"""A clause with its number in the version, from 1."""


class ObjectionReason(StrEnum):
    """Why a courier may not enter here now. Stable: devices and analysts read it."""

    blocked = "blocked"
    gate_closed_temporarily = "gate_closed_temporarily"
    outside_hours = "outside_hours"
    kind_of_work_not_admitted = "kind_of_work_not_admitted"
    vehicle_not_admitted = "vehicle_not_admitted"


@dataclass(frozen=True, slots=True)
class Admitted:
    """The courier may enter, on `conditions` in the order of their clauses."""

    conditions: tuple[Words, ...]


UNCONDITIONAL = Admitted(())
"""As nearly everybody is admitted."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """The nearest thing that is possible instead; exactly one of the three is given."""

    gate_id: UUID | None = None
    """Another gate of the compound that admits this courier now."""
    opens_at: datetime | None = None
    """When this gate admits this courier next."""
    on_foot: bool = False
    """Whether the courier may enter here now without the vehicle."""


@dataclass(frozen=True, slots=True)
class Objection:
    """The courier may not enter here now."""

    reason: ObjectionReason
    clause: int | None
    """The number of the clause that says so; None for a block."""
    why: Words | None = None
    """For a closure, what the property manager has to say."""
    alternative: Alternative | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as a gate sees it: on the wall clock, and on the calendar."""

    at: datetime
    local: datetime
    calendar: Calendar

    @classmethod
    def of(cls, at: datetime, calendar: Calendar, zone: ZoneInfo) -> Self:
        at = min(max(at, EARLIEST), LATEST)
        return cls(at, at.astimezone(zone), calendar)

    @property
    def zone(self) -> ZoneInfo:
        zone = self.local.tzinfo
        assert isinstance(zone, ZoneInfo)  # noqa: S101 - see `of`
        return zone

    def later(self, at: datetime) -> "Moment":
        """Another instant at the same place."""
        return Moment(at, at.astimezone(self.zone), self.calendar)


@dataclass(frozen=True, slots=True)
class GateRule:
    """What the clauses of one gate come to."""

    closures: tuple[Numbered[Closure], ...] = ()
    hours: tuple[Numbered[OpeningHours], ...] = ()
    spans: dict[DayKind, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """For each kind of day the minutes at which the gate is open, from and until."""
    knows_holidays: bool = False
    """Whether hours of its own hold on public holidays."""
    kinds_of_work: tuple[Numbered[KindsOfWork], ...] = ()
    vehicles: tuple[Numbered[Vehicles], ...] = ()
    conditions: tuple[Condition, ...] = ()

    def kind_of(self, day: date, calendar: Calendar) -> DayKind:
        """Which hours hold on `day`: those of holidays where it is one and the gate has any."""
        if self.knows_holidays and calendar.is_holiday(day):
            return DayKind.holiday
        return WEEKDAYS[calendar.weekday(day)]

    def is_open(self, moment: Moment) -> bool:
        """Whether the gate is within its opening hours; always, where it has none."""
        if not self.hours:
            return True
        local, calendar = moment.local, moment.calendar
        minute = local.hour * HOUR + local.minute
        today = local.date()
        spans = self.spans.get(self.kind_of(today, calendar), ())
        if any(start <= minute < until for start, until in spans):
            return True
        # What began yesterday may reach into today.
        spans = self.spans.get(self.kind_of(today - timedelta(days=1), calendar), ())
        return any(start <= minute + DAY < until for start, until in spans)

    def hours_clause(self, moment: Moment) -> int:
        """The first clause of opening hours that holds on this day, or else the first at all."""
        kind = self.kind_of(moment.local.date(), moment.calendar)
        return next((number for number, hours in self.hours if kind in hours.days), self.hours[0][0])


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """One version, made ready to judge by: it is immutable, so this is done once."""

    when_offline: WhenOffline
    everywhere: GateRule
    """What holds at gates that no clause names."""
    named: dict[UUID, GateRule]
    asks_for_ties: bool
    """Whether any clause is about what couriers do or come on."""

    def at(self, gate_id: UUID) -> GateRule:
        """What holds at one gate."""
        return self.named.get(gate_id, self.everywhere)


def compile_rules(rules: Rules) -> CompiledRules:
    """Sorts the clauses of a version by gate, and spans by kind of day."""
    numbered = list(enumerate(rules.clauses, start=1))
    named = {gate for clause in rules.clauses for gate in clause.gates or ()}
    return CompiledRules(
        rules.when_offline,
        _gate_rule((number, clause) for number, clause in numbered if clause.gates is None),
        {
            gate: _gate_rule(
                (number, clause)
                for number, clause in numbered
                if clause.gates is None or gate in clause.gates
            )
            for gate in named
        },
        any(isinstance(clause, KindsOfWork | Vehicles | Condition) for clause in rules.clauses),
    )


def _gate_rule(clauses: Iterable[Numbered[Clause]]) -> GateRule:
    held = list(clauses)
    hours = _of_kind(held, OpeningHours)
    return GateRule(
        closures=_of_kind(held, Closure),
        hours=hours,
        spans={
            kind: tuple(
                sorted(
                    (span.start, span.until) for _, each in hours if kind in each.days for span in each.spans
                )
            )
            for kind in DayKind
        },
        knows_holidays=any(DayKind.holiday in each.days for _, each in hours),
        kinds_of_work=_of_kind(held, KindsOfWork),
        vehicles=_of_kind(held, Vehicles),
        conditions=tuple(clause for _, clause in _of_kind(held, Condition)),
    )


def _of_kind(clauses: Iterable[Numbered[Clause]], kind: type[C]) -> tuple[Numbered[C], ...]:
    return tuple((number, clause) for number, clause in clauses if isinstance(clause, kind))


NO_RULES = compile_rules(Rules((), WhenOffline.admit_and_flag))
"""What holds where nobody has made rules: everybody is admitted."""


def judge(
    rules: CompiledRules,
    *,
    gate_id: UUID,
    at: datetime,
    calendar: Calendar,
    zone: ZoneInfo,
    ties: Sequence[Tie] | None,
    blocked: bool = False,
    other_gates: Sequence[UUID] = (),
) -> Admitted | Objection:
    """Whether a courier with these live `ties` may enter a gate at the aware time `at`, and if not, why.

    One tie has to fit all clauses of the gate about kinds of work and vehicles; with None, of somebody of
    whom nothing is known, they hold nobody back. The first objection
    counts, in the order of `ObjectionReason`. Its alternative is the first of `other_gates`, which are
    the open ones of the compound, the nearest first, that admits this courier now; else the next instant
    within `LOOKED_AHEAD` from which this gate does; else to come on foot, where only the vehicle is in
    the way. There is none to a block.
    """
    if blocked:
        return Objection(ObjectionReason.blocked, None)
    moment = Moment.of(at, calendar, zone)
    rule = rules.at(gate_id)
    answer = _judge_gate(rule, moment, ties)
    if isinstance(answer, Admitted):
        return answer
    for other in other_gates:
        if other != gate_id and isinstance(_judge_gate(rules.at(other), moment, ties), Admitted):
            return replace(answer, alternative=Alternative(gate_id=other))
    return replace(answer, alternative=_alternative(rule, moment, ties, answer.reason))


def _judge_gate(rule: GateRule, moment: Moment, ties: Sequence[Tie] | None) -> Admitted | Objection:
    return _shut(rule, moment) or _fit(rule, ties)


def _shut(rule: GateRule, moment: Moment) -> Objection | None:
    """Why nobody enters at `moment`, if so."""
    for number, closure in rule.closures:
        if closure.start <= moment.at < closure.until:
            return Objection(ObjectionReason.gate_closed_temporarily, number, closure.why)
    if not rule.is_open(moment):
        return Objection(ObjectionReason.outside_hours, rule.hours_clause(moment))
    return None


def _fit(rule: GateRule, ties: Sequence[Tie] | None) -> Admitted | Objection:
    """Whether one of `ties` fits all clauses; the objection names the clause that the last one failed."""
    if ties is None:
        return Admitted(tuple(each.text for each in rule.conditions if _concerns(each, ())))
    fitting = ties
    for number, kinds in rule.kinds_of_work:
        fitting = [tie for tie in fitting if tie[0] in kinds.allowed]
        if not fitting:
            return Objection(ObjectionReason.kind_of_work_not_admitted, number)
    for number, vehicles in rule.vehicles:
        fitting = [tie for tie in fitting if tie[1] in vehicles.allowed]
        if not fitting:
            return Objection(ObjectionReason.vehicle_not_admitted, number)
    if not rule.conditions:
        return UNCONDITIONAL
    return Admitted(tuple(each.text for each in rule.conditions if _concerns(each, fitting)))


def _concerns(condition: Condition, ties: Sequence[Tie]) -> bool:
    if condition.vehicles is None and condition.kinds_of_work is None:
        return True
    return any(
        (condition.kinds_of_work is None or kind in condition.kinds_of_work)
        and (condition.vehicles is None or vehicle in condition.vehicles)
        for kind, vehicle in ties
    )


def _alternative(
    rule: GateRule, moment: Moment, ties: Sequence[Tie] | None, reason: ObjectionReason
) -> Alternative | None:
    """What is possible at this gate instead."""
    if ties is not None and reason is ObjectionReason.vehicle_not_admitted:
        on_foot = [(kind, Vehicle.on_foot) for kind, _ in ties] or [(KindOfWork.other, Vehicle.on_foot)]
        return Alternative(on_foot=True) if isinstance(_fit(rule, on_foot), Admitted) else None
    if isinstance(_fit(rule, ties), Objection):
        return None  # what keeps the courier out then is not the time
    opening = _next_opening(rule, moment)
    return None if opening is None else Alternative(opens_at=opening)


def _next_opening(rule: GateRule, moment: Moment) -> datetime | None:
    """The first instant after `moment`, within `LOOKED_AHEAD`, at which a gate that is shut is not.

    A gate opens only where a closure ends or a span begins, so only those instants are looked at; the
    zones of China know no summer time, whose jumps would be others.
    """
    latest = moment.at + LOOKED_AHEAD
    instants = {*(closure.until for _, closure in rule.closures), *_begins_of_spans(rule, moment)}
    for instant in sorted(each for each in instants if moment.at < each <= latest):
        if _shut(rule, moment.later(instant)) is None:
            return instant
    return None


def _begins_of_spans(rule: GateRule, moment: Moment) -> Iterator[datetime]:
    for ahead in range(LOOKED_AHEAD.days + 1):
        day = moment.local.date() + timedelta(days=ahead)
        for start, _ in rule.spans.get(rule.kind_of(day, moment.calendar), ()):
            yield datetime.combine(day, time(start // HOUR, start % HOUR), moment.zone).astimezone(UTC)
