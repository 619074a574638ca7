"""The versions of a compound's gate rules: making the next one, and reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.database import insert_into
from app.errors import NotFound
from app.ids import new_id
from app.models.compounds import Compound, Gate
from app.models.gate_rules import GateRules, WhenOffline
from app.pagination import Page, page_of
from app.services import audit
from app.services.compounds.register import KEEPS_GATES
from app.services.compounds.sight import KEEPERS, reach_compound
from app.services.gate_rules.clauses import Clause, Rules, write_rules
from app.services.gate_rules.errors import GateNotHere, GateRulesChanged
from app.services.gate_rules.rules import NO_RULES
from app.work import Work


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds at a compound now: a version, or that nobody has made one."""

    compound_id: UUID
    version: GateRules | None

    @property
    def number(self) -> int:
        """What the next change is based on."""
        return self.version.version if self.version else 0

    @property
    def when_offline(self) -> WhenOffline:
        return WhenOffline(self.version.document["when_offline"]) if self.version else NO_RULES.when_offline


async def change_rules(
    work: Work,
    *,
    compound_id: UUID,
    based_on: int,
    clauses: Sequence[Clause],
    when_offline: WhenOffline,
    note: str,
) -> InForce:
    """Makes the next version and puts it in force, by those who keep the compound's gates.

    `based_on` is the number of the version that was changed, 0 for the first. Of two changes at once
    one wins. Raises NotFound, GateNotHere and GateRulesChanged.
    """
    compound, _ = await reach_compound(work, *KEEPS_GATES, compound_id=compound_id)
    await _require_gates(work, compound_id, clauses)
    rules = GateRules(
        id=new_id(),
        compound_id=compound_id,
        version=based_on + 1,
        document=write_rules(Rules(tuple(clauses), when_offline)),
        made_at=work.now,
        made_by=work.actor.account_id,
        note=note,
    )
    if await _number_in_force(work, compound_id) != based_on or not await _insert(work, rules):
        number = await _number_in_force(work, compound_id)
        raise GateRulesChanged(version=number, extensions={"version": number})
    compound.rules_id = rules.id
    audit.record(
        work,
        "gate_rules.changed",
        subject_kind="compound",
        subject_id=compound_id,
        reason=note,
        details={"version": rules.version},
    )
    return InForce(compound_id, rules)


async def read_rules_in_force(work: Work, *, compound_id: UUID) -> InForce:
    """What holds now, for those whose business the compound is, its guards included; raises NotFound."""
    compound, _ = await reach_compound(work, *KEEPERS, compound_id=compound_id)
    version = await work.session.get(GateRules, compound.rules_id) if compound.rules_id else None
    return InForce(compound_id, version)


async def list_versions(work: Work, *, compound_id: UUID, before: UUID | None, limit: int) -> Page[GateRules]:
    """All versions of a compound, newest first, for those who keep its gates; raises NotFound."""
    await reach_compound(work, *KEEPS_GATES, compound_id=compound_id)
    query = (
        select(GateRules)
        .where(GateRules.compound_id == compound_id)
        .order_by(GateRules.version.desc())
        .limit(limit + 1)
    )
    if before is not None:
        last = select(GateRules.version).where(GateRules.id == before, GateRules.compound_id == compound_id)
        query = query.where(GateRules.version < last.scalar_subquery())
    return page_of((await work.session.scalars(query)).all(), limit)


async def read_version(work: Work, *, compound_id: UUID, version: int) -> InForce:
    """One version, in force or not, for those who keep the compound's gates; raises NotFound."""
    await reach_compound(work, *KEEPS_GATES, compound_id=compound_id)
    found = await work.session.scalar(
        select(GateRules).where(GateRules.compound_id == compound_id, GateRules.version == version)
    )
    if found is None:
        raise NotFound
    return InForce(compound_id, found)


async def _require_gates(work: Work, compound_id: UUID, clauses: Sequence[Clause]) -> None:
    if all(clause.gates is None for clause in clauses):
        return
    own = set(await work.session.scalars(select(Gate.id).where(Gate.compound_id == compound_id)))
    for number, clause in enumerate(clauses, start=1):
        if clause.gates is not None and not clause.gates <= own:
            raise GateNotHere(clause=number)


async def _number_in_force(work: Work, compound_id: UUID) -> int:
    number: int | None = await work.session.scalar(
        select(GateRules.version)
        .join(Compound, Compound.rules_id == GateRules.id)
        .where(Compound.id == compound_id)
    )
    return number or 0


async def _insert(work: Work, rules: GateRules) -> bool:
    """Whether nobody else has made this version first; the constraint says so."""
    made = await work.session.scalar(
        insert_into(work.session, GateRules)
        .values(
            id=rules.id,
            compound_id=rules.compound_id,
            version=rules.version,
            document=rules.document,
            made_at=rules.made_at,
            made_by=rules.made_by,
            note=rules.note,
        )
        .on_conflict_do_nothing()
        .returning(GateRules.id)
    )
    return made is not None
