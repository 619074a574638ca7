"""Accounts of every kind that are signed in for real, through the services."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pyotp

from app.ids import new_id, new_secret
from app.models.accounts import Account, AccountKind, Grant, Role, ScopeKind
from app.services.accounts.digests import secret_digest
from app.services.accounts.passwords import hashes
from app.services.accounts.sign_ins import Tokens, open_sign_in
from app.work import Scope, Work

Grants = Sequence[tuple[Role, Scope]]

EVERYWHERE = Scope.everywhere()


def within_compound(compound_id: UUID) -> Scope:
    """The scope of a property manager or guard."""
    return Scope(ScopeKind.compound, str(compound_id))


def within_employer(employer_id: UUID) -> Scope:
    """The scope of an employer user."""
    return Scope(ScopeKind.employer, str(employer_id))


def within_area(path: str) -> Scope:
    """The scope of staff of a district."""
    return Scope(ScopeKind.area, path)


def bearer(tokens: Tokens) -> dict[str, str]:
    """The headers of a signed-in request."""
    return {"Authorization": f"Bearer {tokens.access_token}"}


async def make_account(work: Work, *, kind: AccountKind, grants: Grants) -> Account:
    """An account of `kind` that holds `grants`; a staff account has its second factor."""
    account_id, name = new_id(), new_secret()
    account = Account(id=account_id, kind=kind.value, created_at=work.now)
    match kind:
        case AccountKind.wechat:
            account.openid_index = work.vault.index("openid", name)
            account.openid_sealed = work.vault.seal(
                name.encode(), table="accounts", column="openid_sealed", row=account_id
            )
        case AccountKind.staff:
            account.login = f"staff-{account_id}"
            account.totp_confirmed_at = work.now
        case AccountKind.device:
            account.secret_digest = secret_digest(name)
    work.session.add(account)
    await work.session.flush()
    work.session.add_all(
        Grant(
            id=new_id(),
            account_id=account_id,
            role=role.value,
            scope_kind=scope.kind.value,
            scope_id=scope.id,
            granted_at=work.now,
        )
        for role, scope in grants
    )
    await work.session.flush()
    return account


async def make_staff(work: Work, *, login: str, password: str, grants: Grants) -> tuple[Account, str]:
    """A staff account that can sign in over the API, and the secret of its authenticator."""
    account = await make_account(work, kind=AccountKind.staff, grants=grants)
    secret = pyotp.random_base32()
    account.login = login
    account.password_hash = await hashes.make(password)
    account.totp_sealed = work.vault.seal(
        secret.encode(), table="accounts", column="totp_sealed", row=account.id
    )
    await work.session.flush()
    return account, secret


def one_time_password(secret: str, now: datetime) -> str:
    """What an authenticator shows at `now`."""
    return pyotp.TOTP(secret).at(now)


async def sign_in(work: Work, *, account: Account) -> dict[str, str]:
    """The headers of a fresh sign-in of `account`."""
    return bearer(await open_sign_in(work, account=account, client="tests"))


async def signed_in(work: Work, *, kind: AccountKind, grants: Grants) -> dict[str, str]:
    """The headers of a fresh account of `kind` that holds `grants` and has signed in.

    Commit the work before the headers are used: open it with `begin_work` of its own.
    """
    return await sign_in(work, account=await make_account(work, kind=kind, grants=grants))
