"""Limits a route may ask for: by account for what is costly, by address for failures only."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Request
from limits import RateLimitItem

from app.api.dependencies import CurrentClaims, CurrentRuntime
from app.api.walls import CLIENT
from app.errors import Problem, TooManyRequests

CLIENT_ERRORS = range(400, 500)
"""Refusals that the client brought about; what fails on our side counts against nobody."""

WatchFailures = Callable[[], AbstractAsyncContextManager[None]]


def limited(limit: RateLimitItem) -> Callable[..., Awaitable[None]]:
    """A dependency that counts the signed-in account's calls against `limit`.

    Write it into the decorator, `dependencies=[Depends(limited(MINTING))]`: those run before the
    route's transaction opens, and the count is a transaction of its own. Add TooManyRequests to
    the route's problems.
    """

    async def count(runtime: CurrentRuntime, claims: CurrentClaims) -> None:
        if runtime.settings.rate_limits:
            await runtime.limits.count(limit, f"account {claims.sub}")

    return count


def watching(limit: RateLimitItem) -> Callable[..., WatchFailures]:
    """A dependency: `async with watch():` around the whole attempt, its transactions included.

    Inside, a refusal that the client brought about counts against its address; before, an address
    that has reached `limit` is refused. Success counts nothing, since riders share the addresses
    of their carrier.
    """

    def dependency(request: Request, runtime: CurrentRuntime) -> WatchFailures:
        address = f"address {request.scope[CLIENT]}"

        @asynccontextmanager
        async def watch() -> AsyncIterator[None]:
            if not runtime.settings.rate_limits:
                yield
                return
            limits = runtime.limits
            await limits.require_room(limit, address)
            try:
                yield
            except Problem as problem:
                if problem.status in CLIENT_ERRORS and not isinstance(problem, TooManyRequests):
                    await limits.count_failure(limit, address)
                raise

        return watch

    return dependency
