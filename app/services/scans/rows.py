"""What is stored of a scan, and what is answered from it."""

from typing import Any

from app.clock import from_epoch
from app.models.scans import Verdict
from app.services.codes.reading import ReadCode, Unreadable
from app.services.scans.answers import StoredScan
from app.services.scans.entrance_texts import of_entrance
from app.services.scans.facts import FirstUse, is_shown
from app.services.scans.judging import Judgement
from app.services.scans.reasons import Reason
from app.services.scans.travel import Journey
from app.work import Work


def row_of(work: Work, judgement: Judgement) -> dict[str, Any]:
    """The row of a scan, with the verdict that was told at the gate."""
    case, presentation, post = judgement.case, judgement.case.presentation, judgement.case.post
    code, courier = presentation.code, judgement.courier
    unreadable = presentation.read if isinstance(presentation.read, Unreadable) else None
    verdict, reason = _told(judgement)
    offline = presentation.offline
    return {
        "id": case.id,
        "recorded_at": case.recorded_at,
        "happened_at": case.happened_at,
        "scan_id": presentation.scan_id,
        "enrolment_id": presentation.enrolment_id,
        "shift_id": post.shift_id,
        "gate_id": post.gate_id,
        "compound_id": post.compound_id,
        "account_id": post.guard_id or presentation.account_id,
        "courier_id": courier.facts.courier_id if courier else None,
        "card_id": courier.facts.card_id if courier and judgement.names_courier else None,
        "direction": presentation.direction,
        "device_time": presentation.device_time,
        "issuer": code.iss if code else None,
        "kid": code.kid if code else None,
        "subject": code.sub if code else None,
        "jti": code.jti if code else None,
        "issued_at": from_epoch(code.iat) if code else None,
        "ttl": code.ttl if code else None,
        "code_digest": None if isinstance(presentation.read, ReadCode) else presentation.read.digest,
        "code_length": unreadable.length if unreadable else None,
        "unreadable_cause": unreadable.cause if unreadable else None,
        "verdict": verdict,
        "reason": reason,
        "details": _details(work, judgement),
        "language": presentation.language,
        "sequence": offline.sequence if offline else None,
        "server_verdict": judgement.decision.verdict if offline else None,
        "server_reason": judgement.decision.reason if offline else None,
        "doubtful": case.doubtful,
    }


def stored_of(work: Work, judgement: Judgement, row: dict[str, Any]) -> StoredScan:
    """What is answered now: the same as will be read from `row` when the scan is sent again."""
    courier = judgement.courier
    shown = judgement.names_courier and is_shown(row["shift_id"], row["sequence"])
    return StoredScan(
        id=row["id"],
        recorded_at=row["recorded_at"],
        happened_at=row["happened_at"],
        enrolment_id=row["enrolment_id"],
        gate_id=row["gate_id"],
        compound_id=row["compound_id"],
        courier_id=row["courier_id"],
        scan_id=row["scan_id"],
        account_id=row["account_id"],
        direction=row["direction"],
        verdict=row["verdict"],
        reason=row["reason"],
        details=row["details"],
        language=row["language"],
        issued_at=row["issued_at"],
        code_name=judgement.case.presentation.code_name,
        card=courier.face(work) if courier is not None and shown else None,
        server_verdict=row["server_verdict"],
        server_reason=row["server_reason"],
        doubtful=row["doubtful"],
        device_time=row["device_time"],
        sequence=row["sequence"],
    )


def _told(judgement: Judgement) -> tuple[Verdict, Reason]:
    """What the guard was told: by the device where that was alone, else by us."""
    offline = judgement.case.presentation.offline
    if offline is not None:
        return offline.verdict, offline.reason
    return judgement.decision.verdict, judgement.decision.reason


def _details(work: Work, judgement: Judgement) -> dict[str, Any] | None:
    """What fills the sentence of the verdict, and what goes with it; None where there is nothing to add."""
    details: dict[str, Any] = {}
    used = judgement.decision.reason is Reason.code_used
    if used and judgement.first is not None:
        details |= _of_first_use(work, judgement, judgement.first)
    elif judgement.decision.reason is Reason.impossible_travel and judgement.journey is not None:
        details |= _of_journey(judgement.journey)
    if judgement.entrance is not None and (used or judgement.entrance.decides(judgement.decision)):
        language = judgement.case.presentation.language
        details |= of_entrance(judgement.entrance, language, work.settings.zone)
    return details or None


def _of_first_use(work: Work, judgement: Judgement, first: FirstUse) -> dict[str, Any]:
    local = first.at.astimezone(work.settings.zone)
    today = local.date() == judgement.case.happened_at.astimezone(work.settings.zone).date()
    return {
        "at": f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M}",
        "first_at": first.at.isoformat(),
        "gate_id": str(first.gate_id),
        "gate": first.gate_name,
        "compound": first.compound_name,
    }


def _of_journey(way: Journey) -> dict[str, Any]:
    """No names of places: where a courier was is nobody's business at another gate."""
    return {"minutes": round(way.seconds / 60), "kilometres": round(way.metres / 1000)}
