"""What a device needs to know of its gate: the rules, the calendar, and whom the compound knows."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from app.clock import civil_day
from app.models.blocks import Block
from app.models.compounds import Compound
from app.models.gate_rules import GateRules, WhenOffline
from app.models.scans import Scan, ScanAnnulment, ScanOutcome
from app.services.bundles.handles import LONGEST_LIST, handles_of
from app.services.gate_rules.rules import NO_RULES
from app.services.passages import is_passage
from app.work import Work

CALENDAR_DAYS = 10
"""A device that has been offline for longer decides nothing alone."""
SEEN_WITHIN = timedelta(hours=24)


async def rules_of_gate(work: Work, compound: Compound) -> Mapping[str, object]:
    """The rules in force, the calendar they are meant in, and the handles that they are about."""
    rules = await work.session.get(GateRules, compound.rules_id) if compound.rules_id is not None else None
    document = rules.document if rules else {"clauses": [], "when_offline": NO_RULES.when_offline.value}
    seen = document["when_offline"] == WhenOffline.admit_if_seen.value
    return {
        "rules": {"version": rules.version if rules else 0, **document},
        "zone": work.settings.time_zone,
        "calendar": await _calendar(work),
        "blocked": await handles_of(work, await _blocked(work, compound.id)),
        "seen": await handles_of(work, await _seen(work, compound.id)) if seen else None,
    }


async def _calendar(work: Work) -> Mapping[str, bool]:
    calendar = await work.deployment.gate_rules.calendar(work.session, work.now)
    today = civil_day(work.now, work.settings.zone)
    days = (today + timedelta(days=ahead) for ahead in range(-1, CALENDAR_DAYS))
    return {day.isoformat(): calendar.days[day] for day in days if day in calendar.days}


async def _blocked(work: Work, compound_id: UUID) -> Sequence[UUID]:
    found = await work.session.scalars(
        select(Block.courier_id)
        .where(Block.compound_id == compound_id, Block.lifted_at.is_(None), Block.until > work.now)
        .order_by(Block.id.desc())
        .limit(LONGEST_LIST)
    )
    return found.all()


async def _seen(work: Work, compound_id: UUID) -> Sequence[UUID]:
    """The couriers who were let through here lately, those of the last hours first where there are many."""
    since = work.now - SEEN_WITHIN
    found = await work.session.scalars(
        select(Scan.courier_id)
        .outerjoin(ScanOutcome, ScanOutcome.scan == Scan.id)
        .outerjoin(ScanAnnulment, ScanAnnulment.scan == Scan.id)
        .where(
            Scan.compound_id == compound_id,
            Scan.happened_at > since,
            Scan.recorded_at > since,
            Scan.courier_id.is_not(None),
            is_passage(),
        )
        .order_by(Scan.happened_at.desc())
        .limit(LONGEST_LIST)
    )
    return [courier for courier in dict.fromkeys(found) if courier is not None]
