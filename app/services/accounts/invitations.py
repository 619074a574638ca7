"""Invitations: single-use, expiring offers of a role, or of a place for a device at a gate."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import update

from app.ids import new_id, new_secret
from app.models.accounts import Invitation, Role
from app.services.accounts.digests import secret_digest
from app.services.accounts.errors import InvitationUnusable
from app.work import Scope, Work

INVITATION_LIFETIME = timedelta(hours=72)
"""Long enough to reach somebody over a weekend, short enough that a forgotten one is worth nothing."""


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
