"""Invitations: single-use, expiring offers of a role, or of a place for a device at a gate."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from app.errors import Forbidden, NotFound
from app.ids import new_id, new_secret
from app.models.accounts import Account, AccountKind, Grant, Invitation, Role, ScopeKind
from app.services import audit
from app.services.accounts.digests import secret_digest
from app.services.accounts.errors import InvitationUnusable
from app.services.accounts.grants import give_role, require_giver, require_scope
from app.services.accounts.rules import GIVER, INVITED
from app.work import Actor, Scope, Work

INVITATION_LIFETIME = timedelta(hours=72)
"""Long enough to reach somebody over a weekend, short enough that a forgotten one is worth nothing."""


async def invite(work: Work, *, role: Role, scope: Scope) -> tuple[Invitation, str]:
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
    return invitation, secret


async def accept_invitation(work: Work, *, secret: str) -> Grant:
    """Gives the signed-in account the role that an invitation offers.

    Raises InvitationUnusable, also where it is for a device or whoever invited may no longer give
    the role, and Forbidden for an account that is itself a device.
    """
    if work.actor.account_id is None or work.actor.label == AccountKind.device.value:
        raise Forbidden
    invitation = await redeem_invitation(work, secret=secret)
    if invitation.role is None or invitation.scope_kind is None or invitation.scope_id is None:
        raise InvitationUnusable
    role, scope = Role(invitation.role), Scope(ScopeKind(invitation.scope_kind), invitation.scope_id)
    try:
        await require_giver(work, await inviter_of(work, invitation), role=role, scope=scope)
    except NotFound:
        raise InvitationUnusable from None
    return await give_role(work, account_id=work.actor.account_id, role=role, scope=scope)


async def open_invitations(work: Work, *, before: UUID | None, limit: int) -> Sequence[Invitation]:
    """The caller's invitations that can still be used, newest first, at most `limit`, older than `before`."""
    query = select(Invitation).where(
        Invitation.invited_by == work.actor.account_id,
        Invitation.used_at.is_(None),
        Invitation.withdrawn_at.is_(None),
        Invitation.expires_at > work.now,
    )
    if before is not None:
        query = query.where(Invitation.id < before)
    return (await work.session.scalars(query.order_by(Invitation.id.desc()).limit(limit))).all()


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
        .where(
            Grant.account_id == invitation.invited_by, Grant.revoked_at.is_(None), Account.ended_at.is_(None)
        )
    )
    return Actor(
        label="inviter",
        account_id=invitation.invited_by,
        grants=tuple((Role(row.role), Scope(ScopeKind(row.scope_kind), row.scope_id)) for row in rows),
    )
