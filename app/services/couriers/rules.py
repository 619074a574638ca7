"""What decides about couriers, free of database and clock: states, rosters, proofs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, TypeVar
from uuid import UUID

from app.errors import Text
from app.models.couriers import CourierState
from app.services.couriers.identity import Indexes

TRANSITIONS: Mapping[CourierState, frozenset[CourierState]] = MappingProxyType(
    {
        CourierState.pending: frozenset({CourierState.verified, CourierState.suspended, CourierState.left}),
        CourierState.verified: frozenset({CourierState.suspended, CourierState.left}),
        CourierState.suspended: frozenset({CourierState.verified, CourierState.pending}),
        CourierState.left: frozenset({CourierState.pending}),
    }
)
"""Where each state may lead. From a suspension nobody leaves by themselves: coming back would lift it."""


def may_become(state: CourierState, to: CourierState) -> bool:
    """Whether a courier in `state` may come into state `to`."""
    return to in TRANSITIONS[state]


def state_restored(*, ever_verified: bool) -> CourierState:
    """Where the end of a suspension leads: back to where the courier stood."""
    return CourierState.verified if ever_verified else CourierState.pending


class ReviewReason(StrEnum):
    """Why no rule could decide, worst first."""

    name_differs = "name_differs"
    phone_differs = "phone_differs"
    phone_unconfirmed = "phone_unconfirmed"
    document_known = "document_known"
    employer_differs = "employer_differs"
    no_roster = "no_roster"
    roster_agrees = "roster_agrees"
    many_departures = "many_departures"
    impossible_travel = "impossible_travel"
    code_used = "code_used"


REASON_TEXTS: Mapping[ReviewReason, Text] = MappingProxyType(
    {
        ReviewReason.name_differs: Text("姓名不一致", "The name differs."),
        ReviewReason.phone_differs: Text("手机号不一致", "The phone number differs."),
        ReviewReason.phone_unconfirmed: Text(
            "代办登记，手机号未经确认", "Registered at a desk; the phone number is not confirmed."
        ),
        ReviewReason.document_known: Text("该证件已有档案", "There is a profile with this document already."),
        ReviewReason.employer_differs: Text(
            "名册属于其他用工单位", "The roster is that of another employer than was named."
        ),
        ReviewReason.no_roster: Text("不在任何名册上", "On no employer's roster."),
        ReviewReason.roster_agrees: Text(
            "与用工单位名册一致", "An employer's roster agrees with what was given."
        ),
        ReviewReason.impossible_travel: Text(
            "在相距很远的两处几乎同时出现", "Shown at two places that nobody reaches in the time between."
        ),
        ReviewReason.code_used: Text("同一惠新码被多次出示", "One code was shown more than once."),
        ReviewReason.many_departures: Text(
            "一天内离职人数过多", "Too large a part of the roster left in one day."
        ),
    }
)
"""What a reviewer reads."""


class RosterRow(Protocol):
    """What a rule needs of a live row of a roster."""

    employer_id: UUID
    name_index: bytes
    phone_index: bytes


R = TypeVar("R", bound=RosterRow)


def vouching_rows(indexes: Indexes, rows: Sequence[R]) -> Sequence[R]:
    """The rows that vouch for somebody: of their document, with the same name and the same phone.

    `rows` are the live rows of this document.
    """
    return [row for row in rows if (row.name_index, row.phone_index) == (indexes.name, indexes.phone)]


def doubts(
    indexes: Indexes, rows: Sequence[RosterRow], employers: Collection[UUID]
) -> Sequence[ReviewReason]:
    """Why none of `rows`, the live ones of this document, vouches; worst first.

    `employers` are those that were named. A difference counts only where no row is free of it.
    """
    if not rows:
        return [ReviewReason.no_roster]
    named = [row for row in rows if row.employer_id in employers]
    reasons = []
    if all(row.name_index != indexes.name for row in named or rows):
        reasons.append(ReviewReason.name_differs)
    if all(row.phone_index != indexes.phone for row in named or rows):
        reasons.append(ReviewReason.phone_differs)
    if not named:
        reasons.append(ReviewReason.employer_differs)
    return reasons or [ReviewReason.name_differs, ReviewReason.phone_differs]


def doubts_at_desk(
    indexes: Indexes, rows: Sequence[RosterRow], employers: Collection[UUID]
) -> Sequence[ReviewReason]:
    """What a reviewer must weigh about somebody registered at a desk, worst first.

    Whatever the rosters say, it takes a person: they vouch for a phone that nobody has confirmed.
    """
    agrees = bool(vouching_rows(indexes, rows))
    found = [ReviewReason.roster_agrees] if agrees else doubts(indexes, rows, employers)
    worst_first = list(ReviewReason)
    return sorted([ReviewReason.phone_unconfirmed, *found], key=worst_first.index)


@dataclass(frozen=True, slots=True)
class Proof:
    """What speaks for somebody who shows a document that a profile exists for."""

    same_name: bool
    same_phone: bool
    """The phone that WeChat confirmed is the profile's."""
    roster_agrees: bool
    """A live roster has this document, name and phone."""
    ever_verified: bool
    """Somebody or something confirmed the profile once."""

    @property
    def suffices(self) -> bool:
        """Whether the profile may move without a person's yes.

        A profile that nothing ever confirmed gives way to whom a roster confirms: otherwise a
        stranger could bar somebody by registering their document first. A confirmed one does not:
        otherwise an employer could take it with a row of its own making.
        """
        if self.same_name and self.same_phone:
            return True
        return self.roster_agrees and not self.ever_verified

    @property
    def reasons(self) -> Sequence[ReviewReason]:
        """What a reviewer must weigh, worst first."""
        found = [
            (ReviewReason.name_differs, not self.same_name),
            (ReviewReason.phone_differs, not self.same_phone),
            (ReviewReason.document_known, True),
            (ReviewReason.roster_agrees, self.roster_agrees),
        ]
        return [reason for reason, holds in found if holds]
