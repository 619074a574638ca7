"""Gives a device its bundle, and keeps what the device says of itself when it asks."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, union_all

from app.database import insert_into
from app.errors import NotFound
from app.models.bundles import Bundle, Sync
from app.models.compounds import Compound, Gate
from app.models.couriers import CourierChange
from app.models.devices import Device, Enrolment
from app.models.keys import SigningKey
from app.services.bundles.gate import known_of_gate
from app.services.bundles.handles import WITHDRAWN_FROM, joined, withdrawn_handles
from app.services.codes.format import EARLY, LATE
from app.services.keys.ring import load_key_states
from app.services.keys.rules import KeyState
from app.services.tokens import canonical_json
from app.work import Work

BUNDLE_TYPE: Final = "hx-bundle+jwt"
STALE_AFTER = timedelta(hours=24)
"""After a day without a word from the server a device knows too little to admit anybody by itself: keys
are published a day ahead, and handles for today and tomorrow."""
SET_BACK = timedelta(days=1)
"""By how much the server's clock may have been set back since it made a version that a device has. What is
further ahead was never made here, and no device brings its version further than this."""
MOST_MEASURED = 1000
"""Withdrawals of which one sync tells how long they took; more come in no outage but a long one."""


@dataclass(frozen=True, slots=True)
class Synced:
    """The answer to a device that asked for its bundle."""

    version: int
    statement: str | None
    """The signed bundle; None where the device has this version already."""
    reached: Sequence[timedelta]
    """How long each withdrawal since the last sync took to reach this device."""


async def sync(work: Work, *, known: int | None, counter: int) -> Synced:
    """The bundle of the calling device for the gate where it stands.

    `known` is the version that it has, `counter` how many offline scans it has made at this enrolment:
    what it uploads later with a higher number and an earlier time is doubtful. The version rises whenever
    the content changes, and is never given lower than the device has it, also after the database was
    restored from a backup. Raises NotFound where the caller is no device, or stands nowhere.
    """
    enrolment, gate, compound = await _own_place(work)
    content = await _content(work, enrolment, gate, compound)
    digest = hashlib.sha256(canonical_json(content)).digest()
    bundle, before = await _keep(work, enrolment.id, digest, known)
    await _note_counter(work, enrolment.id, counter)
    reached = await _reached(work, before) if before is not None else []
    statement = None
    if known != bundle.version:
        claims = {**content, "iat": int(work.now.timestamp()), "ver": bundle.version}
        statement = work.deployment.statements.sign(BUNDLE_TYPE, claims)
    return Synced(bundle.version, statement, reached)


async def _own_place(work: Work) -> tuple[Enrolment, Gate, Compound]:
    found = (
        await work.session.execute(
            select(Enrolment, Gate, Compound)
            .join(Device, Device.id == Enrolment.device_id)
            .join(Gate, Gate.id == Enrolment.gate_id)
            .join(Compound, Compound.id == Gate.compound_id)
            .where(
                Device.account_id == work.actor.account_id,
                Device.lost_at.is_(None),
                Enrolment.closed_at.is_(None),
            )
            .with_for_update(of=Enrolment)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    enrolment, gate, compound = found
    return enrolment, gate, compound


async def _content(work: Work, enrolment: Enrolment, gate: Gate, compound: Compound) -> Mapping[str, object]:
    """What the device decides by; the same content, the same bytes."""
    states = await load_key_states(work.session, work.now)
    issuers = sorted({key.issuer for key in states.keys if states.state(key) is not KeyState.withdrawn})
    withdrawn = await withdrawn_handles(work)
    known = await known_of_gate(work, compound)
    return {
        "iss": work.settings.issuer,
        "enrolment": str(enrolment.id),
        "gate": str(gate.id),
        "closed": gate.closed_at is not None or compound.closed_at is not None,
        "issuers": {issuer: states.key_set(issuer) for issuer in issuers},
        "prefixes": list(work.settings.link_prefixes),
        "early": EARLY,
        "late": LATE,
        "stale_after": int(STALE_AFTER.total_seconds()),
        "withdrawn": {
            "handles": joined(withdrawn.handles),
            "complete": withdrawn.complete and known.complete,
        },
        **known.claims,
    }


async def _keep(
    work: Work, enrolment_id: UUID, digest: bytes, known: int | None
) -> tuple[Bundle, datetime | None]:
    """The bundle's row with its version, and when the device asked before. The enrolment is locked."""
    bundle = await work.session.get(Bundle, enrolment_id, populate_existing=True)
    if bundle is None:
        bundle = Bundle(
            enrolment_id=enrolment_id,
            version=_next_version(work.now, kept=0, known=known or 0),
            digest=digest,
            made_at=work.now,
            synced_at=work.now,
        )
        work.session.add(bundle)
        await work.session.flush()
        return bundle, None
    before = bundle.synced_at
    # A device that does not say what it has, as after a restart, may have a version that a restored backup
    # knows nothing of.
    if bundle.digest != digest or known is None or known > bundle.version:
        bundle.version = _next_version(work.now, kept=bundle.version, known=known or 0)
        bundle.digest, bundle.made_at = digest, work.now
    bundle.synced_at = work.now
    await work.session.flush()
    return bundle, before


def _next_version(now: datetime, *, kept: int, known: int) -> int:
    """The present in milliseconds, or one more than what server or device has, where that is higher."""
    heard = known if known <= _milliseconds(now + SET_BACK) else 0
    return max(_milliseconds(now), kept + 1, heard + 1)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


async def _note_counter(work: Work, enrolment_id: UUID, counter: int) -> None:
    await work.session.execute(
        insert_into(work.session, Sync)
        .values(enrolment_id=enrolment_id, counter=counter, last_at=work.now)
        .on_conflict_do_update(index_elements=[Sync.enrolment_id, Sync.counter], set_={"last_at": work.now})
    )


async def _reached(work: Work, before: datetime) -> list[timedelta]:
    """How long ago withdrawals took effect that the device learns of now."""
    at = union_all(
        select(CourierChange.at).where(
            CourierChange.at > before,
            CourierChange.at <= work.now,
            CourierChange.from_state == WITHDRAWN_FROM,
        ),
        select(SigningKey.withdrawn_at).where(
            SigningKey.withdrawn_at > before, SigningKey.withdrawn_at <= work.now
        ),
    ).subquery()
    moments: Iterable[datetime] = await work.session.scalars(select(at.c.at).limit(MOST_MEASURED))
    return [work.now - moment for moment in moments]
