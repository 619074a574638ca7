"""What a device needs to know of its gate: the rules, the calendar, and whom the compound knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.clock import civil_day
from app.models.blocks import Block
from app.models.compounds import Compound
from app.models.gate_rules import GateRules, WhenOffline
from app.models.scans import Scan
from app.services.bundles.handles import handles_of
from app.services.gate_rules.rules import NO_RULES
from app.services.passages import passages, seen_at
from app.work import Work

CALENDAR_DAYS = (-1, 0, 1)
"""From today: a span of opening hours may have begun yesterday, and a day after its last sync a device
decides nothing alone (`STALE_AFTER`)."""
MOST_COURIERS = 2048
"""Of one list. They have two handles each, and three for half an hour a day: 44 or 66 KB as they are sent."""


@dataclass(frozen=True, slots=True)
class KnownOfGate:
    """What a device needs to know of its gate, as claims of its bundle."""

    claims: Mapping[str, object]
    complete: bool
    """False where more couriers are blocked than the list takes."""


async def known_of_gate(work: Work, compound: Compound) -> KnownOfGate:
    """The rules in force, the calendar they are meant in, and the handles that they are about."""
    rules = await work.session.get(GateRules, compound.rules_id) if compound.rules_id is not None else None
    document = rules.document if rules else {"clauses": [], "when_offline": NO_RULES.when_offline.value}
    seen = document["when_offline"] == WhenOffline.admit_if_seen.value
    blocked = await _blocked(work, compound.id)
    claims = {
        "rules": {"version": rules.version if rules else 0, **document},
        "zone": work.settings.time_zone,
        "calendar": await _calendar(work),
        "blocked": await handles_of(work, blocked[:MOST_COURIERS]),
        "seen": await handles_of(work, await _seen(work, compound.id)) if seen else None,
    }
    return KnownOfGate(claims, complete=len(blocked) <= MOST_COURIERS)


async def _calendar(work: Work) -> Mapping[str, bool]:
    calendar = await work.deployment.gate_rules.calendar(work.session, work.now)
    today = civil_day(work.now, work.settings.zone)
    days = (today + timedelta(days=ahead) for ahead in CALENDAR_DAYS)
    return {day.isoformat(): calendar.days[day] for day in days if day in calendar.days}


async def _blocked(work: Work, compound_id: UUID) -> Sequence[UUID]:
    """The couriers who are blocked here, the newest blocks first, and one more than a list takes."""
    found = await work.session.scalars(
        select(Block.courier_id)
        .where(Block.compound_id == compound_id, Block.lifted_at.is_(None), Block.until > work.now)
        .order_by(Block.id.desc())
        .limit(MOST_COURIERS + 1)
    )
    return found.all()


async def _seen(work: Work, compound_id: UUID) -> Sequence[UUID]:
    """The couriers who were let through here lately: those of the last hours where there are many.

    Who is left out is checked rather than admitted.
    """
    found = await work.session.scalars(
        passages(select(Scan.courier_id))
        .where(seen_at(compound_id, work.now), Scan.courier_id.is_not(None))
        .group_by(Scan.courier_id)
        .order_by(func.max(Scan.happened_at).desc())
        .limit(MOST_COURIERS)
    )
    return [courier for courier in found if courier is not None]
