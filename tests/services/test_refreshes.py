"""Fifty refreshes at once yield one successor, and fifty sign-ins of a new user one account."""

import asyncio
from collections import Counter

from sqlalchemy import func, select

from app.database import Database
from app.models.accounts import Account, AccountKind, RefreshToken
from app.services.accounts.refreshes import refresh_sign_in
from app.services.accounts.sign_ins import Tokens, open_sign_in
from app.services.accounts.wechat import openid_of, sign_in_wechat
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, Work, begin_work
from tests.clocks import SettableClock
from tests.factories.accounts import make_account

AT_ONCE = 50


async def test_fifty_at_once_get_the_same_successor(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock
) -> None:
    deployment = Deployment.of(settings, secrets)
    async with begin_work(own_database, deployment, now=clock(), actor=Actor.nobody()) as work:
        account = await make_account(work, kind=AccountKind.wechat, grants=())
        first = await open_sign_in(work, account=account, client="phone")

    async def refresh(token: str) -> Tokens:
        async with begin_work(own_database, deployment, now=clock(), actor=Actor.nobody()) as work:
            refreshed = await refresh_sign_in(work, refresh_token=token)
        return refreshed.or_refuse()

    answers = await asyncio.gather(*(refresh(first.refresh_token) for _ in range(AT_ONCE)))
    successors = Counter(tokens.refresh_token for tokens in answers)
    assert len(successors) == 1
    assert first.refresh_token not in successors
    async with own_database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 2
    assert (await refresh(answers[0].refresh_token)).sign_in_id == first.sign_in_id


async def test_fifty_first_sign_ins_at_once_make_one_account(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock
) -> None:
    deployment = Deployment.of(settings, secrets)

    async def sign_in() -> Tokens:
        async with begin_work(own_database, deployment, now=clock(), actor=Actor.nobody()) as work:
            return await sign_in_wechat(work, openid="o-new-user", client="phone")

    answers = await asyncio.gather(*(sign_in() for _ in range(AT_ONCE)))
    assert len({tokens.account_id for tokens in answers}) == 1
    async with begin_work(own_database, deployment, now=clock(), actor=Actor.nobody(), write=False) as work:
        assert await work.session.scalar(select(func.count()).select_from(Account)) == 1
        assert await openid_of(work, account_id=answers[0].account_id) == "o-new-user"


async def test_only_digests_are_stored(work: Work) -> None:
    account = await make_account(work, kind=AccountKind.wechat, grants=())
    tokens = await open_sign_in(work, account=account, client="phone")
    refreshed = (await refresh_sign_in(work, refresh_token=tokens.refresh_token)).or_refuse()
    digests = list(await work.session.scalars(select(RefreshToken.digest)))
    assert len(digests) == 2
    for token in (tokens.refresh_token, refreshed.refresh_token):
        assert token.encode() not in digests
        assert token not in repr(refreshed)
