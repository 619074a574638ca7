"""Gives and takes roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import String, and_, cast, func, or_, select
from sqlalchemy.sql import ColumnElement

from app.database import insert_into
from app.errors import Forbidden, NotFound
from app.ids import new_id
from app.models.accounts import Account, AccountKind, Grant, Role, ScopeKind
from app.models.areas import Area
from app.models.compounds import Compound
from app.models.employers import Employer
from app.services import audit
from app.services.accounts.errors import OwnGrant, RolesIncompatible, ScopeUnfit
from app.services.accounts.rules import GIVER, INVITED, SCOPES, TAKES_SHIFTS
from app.services.accounts.standing_down import end_shifts
from app.work import Actor, Place, Scope, Work


@dataclass(frozen=True, slots=True)
class GivenRole:
    """A role that an account holds since somebody gave it."""

    id: UUID
    account_id: UUID
    role: Role
    scope: Scope
    granted_at: datetime
    granted_by: UUID | None

    @classmethod
    def of(cls, grant: Grant) -> Self:
        return cls(
            id=grant.id,
            account_id=grant.account_id,
            role=Role(grant.role),
            scope=Scope(ScopeKind(grant.scope_kind), grant.scope_id),
            granted_at=grant.granted_at,
            granted_by=grant.granted_by,
        )


async def grant_to_staff(work: Work, *, account_id: UUID, role: Role, scope: Scope) -> GivenRole:
    """Gives a staff account a role that is not given by invitation; again gives the same grant.

    Raises Forbidden, ScopeUnfit, NotFound for an absent account or area, OwnGrant, RolesIncompatible.
    """
    work.actor.must(Role.security_admin)
    if role in INVITED:
        raise Forbidden
    if account_id == work.actor.account_id:
        raise OwnGrant
    await require_scope(work, role=role, scope=scope)
    account = await work.session.scalar(
        select(Account).where(
            Account.id == account_id, Account.kind == AccountKind.staff.value, Account.ended_at.is_(None)
        )
    )
    if account is None:
        raise NotFound
    return GivenRole.of(await give_role(work, account_id=account_id, role=role, scope=scope))


async def give_role(work: Work, *, account_id: UUID, role: Role, scope: Scope) -> Grant:
    """Stores a grant; one that is live already is answered as it is. Who may give is the caller's question.

    That the administration roles lie in different hands is the unique index
    `uq_grants_administration`, so it holds for simultaneous grants too. Raises RolesIncompatible.
    """
    grant: Grant | None = await work.session.scalar(
        insert_into(work.session, Grant)
        .values(
            id=new_id(),
            account_id=account_id,
            role=role.value,
            scope_kind=scope.kind.value,
            scope_id=scope.id,
            granted_at=work.now,
            granted_by=work.actor.account_id,
        )
        .on_conflict_do_nothing()
        .returning(Grant)
    )
    if grant is not None:
        _record(work, "accounts.role_granted", grant)
        return grant
    live = await work.session.scalar(
        select(Grant).where(
            Grant.account_id == account_id,
            Grant.role == role.value,
            Grant.scope_kind == scope.kind.value,
            Grant.scope_id == scope.id,
            Grant.revoked_at.is_(None),
        )
    )
    if live is None:
        raise RolesIncompatible
    return live


async def revoke_grant(work: Work, *, grant_id: UUID) -> None:
    """Takes a role away from now on; the holder's next request is without it.

    Who may stand at the gates of a compound no more is off shift there at once. Whoever may give the
    role there may take it, and a security administrator any. Raises NotFound for a grant that is
    absent, revoked or beyond the caller's reach.
    """
    holder = select(Grant.account_id).where(Grant.id == grant_id).scalar_subquery()
    held = await _lock_grants(work, Grant.account_id == holder)
    grant = next((grant for grant in held if grant.id == grant_id), None)
    if grant is None:
        raise NotFound
    scope = Scope(ScopeKind(grant.scope_kind), grant.scope_id)
    if not work.actor.may(Role.security_admin):
        await require_giver(work, work.actor, role=Role(grant.role), scope=scope)
    grant.revoked_at = work.now
    _record(work, "accounts.role_revoked", grant)
    await work.session.flush()
    left = [(Role(other.role), other.scope_id) for other in held if other is not grant]
    if scope.kind is ScopeKind.compound and not any((role, scope.id) in left for role in TAKES_SHIFTS):
        await end_shifts(
            work, account_id=grant.account_id, compound_id=_read_id(scope.id), cause="role revoked"
        )


async def keeps_role(work: Work, *roles: Role, compound_id: UUID) -> bool:
    """Whether the caller still holds one of `roles` in a compound, and will until this is committed.

    The grants that came with the request may have been revoked since they were read.
    """
    held = await _lock_grants(
        work,
        Grant.account_id == work.actor.account_id,
        Grant.role.in_([role.value for role in roles]),
        Grant.scope_kind == ScopeKind.compound.value,
        Grant.scope_id == str(compound_id),
    )
    return bool(held)


async def reachable_grants(work: Work, *, before: UUID | None, limit: int) -> list[GivenRole]:
    """The live grants that the caller may take away, newest first, at most `limit`, older than `before`."""
    query = select(Grant).where(Grant.revoked_at.is_(None), _reach(work.actor))
    if before is not None:
        query = query.where(Grant.id < before)
    rows = await work.session.scalars(query.order_by(Grant.id.desc()).limit(limit))
    return [GivenRole.of(grant) for grant in rows]


async def require_scope(work: Work, *, role: Role, scope: Scope) -> Place:
    """The place that `scope` names, if `role` may be held there.

    Raises ScopeUnfit for a kind of scope that the role is not held in, NotFound where the area,
    compound or employer is absent. One that has closed is still a place: its people wind it up.
    """
    if scope.kind not in SCOPES[role] or (scope.kind is ScopeKind.everywhere) != (scope.id == ""):
        raise ScopeUnfit
    place = await _place_of(work, scope)
    if place is None:
        raise NotFound
    return place


async def require_giver(work: Work, actor: Actor, *, role: Role, scope: Scope) -> None:
    """Raises NotFound unless `actor` holds, at the place of `scope`, the role that gives `role`.

    A place out of reach and an absent one are told apart nowhere.
    """
    place = await _place_of(work, scope)
    if place is None or not actor.may(GIVER[role], at=place):
        raise NotFound


async def _lock_grants(work: Work, *conditions: ColumnElement[bool]) -> Sequence[Grant]:
    """The live grants that fulfil `conditions`, locked in one order everywhere."""
    found = await work.session.scalars(
        select(Grant).where(Grant.revoked_at.is_(None), *conditions).order_by(Grant.id).with_for_update()
    )
    return found.all()


async def _place_of(work: Work, scope: Scope) -> Place | None:
    match scope.kind:
        case ScopeKind.everywhere:
            return Place()
        case ScopeKind.area:
            known = await work.session.scalar(select(Area.path).where(Area.path == scope.id))
            return Place(area_path=known) if known else None
        case ScopeKind.compound:
            return await _compound(work, _read_id(scope.id))
        case ScopeKind.employer:
            return await _employer(work, _read_id(scope.id))
        case ScopeKind.union:
            return None


async def _compound(work: Work, compound_id: UUID | None) -> Place | None:
    path = await work.session.scalar(
        select(Area.path).join(Compound, Compound.area_code == Area.code).where(Compound.id == compound_id)
    )
    return Place(area_path=path, compound_id=compound_id) if path else None


async def _employer(work: Work, employer_id: UUID | None) -> Place | None:
    known = await work.session.scalar(select(Employer.id).where(Employer.id == employer_id))
    return Place(employer_id=known) if known else None


def _read_id(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def _reach(actor: Actor) -> ColumnElement[bool]:
    if actor.may(Role.security_admin):
        return Grant.id.is_not(None)
    own = [scope.id for scope in actor.scopes(Role.property_manager)]
    reach = [and_(Grant.role == Role.guard.value, Grant.scope_id.in_(own))]
    for scope in actor.scopes(Role.registrar):
        if scope.kind is ScopeKind.everywhere:
            reach.append(Grant.role.in_([Role.property_manager.value, Role.employer_user.value]))
        elif scope.kind is ScopeKind.area:
            reach.append(and_(Grant.role == Role.property_manager.value, _lies_in_area(scope.id)))
    return or_(*reach)


def _lies_in_area(path: str) -> ColumnElement[bool]:
    # SQLite writes an id without hyphens, PostgreSQL with; a scope always has them.
    compounds = (
        select(func.replace(cast(Compound.id, String), "-", ""))
        .join(Area, Area.code == Compound.area_code)
        .where(Area.path.startswith(path, autoescape=True))
    )
    return func.replace(Grant.scope_id, "-", "").in_(compounds)


def _record(work: Work, action: str, grant: Grant) -> None:
    audit.record(
        work,
        action,
        subject_kind="account",
        subject_id=grant.account_id,
        details={"role": grant.role, "scope_kind": grant.scope_kind, "scope_id": grant.scope_id},
    )
