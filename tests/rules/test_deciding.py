"""What is said to a code at a gate, which rule comes before which, and what earlier scans change about it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.models.couriers import CourierState
from app.models.scans import Verdict
from app.services.codes.format import Cause, Code, Timing, check_times
from app.services.codes.reading import Proof, ReadCode, Unreadable
from app.services.gate_rules.rules import UNCONDITIONAL, Objection, ObjectionReason
from app.services.keys.rules import KeyState
from app.services.scans.reasons import Reason
from app.services.scans.rules import (
    CodeFacts,
    CourierFacts,
    Decision,
    after_first_use,
    after_travel,
    decide,
    differs,
)
from app.services.scans.travel import Journey
from tests.conftest import NOON

ADMIT, CHECK, REFUSE = Verdict
CODE = Code(iss="5000", kid="07", sub=bytes(8), iat=int(NOON.timestamp()), ttl=12, jti=bytes(6))
"""Lives for a minute from noon; with five seconds before and ten after, for which clocks may differ."""
SOMEBODY = CourierFacts(UUID(int=1), CourierState.verified, handle_counts=True, card_id=None)


@dataclass(frozen=True, slots=True)
class Shown:
    """A code that is shown, and what is known of it."""

    facts: CodeFacts
    proof: Proof = Proof.genuine
    seconds: int = 0
    """After it was minted."""

    def decide(self) -> Decision:
        return decide(ReadCode(CODE, self.proof), self.facts, NOON + timedelta(seconds=self.seconds))


OURS = Shown(CodeFacts(key_state=KeyState.active, ours=True, minted_here=True, courier=SOMEBODY))
ANOTHERS = Shown(CodeFacts(key_state=KeyState.active, ours=False, minted_here=False, courier=None))
"""Good codes: one of ours, and one of another city, of whose couriers we know nothing."""
WITHDRAWN = replace(OURS, facts=replace(OURS.facts, key_state=KeyState.withdrawn))
BOTH = (OURS, ANOTHERS)

Change = Callable[[Shown], Shown]
Flaw = tuple[str, tuple[Shown, ...], Change, Reason]
"""What is wrong, with which codes it can be, how they then are, and what is told."""


def presented(**changed: Any) -> Change:
    return lambda shown: replace(shown, **changed)


def known(**changed: Any) -> Change:
    return lambda shown: replace(shown, facts=replace(shown.facts, **changed))


def of_courier(**changed: Any) -> Change:
    return known(courier=replace(SOMEBODY, **changed))


LEAKED = known(minted_here=False)
# In the order that counts: of several, the first is told.
FLAWS: list[Flaw] = [
    ("no city has this number", BOTH, presented(proof=Proof.unknown_issuer), Reason.unknown_issuer),
    ("its city has no such key", BOTH, presented(proof=Proof.unknown_key), Reason.unknown_key),
    ("the key did not sign it", BOTH, presented(proof=Proof.forged), Reason.forged),
    ("the gate took no part any more", BOTH, known(gate_closed=True), Reason.gate_closed),
    ("the key was not known then", BOTH, known(key_state=None), Reason.unknown_key),
    ("our key signed what we did not mint", (OURS,), LEAKED, Reason.forged),
    ("its key was withdrawn", (ANOTHERS,), known(key_state=KeyState.withdrawn), Reason.key_withdrawn),
    ("6 s before it begins", BOTH, presented(seconds=-6), Reason.not_yet_valid),
    ("11 s after its end", BOTH, presented(seconds=60 + 11), Reason.expired),
    ("nobody has the handle", (OURS,), known(courier=None), Reason.unknown_courier),
    ("the profile moved since", (OURS,), of_courier(handle_counts=False), Reason.code_ended),
    ("pending", (OURS,), of_courier(state=CourierState.pending), Reason.not_verified),
    ("suspended", (OURS,), of_courier(state=CourierState.suspended), Reason.suspended),
    ("left", (OURS,), of_courier(state=CourierState.left), Reason.left),
    *(
        (reason.value, BOTH, known(entrance=Objection(reason, None)), Reason(reason))
        for reason in ObjectionReason
    ),
]
FLAWED = [
    pytest.param(change(shown), reason, id=f"{'ours' if shown is OURS else 'anothers'}: {words}")
    for words, concerned, change, reason in FLAWS
    for shown in concerned
]


@pytest.mark.parametrize(("shown", "reason"), FLAWED)
def test_a_flaw_is_told_and_leaves_the_code_good_for_another_gate(shown: Shown, reason: Reason) -> None:
    assert shown.decide() == Decision(REFUSE, reason, uses_code=False, names_courier=False)


@pytest.mark.parametrize(
    ("shown", "verdict", "reason"),
    [
        (OURS, ADMIT, Reason.verified),
        (presented(seconds=-5)(OURS), ADMIT, Reason.verified),
        (presented(seconds=60 + 10)(OURS), ADMIT, Reason.verified),
        # Codes may outlive the time in which their key signs, and a server's clock be behind the signer's.
        (known(key_state=KeyState.next)(OURS), ADMIT, Reason.verified),
        (known(key_state=KeyState.retiring)(OURS), ADMIT, Reason.verified),
        (known(key_state=KeyState.retired)(OURS), ADMIT, Reason.verified),
        # We can tell our own codes from those of a thief of the key, and other cities' we cannot.
        (WITHDRAWN, CHECK, Reason.key_withdrawn),
        (ANOTHERS, CHECK, Reason.other_city),
    ],
)
def test_a_code_without_a_flaw_is_used_up(shown: Shown, verdict: Verdict, reason: Reason) -> None:
    assert shown.decide() == Decision(verdict, reason, uses_code=True)


def test_what_is_no_code_is_refused_whatever_is_known() -> None:
    read = Unreadable(bytes(32), length=5, cause=Cause.LENGTH)
    assert decide(read, OURS.facts, NOON) == Decision(REFUSE, Reason.unreadable)


def test_these_tables_name_every_reason_there_is_for_a_code() -> None:
    told = {reason for *_, reason in FLAWS} | {Reason.verified, Reason.other_city, Reason.unreadable}
    of_substitutes = "spoken_code spoken_unknown spoken_locked printed_card card_ended unknown_card"
    of_others = "code_used impossible_travel handle_withdrawn offline_denied not_seen_lately bundle_stale"
    assert told == set(Reason) - set(map(Reason, f"{of_substitutes} {of_others}".split()))


@pytest.mark.parametrize("first", range(len(FLAWS)), ids=[flaw[0] for flaw in FLAWS])
@given(others=st.sets(st.sampled_from(range(len(FLAWS)))))
def test_of_several_flaws_the_first_is_told(first: int, others: set[int]) -> None:
    for good in FLAWS[first][1]:
        shown = good
        for number in sorted(others | {first}, reverse=True):  # of two that exclude each other one is left
            if number >= first and good in FLAWS[number][1]:
                shown = FLAWS[number][2](shown)
        assert shown.decide() == Decision(REFUSE, FLAWS[first][-1])


@pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if OURS in flaw[1]], ids=lambda flaw: flaw[0])
def test_a_withdrawn_key_of_ours_excuses_nothing(flaw: Flaw) -> None:
    *_, change, reason = flaw
    assert change(WITHDRAWN).decide().reason is (Reason.key_withdrawn if change is LEAKED else reason)


couriers = st.none() | st.builds(
    CourierFacts, st.uuids(), st.sampled_from(CourierState), handle_counts=st.booleans(), card_id=st.none()
)
anything_shown = st.builds(
    Shown,
    st.builds(
        CodeFacts,
        key_state=st.none() | st.sampled_from(KeyState),
        ours=st.booleans(),
        minted_here=st.booleans(),
        courier=couriers,
        entrance=st.sampled_from([UNCONDITIONAL, *(Objection(each, None) for each in ObjectionReason)]),
        gate_closed=st.booleans(),
    ),
    st.sampled_from(Proof),
    st.integers(-7, 72),
)


@given(anything_shown, couriers)
def test_nothing_about_a_courier_is_told_on_a_code_that_is_not_genuine_ours_and_in_time(
    shown: Shown, other: CourierFacts | None
) -> None:
    """So whoever makes codes up learns nothing of anybody: the answer is the same whoever it would name."""
    timing = check_times(CODE, NOON + timedelta(seconds=shown.seconds))
    minted = shown.facts.ours and shown.facts.minted_here
    assume(not (shown.proof is Proof.genuine and minted and timing is Timing.VALID))
    assert shown.decide() == known(courier=other)(shown).decide()


TOO_FAST, LEISURELY = Journey(metres=7000, seconds=120), Journey(metres=7000, seconds=900)
REFUSED = Decision(REFUSE, Reason.blocked)
ADMITTED = Decision(ADMIT, Reason.verified, uses_code=True)
CHECKED = Decision(CHECK, Reason.other_city, uses_code=True)
SPOKEN = Decision(CHECK, Reason.spoken_code, uses_code=True, names_courier=True)
USED = Decision(CHECK, Reason.code_used)


@pytest.mark.parametrize(
    ("before", "after"),
    [(ADMITTED, USED), (CHECKED, USED), (SPOKEN, replace(USED, names_courier=True))],
)
def test_a_code_that_was_used_before_is_checked_and_not_used_again(before: Decision, after: Decision) -> None:
    assert after_first_use(before) == after


@pytest.mark.parametrize(
    ("before", "journey", "after"),
    [
        (ADMITTED, LEISURELY, ADMITTED),
        (ADMITTED, TOO_FAST, Decision(CHECK, Reason.impossible_travel, uses_code=True)),
        # Who is checked or refused anyway is so for the reason that was there first.
        (CHECKED, TOO_FAST, CHECKED),
        (USED, TOO_FAST, USED),
        (REFUSED, TOO_FAST, REFUSED),
    ],
)
def test_who_came_too_fast_is_checked(before: Decision, journey: Journey, after: Decision) -> None:
    assert after_travel(before, journey) == after


@pytest.mark.parametrize(
    ("device", "server", "news"),
    [
        (ADMIT, ADMIT, "none"),
        (ADMIT, CHECK, "news"),
        (ADMIT, REFUSE, "news"),
        (CHECK, ADMIT, "none"),  # a guard has looked at the face already
        (CHECK, REFUSE, "news"),
        (REFUSE, ADMIT, "news"),
        (REFUSE, CHECK, "news"),
        (REFUSE, REFUSE, "none"),
    ],
)
@given(said=st.sampled_from(Reason), reason=st.sampled_from(Reason))
def test_another_colour_is_news_whatever_the_reasons(
    device: Verdict, server: Verdict, news: str, said: Reason, reason: Reason
) -> None:
    assert differs(device, said, Decision(server, reason)) is (news == "news")


@pytest.mark.parametrize(
    ("device", "server", "news"),
    [
        (Reason.other_city, Reason.code_used, "news"),
        (Reason.bundle_stale, Reason.impossible_travel, "news"),
        (Reason.code_used, Reason.impossible_travel, "news"),
        (Reason.code_used, Reason.code_used, "none"),
        (Reason.bundle_stale, Reason.key_withdrawn, "none"),
        (Reason.code_used, Reason.other_city, "none"),
    ],
)
def test_of_two_checks_only_that_of_a_shared_code_is_news(device: Reason, server: Reason, news: str) -> None:
    assert differs(CHECK, device, Decision(CHECK, server)) is (news == "news")
