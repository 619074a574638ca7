"""Says what would happen to a courier at a gate at some time, and why, without storing anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Role
from app.models.couriers import Courier, CourierState
from app.models.gate_rules import GateRules, WhenOffline
from app.models.scans import Direction, Scan
from app.services.blocks.live import is_blocked, load_blocks
from app.services.codes.format import Code
from app.services.codes.minting import LIFE_UNITS
from app.services.codes.reading import Proof, ReadCode
from app.services.compounds.register import KEEPS_GATES
from app.services.compounds.sight import ReachedGate, reach_gate
from app.services.couriers.ties import load_ties
from app.services.gate_rules.cache import in_force
from app.services.gate_rules.rules import (
    NO_RULES,
    UNCONDITIONAL,
    Admitted,
    CompiledRules,
    Objection,
    Tie,
)
from app.services.gate_rules.rules import judge as judge_entrance
from app.services.keys.rules import KeyState
from app.services.passages import passages, seen_at
from app.services.scans.alone import decide_alone
from app.services.scans.entrance_texts import of_entrance
from app.services.scans.entrances import Entrance, gate_names
from app.services.scans.rules import CodeFacts, CourierFacts, Decision, decide
from app.work import Work

KNOWN_FOR = timedelta(days=31)
"""How somebody stands now is a manager's business while they come and go, and not years after."""

EARLIEST_IAT = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_IAT = datetime(2106, 1, 1, tzinfo=UTC)
"""The `iat` of a code counts seconds since 1970 in four bytes. For other times, at which no code can be
shown, the rules of the compound are asked all the same, and the code is taken for a fresh one."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What would be answered."""

    at: datetime
    decision: Decision
    offline: Decision
    """What a device would decide that has no network."""
    details: dict[str, Any]
    rules_version: int
    """Of the gate rules that were asked; 0 where there were none."""

    @property
    def offline_details(self) -> dict[str, Any]:
        """What belongs to the sentence of `offline`: as online, where a device says the same."""
        return self.details if self.offline == self.decision else {}


@dataclass(frozen=True, slots=True)
class Comer:
    """Who comes to a gate, when and which way."""

    at: datetime | None
    """None means now."""
    direction: Direction
    entry_id: UUID | None
    """The courier of this entry of the compound, since managers know nobody's id."""
    tie: Tie
    """Without an entry: anybody verified who does this and comes on this."""


async def simulate(work: Work, *, gate_id: UUID, who: Comer, language: str) -> Simulation:
    """The verdict on a fresh code of somebody at a gate.

    A known courier is judged as they stand now, and whether gate and compound take part is of now. Rules are
    those in force then; for a time to come those of now. Earlier uses of a code and journeys are left out of
    account: they are about real codes.
    For registrars of the area and the compound's property managers; an entry names somebody to managers
    only. Raises NotFound.
    """
    reached = await reach_gate(work, *KEEPS_GATES, gate_id=gate_id)
    moment = who.at or work.now
    courier = await _courier_of(work, reached, who.entry_id) if who.entry_id is not None else None
    facts = CourierFacts(new_id(), CourierState.verified, handle_counts=True, card_id=None)
    ties: Sequence[Tie] = [who.tie]
    blocked = False
    if courier is not None:
        facts = CourierFacts(courier.id, CourierState(courier.state), handle_counts=True, card_id=None)
        dated = (await load_ties(work.session, [courier.id], work.now)).get(courier.id, [])
        ties = [each.tie for each in dated if each.holds(work.now)]
        pair = (reached.compound.id, courier.id)
        blocked = is_blocked((await load_blocks(work.session, [pair])).get(pair, ()), moment)
    answer: Admitted | Objection = UNCONDITIONAL
    instead = None
    rules = await _rules_at(work, reached.compound.id, moment)
    if who.direction is Direction.entry:
        answer = await _ask(work, reached, rules, moment, ties, blocked=blocked)
        instead = await gate_names(work, [answer])
    shown_at = min(max(moment, EARLIEST_IAT), LATEST_IAT)
    decision = decide(
        _fresh_code(work, shown_at),
        CodeFacts(
            key_state=KeyState.active,
            ours=True,
            minted_here=True,
            courier=facts,
            entrance=answer,
            gate_closed=not reached.is_open,
        ),
        shown_at,
    )
    entrance = Entrance.of(answer, instead or {})
    return Simulation(
        at=moment,
        decision=decision,
        offline=decide_alone(
            decision,
            entering=who.direction is Direction.entry,
            when_offline=rules.when_offline,
            seen=rules.when_offline is WhenOffline.admit_if_seen
            and courier is not None
            and await _was_seen(work, reached.compound.id, courier, shown_at),
        ),
        details=of_entrance(entrance, language, work.settings.zone) if entrance.decides(decision) else {},
        rules_version=await _version_at(work, reached.compound.id, moment),
    )


async def _courier_of(work: Work, reached: ReachedGate, entry_id: UUID) -> Courier:
    """The courier of an entry that the compound's manager sees; raises NotFound."""
    work.actor.must(Role.property_manager, at=reached.place)
    courier = await work.session.scalar(
        passages(select(Courier).join(Scan, Scan.courier_id == Courier.id)).where(
            Scan.id == entry_id,
            Scan.compound_id == reached.compound.id,
            Scan.happened_at > work.now - KNOWN_FOR,
        )
    )
    if courier is None:
        raise NotFound
    return courier


async def _rules_at(work: Work, compound_id: UUID, at: datetime) -> CompiledRules:
    versions = await work.deployment.gate_rules.versions_at(work.session, [compound_id], [at])
    return in_force(versions.get(compound_id, []), at) or NO_RULES


async def _was_seen(work: Work, compound_id: UUID, courier: Courier, at: datetime) -> bool:
    """Whether a courier was let through at the compound within the day before `at`, as far as is known."""
    found = await work.session.scalar(
        passages(select(Scan.id)).where(Scan.courier_id == courier.id, seen_at(compound_id, at)).limit(1)
    )
    return found is not None


async def _ask(
    work: Work,
    reached: ReachedGate,
    rules: CompiledRules,
    at: datetime,
    ties: Sequence[Tie],
    *,
    blocked: bool,
) -> Admitted | Objection:
    cache, compound = work.deployment.gate_rules, reached.compound
    others = await cache.other_gates(work.session, [compound.id], work.now)
    return judge_entrance(
        rules,
        gate_id=reached.gate.id,
        at=at,
        calendar=await cache.calendar(work.session, work.now),
        zone=work.settings.zone,
        ties=ties,
        blocked=blocked,
        other_gates=others[compound.id].get(reached.gate.id, ()),
    )


def _fresh_code(work: Work, at: datetime) -> ReadCode:
    """A code as it would be shown at `at`: genuine and in its time."""
    code = Code(
        iss=work.settings.issuer,
        kid="00",
        sub=bytes(8),
        iat=int(at.timestamp()),
        ttl=LIFE_UNITS,
        jti=bytes(6),
    )
    return ReadCode(code, Proof.genuine)


async def _version_at(work: Work, compound_id: UUID, at: datetime) -> int:
    found: int | None = await work.session.scalar(
        select(GateRules.version)
        .where(GateRules.compound_id == compound_id, GateRules.made_at <= at)
        .order_by(GateRules.version.desc())
        .limit(1)
    )
    return found or 0
