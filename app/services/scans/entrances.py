"""Asks the rules of the compounds whether couriers may enter: for all scans of a list at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import select

from app.database import fetch
from app.models.compounds import Gate
from app.services.blocks.live import BlockTerm, is_blocked, load_blocks
from app.services.couriers.ties import DatedTie, load_ties
from app.services.gate_rules.cache import Others, in_force
from app.services.gate_rules.rules import (
    NO_RULES,
    Admitted,
    CompiledRules,
    Objection,
    ObjectionReason,
    Tie,
    judge,
)
from app.services.holidays.calendar import WEEKDAYS_ALONE, Calendar
from app.services.scans.facts import KnownCourier
from app.services.scans.posts import PostFacts
from app.services.scans.presentation import ScanName
from app.services.scans.rules import Decision
from app.work import Work


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who wants to enter a gate at a moment."""

    post: PostFacts
    at: datetime
    courier: KnownCourier | None
    offline: bool


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the rules of the compound say to an arrival."""

    answer: Admitted | Objection
    instead_gate: str | None = None
    """Name of the gate that the objection points to."""

    @classmethod
    def of(cls, answer: Admitted | Objection, names: Mapping[UUID, str]) -> Self:
        """`answer` with the name of the gate that it points to, out of `names`."""
        gate = _pointed_to(answer)
        return cls(answer, None if gate is None else names.get(gate))

    def decides(self, decision: Decision) -> bool:
        """Whether a guard hears of it: the objection that decided, or conditions to a good code."""
        if isinstance(self.answer, Admitted):
            return decision.uses_code or decision.names_courier
        return self.answer.reason.value == decision.reason.value


@dataclass(frozen=True, slots=True)
class _Rulings:
    """What the arrivals of a list are held against."""

    rules: Mapping[UUID, CompiledRules]
    past: Mapping[UUID, Sequence[tuple[datetime, CompiledRules]]]
    calendar: Calendar
    ties: Mapping[UUID, Sequence[DatedTie]]
    blocks: Mapping[tuple[UUID, UUID], Sequence[BlockTerm]]

    def rules_for(self, arrival: Arrival) -> CompiledRules:
        """The version in force where and when somebody arrives."""
        if arrival.offline:
            versions = self.past.get(arrival.post.compound_id, ())
            return in_force(versions, arrival.at) or NO_RULES
        rules_id = arrival.post.rules_id
        return NO_RULES if rules_id is None else self.rules[rules_id]

    def concern(self, arrival: Arrival) -> bool:
        """Whether anybody has ruled anything for where or for who arrives."""
        return self.rules_for(arrival) is not NO_RULES or bool(self._blocks_of(arrival))

    def _blocks_of(self, arrival: Arrival) -> Sequence[BlockTerm]:
        courier = arrival.courier
        if courier is None or not courier.was_blocked:
            return ()
        return self.blocks.get((arrival.post.compound_id, courier.facts.courier_id), ())

    def answer(self, work: Work, arrival: Arrival, others: Others) -> Admitted | Objection:
        """What the rules say; nobody of whom nothing is known is held back for who they are."""
        return judge(
            self.rules_for(arrival),
            gate_id=arrival.post.gate_id,
            at=arrival.at,
            calendar=self.calendar,
            zone=work.settings.zone,
            ties=self._ties_of(arrival),
            blocked=is_blocked(self._blocks_of(arrival), arrival.at),
            other_gates=others.get(arrival.post.gate_id, ()),
        )

    def _ties_of(self, arrival: Arrival) -> Sequence[Tie] | None:
        """What the courier did and came on then; None for one of another city, of whom nothing is known."""
        if arrival.courier is None:
            return None
        ties = self.ties.get(arrival.courier.facts.courier_id, ())
        return [each.tie for each in ties if each.holds(arrival.at)]


async def ask_rules(work: Work, arrivals: Mapping[ScanName, Arrival]) -> dict[ScanName, Entrance]:
    """The answer of the rules to each arrival, in a number of statements that does not grow with them.

    Compounds without rules and couriers whom nobody ever blocked, nearly all, cost nothing and are missing.
    """
    if not arrivals:
        return {}
    rulings = await _load(work, arrivals)
    answers = {
        name: rulings.answer(work, arrival, {})
        for name, arrival in arrivals.items()
        if rulings.concern(arrival)
    }
    held_back = {
        name
        for name, answer in answers.items()
        if isinstance(answer, Objection) and answer.reason is not ObjectionReason.blocked
    }
    names: dict[UUID, str] = {}
    if held_back:
        compounds = {arrivals[name].post.compound_id for name in held_back}
        others = await work.deployment.gate_rules.other_gates(work.session, compounds, work.now)
        for name in held_back:
            arrival = arrivals[name]
            answers[name] = rulings.answer(work, arrival, others[arrival.post.compound_id])
        names = await gate_names(work, answers.values())
    return {name: Entrance.of(answer, names) for name, answer in answers.items()}


async def _load(work: Work, arrivals: Mapping[ScanName, Arrival]) -> _Rulings:
    online = [arrival for arrival in arrivals.values() if not arrival.offline]
    offline = [arrival for arrival in arrivals.values() if arrival.offline]
    cache, session = work.deployment.gate_rules, work.session
    rules = await cache.rules_of(
        session, {rules_id for each in online if (rules_id := each.post.rules_id) is not None}
    )
    past = await cache.versions_at(
        session, {each.post.compound_id for each in offline}, {each.at for each in offline}
    )
    blocked = {
        (each.post.compound_id, each.courier.facts.courier_id)
        for each in arrivals.values()
        if each.courier and each.courier.was_blocked
    }
    ruled = any(rule.asks_for_ties for rule in rules.values()) or any(
        rule.asks_for_ties for versions in past.values() for _, rule in versions
    )
    since = min(each.at for each in arrivals.values())
    return _Rulings(
        rules=rules,
        past=past,
        calendar=await cache.calendar(session, work.now) if rules or past else WEEKDAYS_ALONE,
        ties=await load_ties(session, _couriers(arrivals.values()), since) if ruled else {},
        blocks=await load_blocks(session, blocked),
    )


def _couriers(arrivals: Iterable[Arrival]) -> set[UUID]:
    return {each.courier.facts.courier_id for each in arrivals if each.courier}


def _pointed_to(answer: Admitted | Objection) -> UUID | None:
    if isinstance(answer, Objection) and answer.alternative is not None:
        return answer.alternative.gate_id
    return None


async def gate_names(work: Work, answers: Iterable[Admitted | Objection]) -> dict[UUID, str]:
    """The names of the gates that `answers` point to."""
    wanted = {gate for answer in answers if (gate := _pointed_to(answer)) is not None}
    if not wanted:
        return {}
    rows = await fetch(work.session, select(Gate.id, Gate.name).where(Gate.id.in_(wanted)))
    return {row.id: row.name for row in rows}
