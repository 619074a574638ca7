"""Loads what decisions rest on: for all scans of a list at once, one statement a question."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, select

from app.clock import from_epoch, service_day
from app.database import fetch
from app.models.blocks import Block
from app.models.compounds import Compound, Gate
from app.models.couriers import Card, Courier, CourierChange, CourierState, DayHandle, Person
from app.models.scans import CodeUse, Direction, Scan, ScanAnnulment, ScanKey, Verdict, Whereabouts
from app.services.codes.format import Code
from app.services.codes.minting import day_handle
from app.services.couriers.cards import CardFace, open_card
from app.services.lists import dialect_of, is_listed, listed
from app.services.scans.answers import StoredScan
from app.services.scans.presentation import Presentation, ScanName, scan_name
from app.services.scans.reasons import Reason
from app.services.scans.rules import CourierFacts
from app.services.scans.travel import Point
from app.services.scans.whereabouts import Passage
from app.work import Work

DatedHandle = tuple[date, bytes]
"""A service day, and a handle of that day."""
CodeName = tuple[str, str, bytes, bytes]
"""issuer, kid, subject, jti: the replay key of a code."""


@dataclass(frozen=True, slots=True)
class KnownCourier:
    """The courier behind a handle, the card that a guard is shown, and where the courier passed last."""

    facts: CourierFacts
    codes_from: datetime | None
    last: Passage | None
    person_id: UUID
    wrapped_key: bytes | None
    sealed_card: bytes | None
    was_blocked: bool
    """Whether there is, or was, a block of this courier anywhere, so that gates need not ask for nobody's."""

    def face(self, work: Work) -> CardFace | None:
        """The card opened; None where there is none, or the person was erased."""
        if self.facts.card_id is None or self.sealed_card is None or self.wrapped_key is None:
            return None
        return open_card(work.vault, self.wrapped_key, self.person_id, self.facts.card_id, self.sealed_card)


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


async def load_stored(work: Work, presentations: Iterable[Presentation]) -> dict[ScanName, StoredScan]:
    """The scans already stored under the names of `presentations`."""
    dialect = dialect_of(work.session)
    keys = {each.name: (each.enrolment_id, each.scan_id) for each in presentations}
    rows = await work.session.execute(_stored(dialect), listed("keys", list(keys.values()), dialect))
    return {
        scan_name(scan.enrolment_id, scan.scan_id): stored_scan(
            scan,
            open_card(work.vault, wrapped, person_id, scan.card_id, sealed)
            if scan.card_id and sealed and wrapped and is_shown(scan.shift_id, scan.sequence)
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
        happened_at=scan.happened_at,
        enrolment_id=scan.enrolment_id,
        gate_id=scan.gate_id,
        compound_id=scan.compound_id,
        courier_id=scan.courier_id,
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
        server_verdict=Verdict(scan.server_verdict) if scan.server_verdict else None,
        server_reason=Reason(scan.server_reason) if scan.server_reason else None,
        doubtful=scan.doubtful,
        device_time=scan.device_time,
        sequence=scan.sequence,
    )


def is_shown(shift_id: UUID | None, sequence: int | None) -> bool:
    """Whether a scan was answered with an identity: to a guard on shift, and never to a device alone."""
    return shift_id is not None and sequence is None


def handle_of(work: Work, code: Code) -> DatedHandle:
    """The service day and handle that `code` names."""
    return service_day(from_epoch(code.iat), work.settings.zone), code.sub


def with_courier(table: type[Any], *names: Any) -> Select[*tuple[Any, ...]]:
    """Columns `names` of a table that names a courier, and what `known_courier` is made from."""
    return (
        select(
            *names,
            Courier.id,
            Courier.state,
            Courier.codes_from,
            Courier.card_id,
            Courier.person_id,
            Person.wrapped_key,
            Card.sealed,
            Whereabouts.scan,
            Whereabouts.recorded_at,
            Whereabouts.at,
            Whereabouts.gate_id,
            Whereabouts.compound_id,
            Whereabouts.direction,
            func.coalesce(Gate.latitude, Compound.latitude).label("latitude"),
            func.coalesce(Gate.longitude, Compound.longitude).label("longitude"),
            exists().where(Block.courier_id == Courier.id).label("was_blocked"),
        )
        .select_from(table)
        .join(Courier, Courier.id == table.courier_id)
        .join(Person, Person.id == Courier.person_id)
        .outerjoin(Card, Card.id == Courier.card_id)
        .outerjoin(Whereabouts, Whereabouts.courier_id == Courier.id)
        .outerjoin(Gate, Gate.id == Whereabouts.gate_id)
        .outerjoin(Compound, Compound.id == Whereabouts.compound_id)
    )


def known_courier(row: Any, *, counts: bool) -> KnownCourier:
    """The courier of a row of `with_courier`; `counts` where what was shown is of the present account."""
    return KnownCourier(
        CourierFacts(row.id, CourierState(row.state), counts, row.card_id),
        row.codes_from,
        _last(row),
        row.person_id,
        row.wrapped_key,
        row.sealed,
        row.was_blocked,
    )


@cache
def _couriers(dialect: str) -> Select[*tuple[Any, ...]]:
    return with_courier(DayHandle, DayHandle.day, DayHandle.handle).where(
        is_listed([DayHandle.day, DayHandle.handle], "handles", dialect)
    )


async def load_couriers(work: Work, handles: Iterable[DatedHandle]) -> dict[DatedHandle, KnownCourier]:
    """The couriers behind `handles`."""
    wanted = set(handles)
    if not wanted:
        return {}
    dialect = dialect_of(work.session)
    rows = await fetch(work.session, _couriers(dialect), listed("handles", list(wanted), dialect))
    return {
        (row.day, row.handle): known_courier(
            row,
            # Without a time from which codes count there has been one handle a day only.
            counts=row.codes_from is None or row.handle == day_handle(work, row.day, row.id, row.codes_from),
        )
        for row in rows
    }


def _last(row: Any) -> Passage | None:
    if row.scan is None:
        return None
    return Passage(
        courier_id=row.id,
        scan=row.scan,
        recorded_at=row.recorded_at,
        at=row.at,
        gate_id=row.gate_id,
        compound_id=row.compound_id,
        direction=Direction(row.direction),
        point=Point(row.latitude, row.longitude) if row.latitude is not None else None,
    )


@cache
def _changes(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(CourierChange.courier_id, CourierChange.from_state, CourierChange.at)
        .where(is_listed([CourierChange.courier_id], "couriers", dialect))
        .order_by(CourierChange.id)
    )


@dataclass(frozen=True, slots=True)
class PastStates:
    """How couriers stood before: the changes of each, in their order."""

    changes: dict[UUID, list[tuple[datetime, CourierState | None]]]

    def at(self, courier: KnownCourier, moment: datetime) -> CourierFacts:
        """What was to be known of `courier` at `moment`."""
        state = courier.facts.state
        for at, before in self.changes.get(courier.facts.courier_id, ()):
            if at > moment:
                state = before or CourierState.pending
                break
        counted = courier.codes_from is not None and moment < courier.codes_from
        return replace(courier.facts, state=state, handle_counts=courier.facts.handle_counts or counted)


async def load_past_states(work: Work, couriers: Iterable[UUID], since: datetime) -> PastStates:
    """The changes of `couriers` after `since`, for scans that are told of later."""
    dialect = dialect_of(work.session)
    wanted = [(courier,) for courier in set(couriers)]
    changes: dict[UUID, list[tuple[datetime, CourierState | None]]] = {}
    if wanted:
        query = _changes(dialect).where(CourierChange.at > since)
        for row in await fetch(work.session, query, listed("couriers", wanted, dialect)):
            before = CourierState(row.from_state) if row.from_state else None
            changes.setdefault(row.courier_id, []).append((row.at, before))
    return PastStates(changes)


@dataclass(frozen=True, slots=True)
class FirstUse:
    """When and where a code was used first."""

    at: datetime
    gate_id: UUID
    gate_name: str
    compound_name: str
    scan: UUID
    recorded_at: datetime
    """Of the scan."""
    annulled: bool
    """Whether the scan was taken back. Its code stays used."""
    doubtful: bool
    """Whether the time is in doubt: it precedes no other."""


@cache
def _first_uses(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(
            CodeUse.issuer,
            CodeUse.kid,
            CodeUse.subject,
            CodeUse.jti,
            CodeUse.used_at,
            CodeUse.scan,
            CodeUse.recorded_at,
            Gate.id,
            Gate.name.label("gate_name"),
            Compound.name.label("compound_name"),
            ScanAnnulment.scan.is_not(None).label("annulled"),
            Scan.doubtful.is_(True).label("doubtful"),
        )
        .join(Gate, Gate.id == CodeUse.gate_id)
        .join(Compound, Compound.id == Gate.compound_id)
        # What was used a moment ago, in this list, is not stored yet.
        .outerjoin(Scan, and_(Scan.id == CodeUse.scan, Scan.recorded_at == CodeUse.recorded_at))
        .outerjoin(ScanAnnulment, ScanAnnulment.scan == CodeUse.scan)
        .where(is_listed([CodeUse.issuer, CodeUse.kid, CodeUse.subject, CodeUse.jti], "names", dialect))
    )


async def load_first_uses(work: Work, names: Iterable[CodeName]) -> dict[CodeName, FirstUse]:
    """When and where codes were used first, by replay key."""
    dialect = dialect_of(work.session)
    rows = await fetch(work.session, _first_uses(dialect), listed("names", list(names), dialect))
    return {
        (row.issuer, row.kid, row.subject, row.jti): FirstUse(
            at=row.used_at,
            gate_id=row.id,
            gate_name=row.gate_name,
            compound_name=row.compound_name,
            scan=row.scan,
            recorded_at=row.recorded_at,
            annulled=row.annulled,
            doubtful=row.doubtful,
        )
        for row in rows
    }


def code_name(code: Code) -> CodeName:
    """The replay key of `code`, as the columns hold it."""
    return code.iss, code.kid, code.sub, code.jti
