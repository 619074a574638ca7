"""Judges a list of scans: what is known of each, by pure rules, at the time when it happened."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.models.scans import Direction, Verdict
from app.services.codes import format as code_format
from app.services.codes.format import Code
from app.services.codes.reading import Proof, ReadCode, ReadSpokenCode
from app.services.gate_rules.rules import UNCONDITIONAL
from app.services.keys.ring import KeyStates, load_key_states
from app.services.scans.entrances import Arrival, Entrance, ask_rules
from app.services.scans.facts import (
    CodeName,
    DatedHandle,
    FirstUse,
    KnownCourier,
    PastStates,
    code_name,
    handle_of,
    load_couriers,
    load_past_states,
)
from app.services.scans.posts import PostFacts
from app.services.scans.presentation import Presentation, ScanName
from app.services.scans.reasons import Reason
from app.services.scans.rules import (
    SHARING,
    CodeFacts,
    Decision,
    after_first_use,
    after_travel,
    decide,
)
from app.services.scans.substitutes import Substitute, load_substitutes
from app.services.scans.travel import Journey, journey
from app.services.scans.tries import Tries, find_guessed, hold_tries
from app.services.scans.whereabouts import Passage
from app.work import Work


@dataclass(frozen=True, slots=True)
class Case:
    """One scan that is to be judged: what was presented, where, when it happened, and under which id."""

    id: UUID
    presentation: Presentation
    post: PostFacts
    happened_at: datetime
    recorded_at: datetime
    doubtful: bool = False

    @property
    def is_offline(self) -> bool:
        """Whether a device decided it alone."""
        return self.presentation.offline is not None

    @property
    def is_genuine(self) -> bool:
        """Whether it is a code that a trusted key has signed."""
        read = self.presentation.read
        return isinstance(read, ReadCode) and read.proof is Proof.genuine

    @property
    def is_try(self) -> bool:
        """Whether digits were typed that may have been guessed, now."""
        return isinstance(self.presentation.read, ReadSpokenCode) and not self.is_offline


@dataclass(frozen=True, slots=True)
class Judgement:
    """A case with the verdict of the server."""

    case: Case
    courier: KnownCourier | None
    decision: Decision
    is_sound: bool = False
    """Whether the code was made by the issuer that it names, as far as can be known here."""
    entrance: Entrance | None = None
    """What the rules of the compound say; None where they were not asked."""
    first: FirstUse | None = None
    journey: Journey | None = None
    substitute: Substitute | None = None

    @property
    def names_courier(self) -> bool:
        """Whether the code is good enough for a guard to be told whose it is."""
        known = self.decision.uses_code or self.decision.names_courier
        return known or self.decision.reason is Reason.code_used

    @property
    def use_name(self) -> CodeName | None:
        """Under which this scan uses up what was shown; None where it uses up nothing.

        A device that was alone has used a code up where it did not refuse it, whatever we would have said.
        Digits that it took are left as they are: nobody uploads away what somebody is reading out.
        """
        code, told = self.case.presentation.code, self.case.presentation.offline
        if told is not None:
            used = code is not None and self.is_sound and told.verdict is not Verdict.refuse
            return code_name(code) if code is not None and used else None
        if not self.decision.uses_code:
            return None
        if self.substitute is not None:
            return self.substitute.use_name
        return code_name(code) if code is not None else None

    @property
    def moves_courier(self) -> bool:
        """Whether somebody went through the gate, as far as is known now, at a time that is not in doubt."""
        told = self.case.presentation.offline
        passed = self.decision.lets_in if told is None else told.let_through
        return passed and not self.case.doubtful

    @property
    def sharing(self) -> Reason | None:
        """Why a reviewer is asked whether two people show the code or card of one; None for no reason.

        A printed card and a spoken code are checked whatever the journey, which nobody at the gate is told.
        """
        if self.first is not None:
            # Who took a scan back and scanned once more has corrected a slip.
            return None if self.first.annulled else Reason.code_used
        if self.decision.reason in SHARING:
            return self.decision.reason
        came_too_fast = self.journey is not None and not self.journey.is_possible
        return Reason.impossible_travel if came_too_fast else None

    def passage(self) -> Passage | None:
        """Where the courier of this scan is, if it is a genuine one."""
        if self.courier is None:
            return None
        return Passage(
            courier_id=self.courier.facts.courier_id,
            scan=self.case.id,
            recorded_at=self.case.recorded_at,
            at=self.case.happened_at,
            gate_id=self.case.post.gate_id,
            compound_id=self.case.post.compound_id,
            direction=self.case.presentation.direction,
            point=self.case.post.point,
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What was loaded for all cases of a list at once."""

    keys: KeyStates
    minted: Mapping[ScanName, DatedHandle]
    """Of the codes that only this server can have made."""
    substitutes: Mapping[ScanName, Substitute]
    couriers: Mapping[ScanName, KnownCourier]
    past: PastStates
    entrances: Mapping[ScanName, Entrance]
    tries: Tries
    guessed: Collection[ScanName]


async def judge(work: Work, cases: Mapping[ScanName, Case]) -> dict[ScanName, Judgement]:
    """The verdict on each case by everything but earlier uses of its code and earlier passages."""
    known = await _load(work, cases)
    judged = {name: _judge_one(work, name, case, known) for name, case in cases.items()}
    await known.tries.keep(work)
    return judged


async def _load(work: Work, cases: Mapping[ScanName, Case]) -> _Known:
    keys = await load_key_states(work.session, work.now)
    minted = {
        name: handle_of(work, code)
        for name, case in cases.items()
        if (code := case.presentation.code) is not None and _minted_here(work, code)
    }
    handles = await load_couriers(work, minted.values())
    substitutes = await load_substitutes(
        work,
        {
            name: (case.post.gate_id, case.happened_at, case.presentation.read)
            for name, case in cases.items()
            if not isinstance(case.presentation.read, ReadCode)
        },
    )
    tries = await hold_tries(work, (case.post.gate_id for case in cases.values() if case.is_try))
    guessed = await find_guessed(
        work,
        {
            name: (case.post.gate_id, case.happened_at)
            for name, case in cases.items()
            if isinstance(case.presentation.read, ReadSpokenCode) and case.is_offline
        },
        wrong={name for name in cases if name not in substitutes},
    )
    couriers = {name: substitute.courier for name, substitute in substitutes.items()} | {
        name: courier
        for name, handle in minted.items()
        if cases[name].is_genuine and (courier := handles.get(handle)) is not None
    }
    entrances = await ask_rules(
        work,
        {
            name: Arrival(case.post, case.happened_at, couriers.get(name), case.is_offline)
            for name, case in cases.items()
            if case.presentation.direction is Direction.entry and (case.is_genuine or name in substitutes)
        },
    )
    return _Known(
        keys, minted, substitutes, couriers, await _past(work, cases, couriers), entrances, tries, guessed
    )


def _minted_here(work: Work, code: Code) -> bool:
    """Whether only this server can have made the code: a forged one is nobody's."""
    key = work.deployment.secrets.jti_key.get_secret_value()
    return code.iss == work.settings.issuer and code_format.is_ours(code, key)


async def _past(
    work: Work, cases: Mapping[ScanName, Case], couriers: Mapping[ScanName, KnownCourier]
) -> PastStates:
    offline = [name for name, case in cases.items() if case.is_offline]
    since = min((cases[name].happened_at for name in offline), default=work.now)
    known = [couriers[name].facts.courier_id for name in offline if name in couriers]
    return await load_past_states(work, known, since)


def _judge_one(work: Work, name: ScanName, case: Case, known: _Known) -> Judgement:
    facts, substitute = _facts_of(work, name, case, known), known.substitutes.get(name)
    if case.is_try and substitute is None and not facts.locked:
        known.tries.add(case.post.gate_id, case.happened_at)
    return Judgement(
        case,
        # Nobody is named on the strength of digits that may have been guessed.
        None if facts.locked else known.couriers.get(name),
        decide(case.presentation.read, facts, case.happened_at),
        is_sound=case.is_genuine and (facts.minted_here or not facts.ours),
        entrance=known.entrances.get(name),
        substitute=substitute,
    )


def _facts_of(work: Work, name: ScanName, case: Case, known: _Known) -> CodeFacts:
    """What is known about what was shown, as of now, or offline as of when it happened."""
    code, at = case.presentation.code, case.happened_at
    states = KeyStates(known.keys.keys, at) if case.is_offline else known.keys
    key = states.find(code.iss, code.kid) if code is not None else None
    courier = known.couriers.get(name)
    facts = None
    if courier is not None:
        facts = known.past.at(courier, at) if case.is_offline else courier.facts
    entrance, substitute = known.entrances.get(name), known.substitutes.get(name)
    return CodeFacts(
        key_state=states.state(key) if key else None,
        ours=code is not None and code.iss == work.settings.issuer,
        minted_here=name in known.minted,
        courier=facts,
        entrance=entrance.answer if entrance is not None else UNCONDITIONAL,
        gate_closed=case.post.closed_at is not None and case.post.closed_at <= at,
        holds=substitute is not None and substitute.holds(at),
        locked=name in known.guessed or (case.is_try and known.tries.locked(case.post.gate_id, at)),
    )


def with_first_uses(
    judged: Mapping[ScanName, Judgement], first_uses: Mapping[ScanName, FirstUse]
) -> dict[ScanName, Judgement]:
    """The same, where codes were used before: then a guard has to look at the face."""
    return {
        name: _after_first_use(each, first) if (first := first_uses.get(name)) is not None else each
        for name, each in judged.items()
    }


def _after_first_use(judged: Judgement, first: FirstUse) -> Judgement:
    """What we would have refused offline we would have refused for a code that was used before as well."""
    used = judged.decision.uses_code
    decision = after_first_use(judged.decision) if used else judged.decision
    return replace(judged, decision=decision, first=first)


def with_journeys(judged: Mapping[ScanName, Judgement]) -> dict[ScanName, Judgement]:
    """The same, where couriers came faster than anybody travels, one scan after the other."""
    last: dict[UUID, Passage] = {}
    result = {}
    for name, each in judged.items():
        result[name] = each
        passage = each.passage()
        if passage is None or each.courier is None or each.case.doubtful:
            continue
        before = last.get(passage.courier_id) or each.courier.last
        if each.names_courier and before is not None and (way := _way(before, passage)) is not None:
            result[name] = replace(each, decision=after_travel(each.decision, way), journey=way)
        if result[name].moves_courier:
            last[passage.courier_id] = passage
    return result


def _way(before: Passage, passage: Passage) -> Journey | None:
    """How a courier came from one compound to another; None within one, and where no map has them."""
    if before.compound_id == passage.compound_id or before.point is None or passage.point is None:
        return None
    return journey(before.point, before.at, passage.point, passage.at)
