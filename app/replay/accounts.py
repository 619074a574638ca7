"""Accounts of a replay and their sign-ins, made by the hundred in a few statements."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from app.ids import new_id, new_secret
from app.models.accounts import Account, AccountKind, SignIn
from app.replay.caller import SignedIn
from app.services.accounts.digests import secret_digest
from app.services.accounts.wechat import PURPOSE
from app.work import Work

CLIENT = "huixin replay"


def new_account(work: Work, kind: AccountKind, name: str) -> Account:
    """An account of a device, or of the WeChat user with the openid `name`."""
    account = Account(id=new_id(), kind=kind.value, created_at=work.now)
    if kind is AccountKind.wechat:
        account.openid_index = work.vault.index(PURPOSE, name)
        account.openid_sealed = work.vault.seal(
            name.encode(), table="accounts", column="openid_sealed", row=account.id
        )
    else:
        account.secret_digest = secret_digest(new_secret())
    return account


async def find_accounts(work: Work, openids: Sequence[str]) -> dict[str, UUID]:
    """The accounts that these openids have already."""
    indexes = {work.vault.index(PURPOSE, openid): openid for openid in openids}
    rows = await work.session.execute(
        select(Account.openid_index, Account.id).where(Account.openid_index.in_(indexes))
    )
    return {indexes[row.openid_index]: row.id for row in rows if row.openid_index is not None}


async def sign_in_all(work: Work, accounts: Iterable[UUID]) -> dict[UUID, SignedIn]:
    """A fresh sign-in of each account; it is never refreshed, since its tokens are issued beside it."""
    rows = [
        SignIn(
            id=new_id(),
            account_id=account,
            client=CLIENT,
            created_at=work.now,
            refreshed_at=work.now,
            expires_at=work.now + timedelta(days=work.settings.sign_in_days),
        )
        for account in accounts
    ]
    work.session.add_all(rows)
    await work.session.flush()
    return {row.account_id: SignedIn(row.account_id, row.id) for row in rows}
