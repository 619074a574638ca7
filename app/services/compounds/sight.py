"""Who sees and who reaches which compounds and gates."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, or_, select, true
from sqlalchemy.orm import selectinload

from app.errors import NotFound
from app.models.accounts import Role, ScopeKind
from app.models.areas import Area
from app.models.compounds import Compound, Gate
from app.pagination import Page, page_of
from app.services.areas.tree import read_area
from app.work import Place, Scope, Work

KEEPERS = (Role.registrar, Role.property_manager, Role.guard)
"""Whose business a compound is: they see it, and its gates, also after they have closed."""


@dataclass(frozen=True, slots=True)
class SeenCompound:
    """A compound with the gates that its reader may see."""

    compound: Compound
    gates: tuple[Gate, ...]

    @property
    def id(self) -> UUID:
        return self.compound.id


@dataclass(frozen=True, slots=True)
class ReachedGate:
    """A gate that the caller's role reaches, and where it lies."""

    gate: Gate
    compound: Compound
    place: Place

    @property
    def is_open(self) -> bool:
        return self.gate.closed_at is None and self.compound.closed_at is None


async def read_compound(work: Work, *, compound_id: UUID) -> SeenCompound:
    """One compound with its gates.

    Whoever is signed in sees open compounds and open gates, since couriers need to find the way;
    what has closed is there only for those whose business it is. Raises NotFound.
    """
    found = (await work.session.execute(_with_gates().where(Compound.id == compound_id))).one_or_none()
    if found is None:
        raise NotFound
    compound, path = found
    seen = _as_seen(work, compound, path)
    if compound.closed_at is not None and not _keeps(work, compound, path):
        raise NotFound
    return seen


async def list_compounds(
    work: Work, *, area: str | None, own: bool, after: UUID | None, limit: int
) -> Page[SeenCompound]:
    """The compounds that the caller sees, in the order of their creation.

    `area` keeps those that lie in it, `own` those that a role of the caller as registrar, property
    manager or guard reaches. Raises NotFound for an unknown area.
    """
    reached = within(work.actor.scopes(*KEEPERS))
    query = _with_gates().where(reached if own else or_(Compound.closed_at.is_(None), reached))
    if area is not None:
        path = (await read_area(work, code=area)).path
        query = query.where(Area.path.startswith(path, autoescape=True))
    if after is not None:
        query = query.where(Compound.id > after)
    rows = (await work.session.execute(query.order_by(Compound.id).limit(limit + 1))).all()
    return page_of([_as_seen(work, *row) for row in rows], limit)


async def read_gate(work: Work, *, gate_id: UUID) -> Gate:
    """One gate, seen by whoever sees it in its compound; raises NotFound."""
    gate = await work.session.get(Gate, gate_id)
    if gate is None:
        raise NotFound
    seen = await read_compound(work, compound_id=gate.compound_id)
    if gate not in seen.gates:
        raise NotFound
    return gate


async def reach_compound(work: Work, *roles: Role, compound_id: UUID) -> tuple[Compound, Place]:
    """A compound that one of the caller's `roles` reaches, and its place; raises NotFound."""
    found = (
        await work.session.execute(
            select(Compound, Area.path)
            .join(Area, Area.code == Compound.area_code)
            .where(Compound.id == compound_id)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    compound, path = found
    place = Place(area_path=path, compound_id=compound.id)
    if not work.actor.may(*roles, at=place):
        raise NotFound
    return compound, place


async def reach_gate(work: Work, *roles: Role, gate_id: UUID) -> ReachedGate:
    """A gate of a compound that one of the caller's `roles` reaches; raises NotFound."""
    gate = await work.session.get(Gate, gate_id)
    if gate is None:
        raise NotFound
    compound, place = await reach_compound(work, *roles, compound_id=gate.compound_id)
    return ReachedGate(gate, compound, place)


def within(scopes: Iterable[Scope]) -> ColumnElement[bool]:
    """The condition that a compound, joined with its area, lies in one of `scopes`."""
    return or_(false(), *map(_lies_in, scopes))


def _lies_in(scope: Scope) -> ColumnElement[bool]:
    match scope.kind:
        case ScopeKind.everywhere:
            return true()
        case ScopeKind.area:
            return Area.path.startswith(scope.id, autoescape=True)
        case ScopeKind.compound:
            return Compound.id == UUID(scope.id)
        case ScopeKind.employer | ScopeKind.union:
            return false()


def _with_gates() -> Select[Compound, str]:
    return (
        select(Compound, Area.path)
        .join(Area, Area.code == Compound.area_code)
        .options(selectinload(Compound.gates))
        .execution_options(populate_existing=True)
    )


def _keeps(work: Work, compound: Compound, path: str) -> bool:
    return work.actor.may(*KEEPERS, at=Place(area_path=path, compound_id=compound.id))


def _as_seen(work: Work, compound: Compound, path: str) -> SeenCompound:
    keeps = _keeps(work, compound, path)
    gates = (gate for gate in compound.gates if keeps or gate.closed_at is None)
    return SeenCompound(compound, tuple(sorted(gates, key=lambda gate: gate.id)))
