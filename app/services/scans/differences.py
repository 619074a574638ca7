"""What a gate should know afterwards: where the server differs from what was said at the gate."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.database import fetch
from app.ids import new_id
from app.models.scans import Difference, Scan, Verdict
from app.services.lists import dialect_of, insert_fresh, is_listed, listed, table_of
from app.services.scans.answers import StoredScan
from app.services.scans.facts import FirstUse
from app.services.scans.judging import Judgement
from app.services.scans.presentation import OfflineAnswer, ScanName
from app.services.scans.reasons import Reason
from app.services.scans.rules import Decision, differs
from app.work import Work

DOUBTFUL = "doubtful"
"""The time of the scan is in doubt; see `Scan.doubtful`."""


async def note(
    work: Work, judged: Mapping[ScanName, Judgement], superseded: Mapping[ScanName, FirstUse]
) -> None:
    """Notes where the server would have spoken otherwise than a device did, and which scans lost their code.

    Of the uses of one code all but the earliest are noted, in whatever order they become known.
    """
    rows: list[dict[str, Any]] = []
    for each in judged.values():
        rows += [
            _row(work, each.case.id, work.now, each.case.post.gate_id, reason)
            for reason in set(_reasons(each))
        ]
    rows += await _overtaken(work, superseded.values())
    if rows:
        await insert_fresh(work.session, table_of(Difference), sorted(rows, key=_key))


def _reasons(judged: Judgement) -> Iterator[str]:
    """Why the gate should know of this scan afterwards."""
    told = judged.case.presentation.offline
    if told is None:
        return
    if differs(told.verdict, told.reason, judged.decision):
        yield judged.decision.reason
    if judged.first is not None and told.reason is not Reason.code_used:
        yield Reason.code_used
    if judged.case.doubtful:
        yield DOUBTFUL


async def note_unheard(work: Work, told: Iterable[tuple[OfflineAnswer, StoredScan]]) -> None:
    """Notes where devices that never heard our answer to a scan have said something else at their gates."""
    rows = [
        _row(work, scan.id, scan.recorded_at, scan.gate_id, scan.reason)
        for offline, scan in told
        if scan.server_verdict is None
        and differs(offline.verdict, offline.reason, Decision(scan.verdict, scan.reason))
    ]
    if rows:
        await insert_fresh(work.session, table_of(Difference), sorted(rows, key=_key))


async def _overtaken(work: Work, former: Iterable[FirstUse]) -> list[dict[str, Any]]:
    """Of the scans that had been taken for first uses: those whose guard was not told to look at the face."""
    gates = {first.scan: first.gate_id for first in former}
    if not gates:
        return []
    dialect = dialect_of(work.session)
    query: Select[*tuple[Any, ...]] = select(Scan.id, Scan.recorded_at, Scan.verdict, Scan.reason).where(
        is_listed([Scan.id], "scans", dialect)
    )
    rows = await fetch(work.session, query, listed("scans", [(scan,) for scan in gates], dialect))
    return [
        _row(work, row.id, row.recorded_at, gates[row.id], Reason.code_used)
        for row in rows
        if (row.verdict, row.reason) != (Verdict.check, Reason.code_used)
    ]


def _row(work: Work, scan: UUID, recorded_at: datetime, gate_id: UUID, reason: str) -> dict[str, Any]:
    return {
        "id": new_id(work.now),
        "scan": scan,
        "reason": str(reason),
        "recorded_at": recorded_at,
        "gate_id": gate_id,
        "noted_at": work.now,
    }


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["scan"]), str(row["reason"])
