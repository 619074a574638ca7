"""What an account is told about itself."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.errors import Unauthenticated
from app.models.accounts import Account, AccountKind, Grant, Role, ScopeKind
from app.services.accounts.rules import WIDE
from app.work import Scope, Work


@dataclass(frozen=True, slots=True)
class HeldRole:
    """One role of the account, within one scope."""

    role: Role
    scope: Scope
    withheld: bool
    """It waits for the second factor."""


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The signed-in account."""

    kind: AccountKind
    login: str | None
    created_at: datetime
    second_factor: bool
    """Whether an authenticator is in force."""
    roles: tuple[HeldRole, ...]


async def own_account(work: Work) -> OwnAccount:
    """The signed-in account with all its roles, those that are withheld included."""
    account = await work.session.get(Account, work.actor.account_id)
    if account is None:
        raise Unauthenticated
    grants = await work.session.scalars(
        select(Grant).where(Grant.account_id == account.id, Grant.revoked_at.is_(None)).order_by(Grant.id)
    )
    confirmed = account.totp_confirmed_at is not None
    return OwnAccount(
        kind=AccountKind(account.kind),
        login=account.login,
        created_at=account.created_at,
        second_factor=confirmed,
        roles=tuple(
            HeldRole(
                role=Role(grant.role),
                scope=Scope(ScopeKind(grant.scope_kind), grant.scope_id),
                withheld=grant.role in WIDE and not confirmed,
            )
            for grant in grants
        ),
    )
