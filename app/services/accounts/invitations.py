"""Invitations: single-use, expiring offers of a role, or of a place for a device at a gate."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import select, update

from app.errors import Forbidden, NotFound
from app.ids import new_id, new_secret
from app.models.accounts import Account, AccountKind, Grant, Invitation, Role, ScopeKind
from app.services import audit
from app.services.accounts.actors import IN_FORCE
from app.services.accounts.digests import secret_digest
from app.services.accounts.errors import InvitationUnusable
from app.services.accounts.grants import GivenRole, give_role, require_giver, require_scope
from app.services.accounts.rules import GIVER, INVITED
from app.work import Actor, Scope, Work

INVITATION_LIFETIME = timedelta(hours=72)
"""Long enough to reach somebody over a weekend, short enough that a forgotten one is worth nothing."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invitation offers while it can be used: a role within a scope, or a gate to a device."""

    id: UUID
    role: Role | None
    scope: Scope | None
    gate_id: UUID | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        kind = invitation.scope_kind
        return cls(
            id=invitation.id,
            role=Role(invitation.role) if invitation.role else None,
            scope=Scope(ScopeKind(kind), invitation.scope_id or "") if kind else None,
            gate_id=invitation.gate_id,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )


async def invite(work: Work, *, role: Role, scope: Scope) -> tuple[Offer, str]:
    """Offers `role` within `scope` to whoever brings the secret first; returns it once.

    Registrars invite property managers and employer users, property managers invite guards.
    Raises Forbidden for a role that the caller does not give at all, ScopeUnfit, and NotFound for a
    place that is absent or out of reach.
    """
    if role not in INVITED or not work.actor.has(GIVER[role]):
        raise Forbidden
    await require_scope(work, role=role, scope=scope)
    await require_giver(work, work.actor, role=role, scope=scope)
    invitation, secret = await create_invitation(work, role=role, scope=scope)
    audit.record(
        work,
        "accounts.invited",
        subject_kind="invitation",
        subject_id=invitation.id,
        details={"role": role.value, "scope_kind": scope.kind.value, "scope_id": scope.id},
    )
    return Offer.of(invitation), secret


async def accept_invitation(work: Work, *, secret: str) -> GivenRole:
    """Gives the signed-in account the role that an invitation offers.

    Raises InvitationUnusable, also where it is for a device or whoever invited may no longer give
    the role, and Forbidden for an account that is itself a device.
    """
    if work.actor.account_id is None or work.actor.label == AccountKind.device.value:
        raise Forbidden
    invitation = await redeem_invitation(work, secret=secret)
    offer = Offer.of(invitation)
    if offer.role is None or offer.scope is None:
        raise InvitationUnusable
    try:
        await require_giver(work, await inviter_of(work, invitation), role=offer.role, scope=offer.scope)
    except NotFound:
        raise InvitationUnusable from None
    grant = await give_role(work, account_id=work.actor.account_id, role=offer.role, scope=offer.scope)
    return GivenRole.of(grant)


async def open_invitations(work: Work, *, before: UUID | None, limit: int) -> list[Offer]:
    """The caller's invitations that can still be used, newest first, at most `limit`, older than `before`."""
    query = select(Invitation).where(
        Invitation.invited_by == work.actor.account_id,
        Invitation.used_at.is_(None),
        Invitation.withdrawn_at.is_(None),
        Invitation.expires_at > work.now,
    )
    if before is not None:
        query = query.where(Invitation.id < before)
    rows = await work.session.scalars(query.order_by(Invitation.id.desc()).limit(limit))
    return [Offer.of(invitation) for invitation in rows]


async def withdraw_invitation(work: Work, *, invitation_id: UUID) -> None:
    """Makes one of the caller's invitations useless.

    Raises NotFound for one that is absent, somebody else's, used or withdrawn.
    """
    withdrawn = await work.session.scalar(
        update(Invitation)
        .where(
            Invitation.id == invitation_id,
            Invitation.invited_by == work.actor.account_id,
            Invitation.used_at.is_(None),
            Invitation.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=work.now)
        .returning(Invitation.id)
        .execution_options(synchronize_session=False)
    )
    if withdrawn is None:
        raise NotFound
    audit.record(work, "accounts.invitation_withdrawn", subject_kind="invitation", subject_id=invitation_id)


async def create_invitation(
    work: Work,
    *,
    role: Role | None = None,
    scope: Scope | None = None,
    gate_id: UUID | None = None,
    lifetime: timedelta = INVITATION_LIFETIME,
) -> tuple[Invitation, str]:
    """An invitation by the signed-in account, and its secret, which is shown once and never kept.

    Either a role within a scope or the gate of a device. Who may invite is the caller's question.
    """
    if work.actor.account_id is None or (role is None) == (gate_id is None):
        raise ValueError("an account invites, either to a role or to a gate")
    secret = new_secret()
    invitation = Invitation(
        id=new_id(),
        secret_digest=secret_digest(secret),
        role=role.value if role else None,
        scope_kind=scope.kind.value if scope else None,
        scope_id=scope.id if scope else None,
        gate_id=gate_id,
        invited_by=work.actor.account_id,
        created_at=work.now,
        expires_at=work.now + lifetime,
    )
    work.session.add(invitation)
    await work.session.flush()
    return invitation, secret


async def redeem_invitation(work: Work, *, secret: str) -> Invitation:
    """Marks the invitation behind `secret` as used by the caller, and returns it; only one caller can.

    Raises InvitationUnusable where it is unknown, used, withdrawn or expired. What it offers is for
    the caller to give, in the same transaction: raising there leaves the invitation unused.
    """
    used = await work.session.scalars(
        update(Invitation)
        .where(
            Invitation.secret_digest == secret_digest(secret),
            Invitation.used_at.is_(None),
            Invitation.withdrawn_at.is_(None),
            Invitation.expires_at > work.now,
        )
        .values(used_at=work.now, used_by=work.actor.account_id)
        .returning(Invitation)
        .execution_options(synchronize_session=False)
    )
    invitation = used.one_or_none()
    if invitation is None:
        raise InvitationUnusable
    return invitation


async def inviter_of(work: Work, invitation: Invitation) -> Actor:
    """Whoever invited, with what they may do now: what they may no longer give, nobody gets."""
    rows = await work.session.execute(
        select(Grant.role, Grant.scope_kind, Grant.scope_id)
        .join(Account, Account.id == Grant.account_id)
        .where(Grant.account_id == invitation.invited_by, IN_FORCE, Account.ended_at.is_(None))
    )
    return Actor(
        label="inviter",
        account_id=invitation.invited_by,
        grants=tuple((Role(row.role), Scope(ScopeKind(row.scope_kind), row.scope_id)) for row in rows),
    )
