"""Signs in whoever WeChat says has opened the mini-program."""

from uuid import UUID

from sqlalchemy import or_, select

from app.database import insert_into
from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Account, AccountKind
from app.services.accounts.errors import SignInRefused
from app.services.accounts.sign_ins import Tokens, open_sign_in
from app.work import Work

PURPOSE = "openid"
"""Of the blind index."""


async def sign_in_wechat(work: Work, *, openid: str, client: str) -> Tokens:
    """Signs in the account of `openid`, making it at the first time.

    Raises SignInRefused where the account has ended.
    """
    account = await _find_or_create(work, openid)
    if account.ended_at is not None:
        raise SignInRefused
    return await open_sign_in(work, account=account, client=client)


async def openid_of(work: Work, *, account_id: UUID) -> str:
    """The openid of a WeChat account, for asking WeChat about its user; raises NotFound for other kinds."""
    account = await work.session.get(Account, account_id)
    if account is None or account.openid_sealed is None:
        raise NotFound
    return work.vault.open(
        account.openid_sealed, table="accounts", column="openid_sealed", row=account_id
    ).decode()


async def _find_or_create(work: Work, openid: str) -> Account:
    index, next_index = work.vault.index(PURPOSE, openid), work.vault.next_index(PURPOSE, openid)
    known = select(Account).where(
        or_(Account.openid_index == index, Account.next_openid_index == next_index)
        if next_index
        else Account.openid_index == index
    )
    if (account := await work.session.scalar(known)) is not None:
        return account
    account_id = new_id()
    await work.session.execute(
        insert_into(work.session, Account)
        .values(
            id=account_id,
            kind=AccountKind.wechat.value,
            created_at=work.now,
            openid_index=index,
            next_openid_index=next_index,
            openid_sealed=work.vault.seal(
                openid.encode(), table="accounts", column="openid_sealed", row=account_id
            ),
        )
        .on_conflict_do_nothing()
    )
    # Whoever came first has made it; on PostgreSQL this statement sees what the other has committed.
    return (await work.session.scalars(known)).one()
