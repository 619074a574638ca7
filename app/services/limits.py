"""Rate limits that all processes share: fixed windows of the `limits` library, counted in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from operator import attrgetter
from typing import Any

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from app.clock import Clock, from_epoch
from app.database import Database
from app.errors import TooManyRequests
from app.models.limits import RateCounter
from app.services.gathering import Gathering
from app.services.lists import add_up, table_of
from app.services.sealing import keyed_digest

REGISTRATION = RateLimitItemPerHour(20, namespace="registration")
"""By account. Whoever mistypes a document needs a handful; whoever tries out numbers needs many."""
DESK = RateLimitItemPerHour(60, namespace="desk")
"""By account, for registering others: one a minute is all that a desk manages with papers in hand."""
MINTING = RateLimitItemPerMinute(30, namespace="minting")
"""By account. An open mini-program draws a code every half minute; a wallet is one call."""
RECEIPTS = RateLimitItemPerMinute(30, namespace="receipts")
"""By account. Somebody who collects the receipts of a day's entries waits once or twice."""
PIN_CHANGES = RateLimitItemPerHour(20, namespace="pin-changes")
"""By account. Each costs a password hash; whoever forgets the PIN needs one."""
SPEAKING = RateLimitItemPerMinute(6, namespace="speaking")
"""By account. A spoken code lasts a minute; whoever stands at the wrong gate needs one or two more."""
STAFF_FAILURES = RateLimitItemPerMinute(30, multiples=15, namespace="staff-failures")
"""By address, over all logins: an office that forgets passwords stays below, a list of logins does not."""
CLIENT_FAILURES = RateLimitItemPerMinute(300, multiples=15, namespace="client-failures")
"""By address, for WeChat codes, devices and refresh tokens: thousands of riders share one of a carrier."""


LARGEST_LIST = 256
"""Counts of one transaction: half of what may be under way, and a few milliseconds."""
PAUSE = 0.005
"""Seconds between two lists, which nobody notices: those who come meanwhile share a commit. SQLite has one at
a time, for the gate too, and counting was a tenth of the cost of a wallet where each had one of its own.
"""


@dataclass(frozen=True, slots=True)
class _Hit:
    key: str
    amount: int
    window: int
    """Seconds."""


class SqlStorage(Storage):
    """Counters in the table `rate_counters`. What is counted at one time is one short transaction.

    Windows are those of the clock: an hour's begins on the hour, so that a counter needs no other beginning.
    Never count inside a writing session: on SQLite there is one writer at a time.
    """

    STORAGE_SCHEME = None

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__()
        self._database = database
        self._clock = clock
        self._hits: Gathering[_Hit, int] = Gathering(self._add, largest=LARGEST_LIST, pause=PAUSE)

    async def close(self) -> None:
        """Waits until everything that was taken is counted."""
        await self._hits.close()

    @property
    @override
    def base_exceptions(self) -> type[Exception]:
        return Exception

    @override
    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Adds `amount` to the count of the window of `expiry` seconds that is open; where it stands then."""
        return await self._hits.take(_Hit(key, amount, expiry))

    async def _add(self, hits: Sequence[_Hit]) -> Sequence[int]:
        """Where each of `hits` leaves its counter, as if they had come one after the other."""
        async with self._database.session() as session:
            totals = await self._added(session, hits)
        left = []
        for hit in reversed(hits):
            left.append(totals[hit.key])
            totals[hit.key] -= hit.amount
        return left[::-1]

    async def _added(self, session: AsyncSession, hits: Sequence[_Hit]) -> dict[str, int]:
        now = self._clock().timestamp()
        rows: dict[str, dict[str, Any]] = {}
        # In one order everywhere, so that two processes never wait for each other in a circle.
        for hit in sorted(hits, key=attrgetter("key")):
            ends = from_epoch((now // hit.window + 1) * hit.window)
            rows.setdefault(hit.key, {"key": hit.key, "hits": 0, "expires_at": ends})["hits"] += hit.amount
        counted = await add_up(
            session, table_of(RateCounter), list(rows.values()), total="hits", until="expires_at"
        )
        return {row.key: row.hits for row in counted}

    @override
    async def get(self, key: str) -> int:
        """The count of the window that is open, or 0."""
        async with self._database.session(write=False) as session:
            hits = await session.scalar(
                select(RateCounter.hits).where(RateCounter.key == key, RateCounter.expires_at > self._clock())
            )
        return hits or 0

    @override
    async def get_expiry(self, key: str) -> float:
        """When the open window ends, in seconds since 1970; now where there is none."""
        async with self._database.session(write=False) as session:
            expires_at = await session.scalar(select(RateCounter.expires_at).where(RateCounter.key == key))
        return (expires_at or self._clock()).timestamp()

    @override
    async def check(self) -> bool:
        """Whether the counters can be read."""
        async with self._database.session(write=False) as session:
            await session.scalar(select(func.count()).select_from(RateCounter))
        return True

    @override
    async def reset(self) -> int | None:
        """Forgets all counters."""
        async with self._database.session() as session:
            return len((await session.scalars(delete(RateCounter).returning(RateCounter.key))).all())

    @override
    async def clear(self, key: str) -> None:
        """Forgets one counter."""
        async with self._database.session() as session:
            await session.execute(delete(RateCounter).where(RateCounter.key == key))


class RateLimits:
    """Counts whoever is limited, under a keyed digest: the table holds neither addresses nor names."""

    def __init__(self, database: Database, clock: Clock, *, digest_key: bytes) -> None:
        self._storage = SqlStorage(database, clock)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._clock = clock
        self._digest_key = digest_key

    async def close(self) -> None:
        """Waits until everything that was taken is counted."""
        await self._storage.close()

    async def count(self, limit: RateLimitItem, whom: str) -> None:
        """Counts one more; raises TooManyRequests, with the seconds left, where that is one too many."""
        if not await self._limiter.hit(limit, self._digest(whom)):
            await self._refuse(limit, whom)

    async def require_room(self, limit: RateLimitItem, whom: str) -> None:
        """Raises TooManyRequests where the limit is reached, and counts nothing."""
        if not await self._limiter.test(limit, self._digest(whom)):
            await self._refuse(limit, whom)

    async def count_failure(self, limit: RateLimitItem, whom: str) -> None:
        """Counts one failure, without a refusal: that comes with the next request."""
        await self._limiter.hit(limit, self._digest(whom))

    async def _refuse(self, limit: RateLimitItem, whom: str) -> None:
        ends = await self._storage.get_expiry(limit.key_for(self._digest(whom)))
        raise TooManyRequests(retry_after=max(1, ceil(ends - self._clock().timestamp())))

    def _digest(self, whom: str) -> str:
        return keyed_digest(self._digest_key, "rate", whom.encode()).hex()
