"""The posts of a replay: each place is a compound with one gate, a device there, and a guard on shift."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import case, select, update

from app.ids import new_id
from app.models.accounts import AccountKind, Grant, Role, ScopeKind
from app.models.compounds import Compound, CompoundKind, Gate
from app.models.devices import Device, DeviceKind, Enrolment, Shift
from app.replay.accounts import find_accounts, new_account, sign_in_all
from app.replay.caller import SignedIn
from app.services import audit
from app.services.areas.divisions import CHONGQING
from app.work import Work

REFERENCE = "replay:"
"""Begins the reference of every compound of every replay: by it they are told from real ones."""
GATE = "东门"
DEVICE = "回放扫码设备"


@dataclass(frozen=True, slots=True)
class Post:
    """A gate with a guard on shift."""

    enrolment_id: UUID
    guard: SignedIn


async def man_posts(work: Work, *, places: Sequence[str]) -> dict[str, Post]:
    """A guard newly on shift at each of `places`, which are made where they are missing.

    Whoever was on shift there is relieved.
    """
    there = await _enrolments(work, places)
    if missing := [place for place in places if place not in there]:
        await _open(work, missing)
        there |= await _enrolments(work, missing)
    guards = await find_accounts(work, [_openid(place) for place in places])
    signed_in = await sign_in_all(work, guards.values())
    posts = {place: Post(there[place], signed_in[guards[_openid(place)]]) for place in places}
    await work.session.execute(
        update(Shift)
        .where(Shift.enrolment_id.in_(there.values()), Shift.ended_at.is_(None))
        # A shift of a later day is open where that day was replayed before.
        .values(ended_at=case((Shift.started_at > work.now, Shift.started_at), else_=work.now))
        .execution_options(synchronize_session=False)
    )
    work.session.add_all(
        Shift(
            id=new_id(),
            enrolment_id=post.enrolment_id,
            account_id=post.guard.account_id,
            sign_in_id=post.guard.sign_in_id,
            started_at=work.now,
        )
        for post in posts.values()
    )
    await work.session.flush()
    return posts


def _openid(place: str) -> str:
    return f"replay guard {place}"


async def _enrolments(work: Work, places: Sequence[str]) -> dict[str, UUID]:
    rows = await work.session.execute(
        select(Compound.reference, Enrolment.id)
        .join(Gate, Gate.compound_id == Compound.id)
        .join(Enrolment, Enrolment.gate_id == Gate.id)
        .where(Compound.reference.in_([REFERENCE + place for place in places]), Enrolment.closed_at.is_(None))
    )
    return {reference.removeprefix(REFERENCE): enrolment for reference, enrolment in rows if reference}


async def _open(work: Work, places: Sequence[str]) -> None:
    """Makes compounds, gates, devices and guards, each kind in one statement."""
    compounds = [
        Compound(
            id=new_id(),
            reference=REFERENCE + place,
            name=place,
            kind=CompoundKind.residential.value,
            area_code=CHONGQING,
            created_at=work.now,
        )
        for place in places
    ]
    gates = [
        Gate(id=new_id(), compound_id=compound.id, name=GATE, created_at=work.now) for compound in compounds
    ]
    guards = [new_account(work, AccountKind.wechat, _openid(place)) for place in places]
    scanners = [new_account(work, AccountKind.device, place) for place in places]
    devices = [
        Device(
            id=new_id(),
            account_id=scanner.id,
            kind=DeviceKind.handheld.value,
            name=DEVICE,
            created_at=work.now,
        )
        for scanner in scanners
    ]
    enrolments = [
        Enrolment(id=new_id(), device_id=device.id, gate_id=gate.id, opened_at=work.now)
        for device, gate in zip(devices, gates, strict=True)
    ]
    grants = [
        Grant(
            id=new_id(),
            account_id=guard.id,
            role=Role.guard.value,
            scope_kind=ScopeKind.compound.value,
            scope_id=str(compound.id),
            granted_at=work.now,
        )
        for guard, compound in zip(guards, compounds, strict=True)
    ]
    for rows in ([*compounds, *guards, *scanners], [*gates, *devices, *grants], enrolments):
        work.session.add_all(rows)
        await work.session.flush()
    audit.record(
        work,
        "compounds.imported",
        subject_kind="area",
        subject_id=CHONGQING,
        details={"added": len(compounds)},
    )
