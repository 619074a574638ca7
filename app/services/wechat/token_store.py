"""Where the processes of a deployment share WeChat's access token, and take turns at renewing it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import civil_day
from app.database import Database, insert_into
from app.models.wechat import WeChatAccessToken
from app.services.sealing import SealBroken, Vault

FORCED_SPACING = timedelta(seconds=30)
"""WeChat refuses forced renewals that follow each other faster."""
FORCED_A_DAY = 19
"""WeChat allows 20; one is left to the administrator."""
_WECHAT_DAY = ZoneInfo("Asia/Shanghai")
_TABLE = "wechat_access_tokens"


class Account(NamedTuple):
    """A mini-program at one WeChat server."""

    base_url: str
    appid: str

    @property
    def place(self) -> str:
        """What ties a sealed token to this row."""
        return f"{self.base_url} {self.appid}"


@dataclass(frozen=True, slots=True)
class SharedToken:
    """The token in force and the version that it is."""

    value: str = field(repr=False)
    expires_at: datetime
    version: int


class SqlTokenStore:
    """Access tokens in the project's database.

    Each function is a transaction of its own, for a lease is worth nothing before other processes
    see it. So never call WeChat inside a writing session.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def load(self, account: Account) -> SharedToken | None:
        """The token last stored, expired or not. None where there is none, or its master key is gone."""
        async with self._database.session(write=False) as session:
            row = await session.get(WeChatAccessToken, account)
        if row is None or row.sealed_token is None or row.expires_at is None:
            return None
        try:
            value = self._vault.open(row.sealed_token, table=_TABLE, column="sealed_token", row=account.place)
        except SealBroken:
            return None
        return SharedToken(value.decode(), row.expires_at, row.version)

    async def take_lease(
        self, account: Account, owner: UUID, *, now: datetime, until: datetime
    ) -> int | None:
        """Makes `owner` the only one to renew until `until`.

        Returns the version that the renewal starts from, or None while another owner's lease runs.
        """
        async with self._database.session() as session:
            await self._insert_row(session, account)
            return await session.scalar(
                update(WeChatAccessToken)
                .where(
                    _is(account),
                    or_(WeChatAccessToken.leased_until.is_(None), WeChatAccessToken.leased_until <= now),
                )
                .values(lease_holder=owner, leased_until=until)
                .returning(WeChatAccessToken.version)
            )

    async def swap(self, account: Account, owner: UUID, token: SharedToken) -> bool:
        """Stores `token` if it follows on the stored version and `owner` still has the lease."""
        sealed = self._vault.seal(
            token.value.encode(), table=_TABLE, column="sealed_token", row=account.place
        )
        async with self._database.session() as session:
            version = await session.scalar(
                update(WeChatAccessToken)
                .where(
                    _is(account),
                    WeChatAccessToken.lease_holder == owner,
                    WeChatAccessToken.version == token.version - 1,
                )
                .values(sealed_token=sealed, expires_at=token.expires_at, version=token.version)
                .returning(WeChatAccessToken.version)
            )
        return version is not None

    async def end_lease(self, account: Account, owner: UUID) -> None:
        """Lets the next one renew, if `owner` still has the lease."""
        async with self._database.session() as session:
            await session.execute(
                update(WeChatAccessToken)
                .where(_is(account), WeChatAccessToken.lease_holder == owner)
                .values(lease_holder=None, leased_until=None)
            )

    async def spend_forced_renewal(self, account: Account, *, now: datetime) -> bool:
        """Takes one forced renewal from the day's budget; False where it is spent or the last is too near.

        It is taken before the call, so that a lost reply counts as well.
        """
        today = civil_day(now, _WECHAT_DAY)
        async with self._database.session() as session:
            row = await session.get(WeChatAccessToken, account, with_for_update=True)
            if row is None:
                return False
            spent = row.forced_count if row.forced_on == today else 0
            if spent >= FORCED_A_DAY or (row.forced_at and now - row.forced_at < FORCED_SPACING):
                return False
            row.forced_at, row.forced_on, row.forced_count = now, today, spent + 1
        return True

    async def _insert_row(self, session: AsyncSession, account: Account) -> None:
        await session.execute(
            insert_into(session, WeChatAccessToken)
            .values(base_url=account.base_url, appid=account.appid, version=0, forced_count=0)
            .on_conflict_do_nothing()
        )


def _is(account: Account) -> ColumnElement[bool]:
    return and_(WeChatAccessToken.base_url == account.base_url, WeChatAccessToken.appid == account.appid)
