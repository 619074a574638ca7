"""Badges: the number and PIN by which a guard starts a shift on a shared device."""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from uuid import UUID

from sqlalchemy import func, select

from app.errors import Forbidden, NotFound
from app.models.accounts import Account, Grant, ScopeKind
from app.models.compounds import Compound
from app.models.devices import Badge
from app.services import audit
from app.services.accounts.attempts import PINS, forgive_attempts, reserve_attempt
from app.services.accounts.grants import keeps_role
from app.services.accounts.passwords import hashes
from app.services.accounts.rules import TAKES_SHIFTS
from app.services.compounds.sight import reach_compound
from app.services.devices.errors import PinLocked, PinUnfit
from app.services.devices.rules import fits_pin
from app.work import OpenSignedWork, Work


@dataclass(frozen=True, slots=True)
class HeldBadge:
    """A badge as its owner is told of it."""

    compound_id: UUID
    number: int
    pin_set_at: datetime


@dataclass(frozen=True, slots=True)
class PinHash:
    """Whose PIN a badge has, and its hash."""

    account_id: UUID
    encoded: str = field(repr=False)


async def set_pin(open_work: OpenSignedWork, *, compound_id: UUID, pin: str) -> HeldBadge:
    """Sets the caller's PIN in a compound; the first time gives a badge, whose number stays for good.

    What was guessed at the former PIN counts no more. Raises NotFound unless the caller is guard or
    property manager there, Forbidden for a sign-in that was made for a shift, PinUnfit.
    """
    async with open_work(write=False) as work:
        if work.actor.for_shift:
            raise Forbidden
        await reach_compound(work, *TAKES_SHIFTS, compound_id=compound_id)
    if not fits_pin(pin):
        raise PinUnfit
    encoded = await hashes.make(pin)
    async with open_work(write=True) as work:
        # Numbers are given one after the other.
        await work.session.execute(
            select(Compound.id).where(Compound.id == compound_id).with_for_update(key_share=True)
        )
        if not await keeps_role(work, *TAKES_SHIFTS, compound_id=compound_id):
            raise NotFound
        badge = await _keep(work, compound_id, encoded)
        await forgive_attempts(work, login=_guarded(compound_id, badge.number), at=PINS)
        audit.record(
            work,
            "shifts.pin_set",
            subject_kind="account",
            subject_id=badge.account_id,
            details={"compound": str(compound_id), "badge": badge.number},
        )
        return HeldBadge(compound_id, badge.number, badge.pin_set_at)


async def pin_hash_after_count(work: Work, *, compound_id: UUID, number: int) -> PinHash | None:
    """The hash of a badge's PIN, with the attempt counted; raises PinLocked.

    None where nobody who may stand there has the badge. A locked badge writes nothing, so raising
    loses nothing.
    """
    locked_for = await reserve_attempt(work, login=_guarded(compound_id, number), at=PINS)
    if locked_for is not None:
        raise PinLocked(retry_after=max(1, ceil(locked_for.total_seconds())))
    found = (
        await work.session.execute(
            select(Badge.account_id, Badge.pin_hash)
            .join(Account, Account.id == Badge.account_id)
            .where(
                Badge.compound_id == compound_id,
                Badge.number == number,
                Account.ended_at.is_(None),
                select(Grant.id)
                .where(
                    Grant.account_id == Badge.account_id,
                    Grant.role.in_([role.value for role in TAKES_SHIFTS]),
                    Grant.scope_kind == ScopeKind.compound.value,
                    Grant.scope_id == str(compound_id),
                    Grant.revoked_at.is_(None),
                )
                .exists(),
            )
        )
    ).one_or_none()
    return PinHash(found.account_id, found.pin_hash) if found else None


async def accept_pin(work: Work, *, compound_id: UUID, number: int, kept: PinHash, renewed: str) -> bool:
    """Forgives the failures of a badge whose PIN was right; False where that has changed meanwhile."""
    badge = await work.session.scalar(
        select(Badge)
        .where(
            Badge.compound_id == compound_id,
            Badge.number == number,
            Badge.account_id == kept.account_id,
            Badge.pin_hash == kept.encoded,
        )
        .with_for_update()
    )
    if badge is None:
        return False
    badge.pin_hash = renewed
    await forgive_attempts(work, login=_guarded(compound_id, number), at=PINS)
    return True


async def _keep(work: Work, compound_id: UUID, encoded: str) -> Badge:
    account_id = work.actor.account_id
    badge = await work.session.scalar(
        select(Badge)
        .where(Badge.compound_id == compound_id, Badge.account_id == account_id)
        .with_for_update()
    )
    if badge is None:
        last = await work.session.scalar(
            select(func.max(Badge.number)).where(Badge.compound_id == compound_id)
        )
        badge = Badge(compound_id=compound_id, account_id=account_id, number=(last or 0) + 1)
        work.session.add(badge)
    badge.pin_hash, badge.pin_set_at = encoded, work.now
    await work.session.flush()
    return badge


def _guarded(compound_id: UUID, number: int) -> str:
    return f"{compound_id} {number}"
