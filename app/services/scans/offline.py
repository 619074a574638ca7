"""Takes in the scans that a device made while it was alone: an answer to each, whatever the others."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy import select

from app.database import fetch
from app.errors import NotFound, Problem, Unavailable
from app.logs import outline
from app.models.devices import Device, Enrolment
from app.models.scans import Outcome, ScanAnnulment, ScanKey, ScanOutcome, Verdict
from app.services.codes.reading import CodeReader, Read
from app.services.couriers.states import lock_couriers
from app.services.lists import dialect_of, insert_fresh, is_listed, listed, table_of
from app.services.scans import differences, whereabouts
from app.services.scans.admission import admit, take_sequences
from app.services.scans.answers import Answer, StoredScan
from app.services.scans.errors import ScanConflict
from app.services.scans.presentation import OfflineAnswer, Presentation
from app.work import OpenSignedWork, Work

_logger = structlog.get_logger(__name__)

LARGEST_UPLOAD = 500
"""Scans of one upload: a noon's worth of a busy gate, and a body of some 200 KB."""
READ_TOGETHER = 16
"""Codes whose signatures are checked in one go, some 3 ms; then whoever scans online has a turn."""


class Result(StrEnum):
    """What became of one scan of an upload, and so what the device does with it."""

    stored = "stored"
    repeated = "repeated"
    """It was stored before: forget it."""
    conflict = "conflict"
    """Its id was used for another scan before: forget it, and tell whoever looks after the device."""
    refused = "refused"
    """It can never be stored: forget it, and tell whoever looks after the device."""
    again = "again"
    """Nothing was stored, through no fault of the scan: keep it and send it again."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One scan of an upload, answered."""

    result: Result
    answer: Answer | None
    problem: Problem | None

    @classmethod
    def of(cls, found: Answer | Problem) -> "Uploaded":
        if isinstance(found, ScanConflict):
            return cls(Result.conflict, None, found)
        if isinstance(found, Problem):
            return cls(Result.refused, None, found)
        return cls(Result.repeated if found.repeated else Result.stored, found, None)


async def read_all(reader: CodeReader, texts: Sequence[str]) -> list[Read]:
    """The codes in `texts`, in their order, without holding up those who scan online meanwhile."""
    read = []
    for number, text in enumerate(texts):
        if number % READ_TOGETHER == 0:
            await asyncio.sleep(0)
        read.append(await reader.read(text))
    return read


async def upload(
    open_work: OpenSignedWork, *, enrolment_id: UUID, presentations: Sequence[Presentation]
) -> list[Uploaded]:
    """Stores scans that a device made offline; one result each, in the same order.

    All in one transaction, and what repeated ones tell besides in a second; where one scan breaks either,
    each goes by itself, so that it does not keep the others away. In whatever order and however often
    scans are sent, the same is stored. Raises NotFound for a place that the calling device never had, and
    Unavailable where the database is away: then nothing was stored that may not be sent again.
    """
    try:
        return await _store(open_work, enrolment_id, presentations)
    except Problem:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to one of the scans
        # In outline alone: what the error says may hold personal data.
        _logger.error("upload_taken_apart", fault=outline(error))  # noqa: TRY400
        return [await _store_one(open_work, enrolment_id, presentation) for presentation in presentations]


async def _store_one(open_work: OpenSignedWork, enrolment_id: UUID, presentation: Presentation) -> Uploaded:
    try:
        return (await _store(open_work, enrolment_id, [presentation]))[0]
    except Exception as error:  # noqa: BLE001 - the device keeps the scan and sends it again
        return Uploaded(Result.again, None, error if isinstance(error, Problem) else Unavailable())


async def _require_own_place(work: Work, enrolment_id: UUID) -> None:
    """Raises NotFound unless the calling device stands or stood there."""
    found = await work.session.scalar(
        select(Enrolment.id)
        .join(Device, Device.id == Enrolment.device_id)
        .where(Enrolment.id == enrolment_id, Device.account_id == work.actor.account_id)
    )
    if found is None:
        raise NotFound


async def _store(
    open_work: OpenSignedWork, enrolment_id: UUID, presentations: Sequence[Presentation]
) -> list[Uploaded]:
    async with open_work(write=True) as work:
        await _require_own_place(work, enrolment_id)
        found = await admit(work, presentations) if presentations else []
    told = [
        (presentation.offline, each.scan)
        for presentation, each in zip(presentations, found, strict=True)
        if isinstance(each, Answer) and each.repeated and presentation.offline is not None
    ]
    if told:
        # In a transaction of its own: it takes locks in the order of the admission, anew.
        async with open_work(write=True) as work:
            await _reconcile(work, told)
    return [Uploaded.of(each) for each in found]


async def _reconcile(work: Work, told: Sequence[tuple[OfflineAnswer, StoredScan]]) -> None:
    """Adds what a repeated scan tells beyond what is stored: what was said and done at the gate after all.

    A scan may have been stored online while its answer got lost, whereupon the device decided alone; or
    it was uploaded before its guard had decided. One that was annulled since stays annulled.
    """
    await differences.note_unheard(work, told)
    await take_sequences(
        work,
        {(scan.enrolment_id, offline.sequence): scan.id for offline, scan in told if scan.sequence is None},
    )
    rows = {
        scan.id: {
            "scan": scan.id,
            "outcome": offline.outcome_of(scan.verdict),
            "at": scan.happened_at,
            "account_id": scan.account_id,
        }
        for offline, scan in told
        if offline.outcome_of(scan.verdict) is not None
    }
    if not rows:
        return
    scans = {scan.id: scan for _, scan in told if scan.id in rows}
    annulled = await _annulled(work, scans.values())
    wanted = [rows[scan] for scan in sorted(rows) if scan not in annulled]
    if not wanted:
        return
    added = [row.scan for row in await insert_fresh(work.session, table_of(ScanOutcome), wanted)]
    await whereabouts.keep(
        work,
        (whereabouts.passage_of(scans[scan]) for scan in added if rows[scan]["outcome"] is Outcome.let_in),
    )
    turned_away = sorted(
        (scan.courier_id, scan.id)
        for scan in map(scans.__getitem__, added)
        if scan.verdict is Verdict.admit and scan.courier_id is not None
    )
    if turned_away:
        # As for an annulment: where they passed last is read again from the scans.
        await lock_couriers(work, courier_ids=[courier_id for courier_id, _ in turned_away])
    for courier_id, scan_id in turned_away:
        await whereabouts.forget(work, courier_id=courier_id, scan=scan_id)


async def _annulled(work: Work, scans: Collection[StoredScan]) -> set[UUID]:
    """Those of `scans` that were taken back; none of the others will be until this is committed."""
    dialect = dialect_of(work.session)
    names = [(scan.enrolment_id, scan.scan_id) for scan in scans]
    await fetch(
        work.session,
        select(ScanKey.scan)
        .where(is_listed([ScanKey.enrolment_id, ScanKey.scan_id], "keys", dialect))
        # In one order everywhere, so that two processes never wait for each other in a circle.
        .order_by(ScanKey.enrolment_id, ScanKey.scan_id)
        .with_for_update(),
        listed("keys", names, dialect),
    )
    rows = await fetch(
        work.session,
        select(ScanAnnulment.scan).where(is_listed([ScanAnnulment.scan], "scans", dialect)),
        listed("scans", [(scan.id,) for scan in scans], dialect),
    )
    return {row.scan for row in rows}
