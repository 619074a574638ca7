"""The shared access token: renewed by one at a time, before it ends, and never twice for one call."""

import asyncio
from datetime import timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog

from app.clock import Clock
from app.ids import new_id
from app.services.wechat.errors import RETRY_SECONDS, WeChatFailed, WeChatTokenRejected, WeChatUnavailable
from app.services.wechat.token_store import FORCED_SPACING, Account, SharedToken, SqlTokenStore

RENEW_BELOW = timedelta(seconds=300)
"""WeChat itself renews a stable token about five minutes before its end; asking earlier changes nothing."""
TURN_SECONDS = 12
"""How long a request waits for a renewal, its own or another's, before it is answered 503."""
LEASE = timedelta(seconds=15)
"""Longer than a turn, so that no living owner loses it; a dead one holds up the others no longer."""
POLL_SECONDS = 0.1
"""How often a process looks whether another has finished renewing."""

_logger = structlog.get_logger(__name__)


class GrantedToken(NamedTuple):
    """What the token call grants."""

    value: str
    lifetime: timedelta


class FetchToken(Protocol):
    """Asks WeChat for the stable token, or forces a new one. Raises WeChatFailed."""

    async def __call__(self, *, force: bool) -> GrantedToken: ...


class AccessTokens:
    """The access token of one mini-program, as this process sees it."""

    def __init__(self, account: Account, store: SqlTokenStore, fetch: FetchToken, clock: Clock) -> None:
        self._account = account
        self._store = store
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()

    async def current(self) -> str:
        """A token that lasts. Raises WeChatFailed where there is none and none is to be had."""
        token = await self._store.load(self._account)
        if token is not None and self._serves(token, rejected=None):
            return token.value
        return await self._take_turn(rejected=None)

    async def replace(self, rejected: str) -> str:
        """A token other than `rejected`, which WeChat has just refused.

        The stored one if it is another already, else what WeChat gives; by force only where WeChat
        insists on the refused one. Raises WeChatFailed.
        """
        return await self._take_turn(rejected=rejected)

    def _serves(self, token: SharedToken, *, rejected: str | None) -> bool:
        left = token.expires_at - self._clock()
        if rejected is None:
            return left >= RENEW_BELOW
        return token.value != rejected and left > timedelta(0)

    async def _take_turn(self, *, rejected: str | None) -> str:
        try:
            async with asyncio.timeout(TURN_SECONDS), self._lock:
                return await self._find_or_renew(rejected)
        except TimeoutError as error:
            raise WeChatUnavailable(retry_after=RETRY_SECONDS) from error

    async def _find_or_renew(self, rejected: str | None) -> str:
        owner = new_id()
        while True:
            token = await self._store.load(self._account)
            if token is not None and self._serves(token, rejected=rejected):
                return token.value
            now = self._clock()
            version = await self._store.take_lease(self._account, owner, now=now, until=now + LEASE)
            if version is not None:
                break
            if rejected is None and token is not None and token.expires_at > now:
                return token.value  # another process is renewing, and this one still works meanwhile
            await asyncio.sleep(POLL_SECONDS)
        try:
            token = await self._store.load(self._account)
            if token is not None and self._serves(token, rejected=rejected):
                return token.value
            return await self._renew(rejected, owner=owner, version=version, fallback=token)
        finally:
            await self._store.end_lease(self._account, owner)

    async def _renew(
        self, rejected: str | None, *, owner: UUID, version: int, fallback: SharedToken | None
    ) -> str:
        """Fetches first and swaps then: nobody finds the store empty meanwhile."""
        now = self._clock()
        try:
            granted = await self._fetch(force=False)
        except WeChatFailed:
            if rejected is None and fallback is not None and fallback.expires_at > now:
                return fallback.value
            raise
        if granted.value == rejected:
            if not await self._store.spend_forced_renewal(self._account, now=now):
                raise WeChatTokenRejected(retry_after=int(FORCED_SPACING.total_seconds()))
            _logger.warning("wechat_token_forced", appid=self._account.appid)
            granted = await self._fetch(force=True)
        renewed = SharedToken(granted.value, now + granted.lifetime, version + 1)
        if await self._store.swap(self._account, owner, renewed):
            _logger.info("wechat_token_renewed", appid=self._account.appid, version=renewed.version)
            return renewed.value
        newer = await self._store.load(self._account)
        return newer.value if newer is not None else renewed.value
