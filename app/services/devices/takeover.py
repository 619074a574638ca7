"""Starts shifts on a shared device by a code or PIN, where the guard's own WeChat is not at hand."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy import select

from app.errors import NotFound
from app.models.accounts import Account, AccountKind
from app.models.compounds import Compound, Gate
from app.models.devices import Device, Enrolment, Shift
from app.services.accounts.grants import keeps_role
from app.services.accounts.passwords import hashes
from app.services.accounts.rules import REPLY_LOST, TAKES_SHIFTS
from app.services.accounts.shift_sign_ins import open_shift_sign_in, repeat_shift_sign_in
from app.services.accounts.sign_ins import Tokens
from app.services.compounds.errors import CompoundClosed, GateClosed
from app.services.devices.badges import accept_pin, pin_hash_after_count
from app.services.devices.errors import EnrolmentClosed, PinRefused, ShiftCodeUnusable
from app.services.devices.rules import LONGEST_SHIFT
from app.services.devices.shift_codes import lock_shift_code
from app.services.devices.shifts import PlacedShift, begin_shift, end_open_shifts
from app.work import Actor, OpenSignedWork, Work


@dataclass(frozen=True, slots=True)
class ByCode:
    """A guard's shift code, as it was typed or scanned."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ByPin:
    """A guard's badge and PIN."""

    badge: int
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakenShift:
    """A shift that was started on a shared device, and the guard's tokens for it."""

    placed: PlacedShift
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class _Post:
    """Where the calling device stands."""

    device: Device
    enrolment: Enrolment
    gate: Gate
    compound: Compound


async def take_over(open_work: OpenSignedWork, *, proof: ByCode | ByPin) -> TakenShift:
    """Puts the guard whom `proof` names on shift on the device that calls, and relieves whoever was.

    The guard's sign-in is made for that shift and ends with it. The same by the same device within
    `REPLY_LOST` gives the same shift with fresh tokens, unless it is over or its tokens have been
    refreshed: a reply that was lost in a basement must cost neither a second code nor a second shift.
    Raises NotFound where the caller is no device, EnrolmentClosed, CompoundClosed, GateClosed,
    TooManyRequests; ShiftCodeUnusable or PinRefused whatever is wrong with the proof, a guard who has
    no role here included; PinLocked.
    """
    match proof:
        case ByCode(code):
            async with open_work(write=True) as work:
                return await _by_code(work, code)
        case ByPin(badge, pin):
            return await _by_pin(open_work, badge, pin)


async def _by_code(work: Work, typed: str) -> TakenShift:
    post = await _own_post(work)
    code = await lock_shift_code(work, typed=typed)
    if code is None:
        raise ShiftCodeUnusable
    if code.used_at is not None:
        again = await _again(work, post, shift_id=code.shift_id)
        if again is None:
            raise ShiftCodeUnusable
        return again
    guard = await _guard_here(work, post, code.account_id) if code.expires_at > work.now else None
    if guard is None:
        raise ShiftCodeUnusable
    taken = await _begin(work, post, guard)
    code.used_at, code.shift_id = work.now, taken.placed.shift.id
    await work.session.flush()
    return taken


async def _by_pin(open_work: OpenSignedWork, badge: int, pin: str) -> TakenShift:
    """Two transactions with the hash between them, as staff sign in: the first counts a failure."""
    async with open_work(write=True) as work:
        compound_id = (await _own_post(work)).compound.id
        kept = await pin_hash_after_count(work, compound_id=compound_id, number=badge)
    right = await hashes.verify(kept.encoded if kept else None, pin)
    if kept is None or not right:
        raise PinRefused
    renewed = await hashes.make(pin) if hashes.outdated(kept.encoded) else kept.encoded
    async with open_work(write=True) as work:
        post = await _own_post(work)
        guard = await _guard_here(work, post, kept.account_id)
        if (
            guard is None
            or post.compound.id != compound_id
            or not await accept_pin(work, compound_id=compound_id, number=badge, kept=kept, renewed=renewed)
        ):
            raise PinRefused
        return await _again(work, post, guard_id=guard.id) or await _begin(work, post, guard)


async def _own_post(work: Work) -> _Post:
    """Where the calling device stands, locked: guards and the loss of the device come one by one."""
    if work.actor.label != AccountKind.device.value:
        raise NotFound
    found = (
        await work.session.execute(
            select(Device, Enrolment, Gate, Compound)
            .join(Enrolment, Enrolment.device_id == Device.id)
            .join(Gate, Gate.id == Enrolment.gate_id)
            .join(Compound, Compound.id == Gate.compound_id)
            .where(Device.account_id == work.actor.account_id, Enrolment.closed_at.is_(None))
            .with_for_update(of=Enrolment)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if found is None:
        raise EnrolmentClosed
    post = _Post(*found)
    if post.compound.closed_at is not None:
        raise CompoundClosed
    if post.gate.closed_at is not None:
        raise GateClosed
    return post


async def _guard_here(work: Work, post: _Post, account_id: UUID) -> Account | None:
    """The account, if it may stand at the gate, and will until this is committed."""
    guard: Account | None = await work.session.scalar(
        select(Account)
        .where(Account.id == account_id, Account.ended_at.is_(None))
        .with_for_update(read=True, key_share=True)
    )
    if guard is None:
        return None
    holds = await keeps_role(_as(work, guard), *TAKES_SHIFTS, compound_id=post.compound.id)
    return guard if holds else None


async def _begin(work: Work, post: _Post, guard: Account) -> TakenShift:
    own = _as(work, guard)
    await end_open_shifts(own, enrolment_id=post.enrolment.id, cause="relieved")
    tokens = await open_shift_sign_in(
        own,
        account=guard,
        client=post.device.name,
        compound_id=post.compound.id,
        ends_at=work.now + LONGEST_SHIFT,
    )
    shift = await begin_shift(
        own, enrolment_id=post.enrolment.id, account_id=guard.id, sign_in_id=tokens.sign_in_id
    )
    return TakenShift(PlacedShift(shift, post.gate, post.compound), tokens)


async def _again(
    work: Work, post: _Post, *, shift_id: UUID | None = None, guard_id: UUID | None = None
) -> TakenShift | None:
    """The shift `shift_id`, or that of `guard_id`, as it was just answered to this device; or None."""
    shift = await work.session.scalar(
        select(Shift).where(
            Shift.id == shift_id if shift_id else Shift.account_id == guard_id,
            Shift.enrolment_id == post.enrolment.id,
            Shift.ended_at.is_(None),
            Shift.started_at > work.now - REPLY_LOST,
        )
    )
    if shift is None:
        return None
    tokens = await repeat_shift_sign_in(work, sign_in_id=shift.sign_in_id)
    if tokens is None:
        return None
    return TakenShift(PlacedShift(shift, post.gate, post.compound), tokens)


def _as(work: Work, guard: Account) -> Work:
    """The same work by the guard, in whose name what follows is recorded."""
    return replace(work, actor=Actor(guard.kind, guard.id))
