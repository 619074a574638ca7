"""Decides a scan: pure rules over what was read and what is known."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from app.models.couriers import CourierState
from app.models.scans import Verdict
from app.services.codes.format import Timing, check_times
from app.services.codes.reading import Proof, Read, ReadCode, ReadPrintedCard, ReadSpokenCode, Unreadable
from app.services.gate_rules.rules import UNCONDITIONAL, Admitted, Objection
from app.services.keys.rules import KeyState
from app.services.scans.reasons import Reason
from app.services.scans.travel import Journey

SHARING = frozenset({Reason.code_used, Reason.impossible_travel})
"""Signs that two people show the code of one."""


@dataclass(frozen=True, slots=True)
class CourierFacts:
    """What the gate may know of the courier behind a handle."""

    courier_id: UUID
    state: CourierState
    handle_counts: bool
    """Whether the handle is the one of now: codes of before the profile moved bear another."""
    card_id: UUID | None


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What is known about one code at the time of the decision."""

    key_state: KeyState | None
    """None where the key is not known here."""
    ours: bool
    """Issued under this deployment's issuer."""
    minted_here: bool
    """Its jti is one that only this server can have made."""
    courier: CourierFacts | None
    entrance: Admitted | Objection = UNCONDITIONAL
    """What the rules of the compound say; to whoever leaves, nothing."""
    gate_closed: bool = False
    """Of an offline scan: the gate took no part any more when it was made."""
    holds: bool = False
    """Of a spoken code or printed card: whether it had begun and not ended."""
    locked: bool = False
    """Whether too many wrong digits were typed at this gate."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and why; `uses_code` tells whether this scan uses the code up."""

    verdict: Verdict
    reason: Reason
    uses_code: bool = False
    names_courier: bool = False
    """Whether a guard is told whose it is although nothing is used up."""

    @property
    def lets_in(self) -> bool:
        """Whether nobody has to look first."""
        return self.verdict is Verdict.admit


def decide(  # noqa: C901, PLR0911, PLR0912 - one rule after the other, in the order that counts
    read: Read, facts: CodeFacts, at: datetime
) -> Decision:
    """The verdict on a scan by what it says itself, at the time `at` when it happened.

    The order matters: what casts doubt on the code comes before what it says, and nothing about a
    courier is told on the strength of a code that is not genuine, ours and in time.
    """
    match read:
        case Unreadable():
            return Decision(Verdict.refuse, Reason.unreadable)
        case ReadSpokenCode() | ReadPrintedCard():
            return _decide_substitute(read, facts)
        case ReadCode(code=code, proof=proof):
            pass
        case unreached:
            assert_never(unreached)
    match proof:
        case Proof.unknown_issuer:
            return Decision(Verdict.refuse, Reason.unknown_issuer)
        case Proof.unknown_key:
            return Decision(Verdict.refuse, Reason.unknown_key)
        case Proof.forged:
            return Decision(Verdict.refuse, Reason.forged)
        case Proof.genuine:
            pass
        case never:
            assert_never(never)
    if facts.gate_closed:
        return Decision(Verdict.refuse, Reason.gate_closed)
    if facts.key_state is None:
        return Decision(Verdict.refuse, Reason.unknown_key)
    withdrawn = facts.key_state is KeyState.withdrawn
    if facts.ours and not facts.minted_here:
        # The signature is right, yet we did not make it: the key has leaked.
        return Decision(Verdict.refuse, Reason.key_withdrawn if withdrawn else Reason.forged)
    if withdrawn and not facts.ours:
        return Decision(Verdict.refuse, Reason.key_withdrawn)
    match check_times(code, at):
        case Timing.TOO_EARLY:
            return Decision(Verdict.refuse, Reason.not_yet_valid)
        case Timing.EXPIRED:
            return Decision(Verdict.refuse, Reason.expired)
        case Timing.VALID:
            pass
    if not facts.ours:
        return _objection(facts) or Decision(Verdict.check, Reason.other_city, uses_code=True)
    if facts.courier is None:
        return Decision(Verdict.refuse, Reason.unknown_courier)
    if not facts.courier.handle_counts:
        return Decision(Verdict.refuse, Reason.code_ended)
    if (reason := _standing_against(facts.courier)) is not None:
        return Decision(Verdict.refuse, reason)
    if (objection := _objection(facts)) is not None:
        return objection
    if withdrawn:
        return Decision(Verdict.check, Reason.key_withdrawn, uses_code=True)
    return Decision(Verdict.admit, Reason.verified, uses_code=True)


def _objection(facts: CodeFacts) -> Decision | None:
    """Why the rules of the compound keep the courier out; the code stays good for another gate."""
    match facts.entrance:
        case Objection(reason=reason):
            return Decision(Verdict.refuse, Reason(reason.value))
        case Admitted():
            return None
        case never:
            assert_never(never)


def _decide_substitute(read: ReadSpokenCode | ReadPrintedCard, facts: CodeFacts) -> Decision:
    """The verdict on what can be overheard or copied: at best a check."""
    if facts.gate_closed:
        return Decision(Verdict.refuse, Reason.gate_closed)
    match read:
        case ReadSpokenCode():
            if facts.locked:
                return Decision(Verdict.refuse, Reason.spoken_locked)
            good, unknown, ended = Reason.spoken_code, Reason.spoken_unknown, Reason.spoken_unknown
        case ReadPrintedCard():
            good, unknown, ended = Reason.printed_card, Reason.unknown_card, Reason.card_ended
        case never:
            assert_never(never)
    if facts.courier is None:
        return Decision(Verdict.refuse, unknown)
    if not facts.holds or not facts.courier.handle_counts:
        return Decision(Verdict.refuse, ended)
    if (reason := _standing_against(facts.courier)) is not None:
        return Decision(Verdict.refuse, reason)
    return _objection(facts) or Decision(
        Verdict.check, good, uses_code=isinstance(read, ReadSpokenCode), names_courier=True
    )


def _standing_against(courier: CourierFacts) -> Reason | None:
    """Why a courier may not pass, whatever is shown; None for the verified."""
    match courier.state:
        case CourierState.pending:
            return Reason.not_verified
        case CourierState.suspended:
            return Reason.suspended
        case CourierState.left:
            return Reason.left
        case CourierState.verified:
            return None


def after_first_use(decision: Decision) -> Decision:
    """The decision on a code that is good but was used before: a guard has to look at the face."""
    return replace(decision, verdict=Verdict.check, reason=Reason.code_used, uses_code=False)


def after_travel(decision: Decision, journey: Journey) -> Decision:
    """The same decision, unless the courier came faster than anybody travels: then somebody may be
    showing another's code, and a guard has to look at the face.
    """
    if decision.verdict is not Verdict.admit or journey.is_possible:
        return decision
    return replace(decision, verdict=Verdict.check, reason=Reason.impossible_travel)


def differs(verdict: Verdict, reason: Reason, decision: Decision) -> bool:
    """Whether a gate should be told that the server would have spoken otherwise than its device.

    Another colour is other news, unless a guard has looked at somebody whom the server would have admitted.
    Of two checks the server's matters only where it speaks of sharing, which a device alone cannot see.
    """
    if verdict is Verdict.check and decision.verdict is Verdict.check:
        return reason is not decision.reason and decision.reason in SHARING
    return verdict is not decision.verdict and (verdict, decision.verdict) != (Verdict.check, Verdict.admit)
