"""Loads what decisions rest on: for all scans of a list at once, one statement a question."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import aliased

from app.clock import from_epoch, service_day
from app.database import fetch
from app.models.accounts import Account, SignIn
from app.models.compounds import Compound, Gate
from app.models.couriers import Card, Courier, CourierState, DayHandle, Person
from app.models.devices import Device, Enrolment, Shift
from app.models.scans import CodeUse, Direction, Scan, ScanKey, Verdict
from app.services.codes.format import Code
from app.services.codes.minting import day_handle
from app.services.couriers.cards import CardFace, open_card
from app.services.devices.rules import shift_end
from app.services.lists import dialect_of, is_listed, listed
from app.services.scans.answers import StoredScan
from app.services.scans.presentation import Presentation
from app.services.scans.rules import CourierFacts, FirstUse, Reason
from app.work import Work

CodeName = tuple[str, str, bytes, bytes]
"""issuer, kid, subject, jti: the replay key of a code."""


@dataclass(frozen=True, slots=True)
class PostFacts:
    """Where an enrolment stands and who is on shift there."""

    gate_id: UUID
    compound_id: UUID
    open: bool
    """The enrolment holds, and its device was not reported lost."""
    closed: bool
    """The gate or its compound takes no part any more."""
    shift_id: UUID | None
    guard_id: UUID | None
    sign_in_id: UUID | None
    """The guard's sign-in, if it is still alive."""


@dataclass(frozen=True, slots=True)
class KnownCourier:
    """The courier behind a handle, and the card that a guard is shown."""

    facts: CourierFacts
    person_id: UUID
    wrapped_key: bytes | None
    sealed_card: bytes | None

    def face(self, work: Work) -> CardFace | None:
        """The card opened; None where there is none, or the person was erased."""
        if self.facts.card_id is None or self.sealed_card is None or self.wrapped_key is None:
            return None
        return open_card(work.vault, self.wrapped_key, self.person_id, self.facts.card_id, self.sealed_card)


@cache
def _posts(dialect: str) -> Select[*tuple[Any, ...]]:
    guard = aliased(Account)
    return (
        select(
            Enrolment.id,
            Enrolment.closed_at,
            Enrolment.gate_id,
            Gate.closed_at.label("gate_closed_at"),
            Gate.compound_id,
            Compound.closed_at.label("compound_closed_at"),
            Device.lost_at,
            Shift.id.label("shift_id"),
            Shift.started_at,
            Shift.account_id.label("guard_id"),
            SignIn.id.label("sign_in_id"),
        )
        .join(Gate, Gate.id == Enrolment.gate_id)
        .join(Compound, Compound.id == Gate.compound_id)
        .join(Device, Device.id == Enrolment.device_id)
        .outerjoin(Shift, and_(Shift.enrolment_id == Enrolment.id, Shift.ended_at.is_(None)))
        .outerjoin(guard, and_(guard.id == Shift.account_id, guard.ended_at.is_(None)))
        .outerjoin(
            SignIn,
            and_(SignIn.id == Shift.sign_in_id, SignIn.account_id == guard.id, SignIn.ended_at.is_(None)),
        )
        .where(is_listed([Enrolment.id], "enrolments", dialect))
    )


async def load_posts(work: Work, enrolments: Iterable[UUID]) -> dict[UUID, PostFacts]:
    """Gate, shift and guard of each enrolment, by enrolment."""
    dialect = dialect_of(work.session)
    rows = await fetch(
        work.session,
        _posts(dialect),
        listed("enrolments", [(enrolment,) for enrolment in set(enrolments)], dialect),
    )
    return {
        row.id: PostFacts(
            gate_id=row.gate_id,
            compound_id=row.compound_id,
            open=row.closed_at is None and row.lost_at is None,
            closed=row.gate_closed_at is not None or row.compound_closed_at is not None,
            shift_id=row.shift_id
            if row.shift_id is not None and shift_end(row.started_at, None, work.now) is None
            else None,
            guard_id=row.guard_id,
            sign_in_id=row.sign_in_id,
        )
        for row in rows
    }


@cache
def _stored(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(Scan, Courier.person_id, Person.wrapped_key, Card.sealed)
        .join(ScanKey, and_(ScanKey.scan == Scan.id, ScanKey.recorded_at == Scan.recorded_at))
        .outerjoin(Courier, Courier.id == Scan.courier_id)
        .outerjoin(Person, Person.id == Courier.person_id)
        .outerjoin(Card, Card.id == Scan.card_id)
        .where(is_listed([ScanKey.enrolment_id, ScanKey.scan_id], "keys", dialect))
    )


async def load_stored(work: Work, keys: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], StoredScan]:
    """The scans already stored under `keys` (enrolment, scan id)."""
    dialect = dialect_of(work.session)
    rows = await work.session.execute(_stored(dialect), listed("keys", list(keys), dialect))
    return {
        (scan.enrolment_id, scan.scan_id): stored_scan(
            scan,
            open_card(work.vault, wrapped, person_id, scan.card_id, sealed)
            if scan.card_id and sealed and wrapped
            else None,
        )
        for scan, person_id, wrapped, sealed in rows
    }


def stored_scan(scan: Scan, card: CardFace | None) -> StoredScan:
    """What a row holds, in the words of the domain."""
    if scan.code_digest is not None:
        name = scan.code_digest
    else:
        assert scan.issuer is not None and scan.kid is not None  # noqa: PT018, S101 - see Scan
        name = bytes.fromhex(scan.issuer + scan.kid) + (scan.subject or b"") + (scan.jti or b"")
    return StoredScan(
        id=scan.id,
        recorded_at=scan.recorded_at,
        enrolment_id=scan.enrolment_id,
        scan_id=scan.scan_id,
        account_id=scan.account_id,
        direction=Direction(scan.direction),
        verdict=Verdict(scan.verdict),
        reason=Reason(scan.reason),
        details=scan.details,
        language=scan.language,
        issued_at=scan.issued_at,
        code_name=name,
        card=card,
    )


def handle_of(work: Work, code: Code) -> tuple[date, bytes]:
    """The service day and handle that `code` names."""
    return service_day(from_epoch(code.iat), work.settings.zone), code.sub


@cache
def _couriers(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(
            DayHandle.day,
            DayHandle.handle,
            Courier.id,
            Courier.state,
            Courier.codes_from,
            Courier.card_id,
            Courier.person_id,
            Person.wrapped_key,
            Card.sealed,
        )
        .join(Courier, Courier.id == DayHandle.courier_id)
        .join(Person, Person.id == Courier.person_id)
        .outerjoin(Card, Card.id == Courier.card_id)
        .where(is_listed([DayHandle.day, DayHandle.handle], "handles", dialect))
    )


async def load_couriers(
    work: Work, presentations: Iterable[Presentation]
) -> dict[tuple[date, bytes], KnownCourier]:
    """The couriers behind the codes of this issuer, by service day and handle."""
    handles = {
        handle_of(work, presentation.code)
        for presentation in presentations
        if presentation.code is not None and presentation.code.iss == work.settings.issuer
    }
    if not handles:
        return {}
    dialect = dialect_of(work.session)
    rows = await fetch(work.session, _couriers(dialect), listed("handles", list(handles), dialect))
    return {
        (row.day, row.handle): KnownCourier(
            CourierFacts(
                row.id,
                CourierState(row.state),
                # Without a time from which codes count there has been one handle a day only.
                row.codes_from is None or row.handle == day_handle(work, row.day, row.id, row.codes_from),
                row.card_id,
            ),
            row.person_id,
            row.wrapped_key,
            row.sealed,
        )
        for row in rows
    }


@cache
def _first_uses(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(
            CodeUse.issuer,
            CodeUse.kid,
            CodeUse.subject,
            CodeUse.jti,
            CodeUse.used_at,
            Gate.id,
            Gate.name.label("gate_name"),
            Compound.name.label("compound_name"),
        )
        .join(Gate, Gate.id == CodeUse.gate_id)
        .join(Compound, Compound.id == Gate.compound_id)
        .where(is_listed([CodeUse.issuer, CodeUse.kid, CodeUse.subject, CodeUse.jti], "names", dialect))
    )


async def load_first_uses(work: Work, names: Iterable[CodeName]) -> dict[CodeName, FirstUse]:
    """When and where codes were used first, by replay key."""
    dialect = dialect_of(work.session)
    rows = await fetch(work.session, _first_uses(dialect), listed("names", list(names), dialect))
    return {
        (row.issuer, row.kid, row.subject, row.jti): FirstUse(
            row.used_at, row.id, row.gate_name, row.compound_name
        )
        for row in rows
    }


def code_name(code: Code) -> CodeName:
    """The replay key of `code`, as the columns hold it."""
    return code.iss, code.kid, code.sub, code.jti
