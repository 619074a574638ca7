"""What routers ask for: a unit of work for a caller of the right kind, and the process's parts."""

from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.walls import remember_account
from app.errors import Forbidden, Unauthenticated
from app.ids import known_id
from app.models.accounts import Role
from app.runtime import Runtime
from app.services.accounts.actors import load_actor
from app.services.tokens import AccessClaims
from app.work import Actor, OpenWork, Work, begin_work
from app.work import OpenSignedWork as SignedOpener

bearer = HTTPBearer(
    auto_error=False, description="The access token of a sign-in.", scheme_name="access_token"
)


async def current_runtime(request: Request) -> Runtime:
    """The parts of this process. Async, as FastAPI runs a plain function in a thread."""
    runtime: Runtime = request.app.state.runtime
    return runtime


CurrentRuntime = Annotated[Runtime, Depends(current_runtime)]


async def current_claims(
    request: Request,
    runtime: CurrentRuntime,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> AccessClaims:
    """What the caller's access token says; raises Unauthenticated without one that is valid."""
    if credentials is None:
        raise Unauthenticated
    return read_claims(request.scope, runtime, credentials.credentials)


def read_claims(scope: MutableMapping[str, Any], runtime: Runtime, token: str) -> AccessClaims:
    """What an access token says, remembered for the log line; raises Unauthenticated unless it is valid."""
    claims = runtime.access_tokens.read(token, runtime.clock)
    remember_account(scope, known_id(claims.sub))
    return claims


CurrentClaims = Annotated[AccessClaims, Depends(current_claims)]


AT_THE_GATE = (
    "/v1/scans",
    "/v1/enrolments/",
    "/v1/shifts/",
    "/v1/compounds",
    "/v1/gates/",
    "/v1/areas",
    "/v1/employers",
    "/v1/sign-ins/current",
)
"""How the paths begin that a sign-in made for one shift opens. All else that asks for no role is the
account's own, and is reached with more than a PIN on a phone that others hold too."""


class WorkAs:
    """Opens the request's unit of work for a signed-in caller who holds one of `roles` within some scope.

    Without roles any signed-in account may call, but with a sign-in made for one shift only
    `AT_THE_GATE`. Which object a role reaches is the service's question, answered by
    `work.actor.must`. What it wrote is committed before the reply is sent.
    """

    def __init__(self, *roles: Role, write: bool) -> None:
        self.roles = roles
        self.write = write

    async def __call__(
        self, request: Request, runtime: CurrentRuntime, claims: CurrentClaims
    ) -> AsyncIterator[Work]:
        async with _work_as(request, runtime, claims, self.roles, write=self.write) as work:
            yield work


@asynccontextmanager
async def _work_as(
    request: Request, runtime: Runtime, claims: AccessClaims, roles: Sequence[Role], *, write: bool
) -> AsyncIterator[Work]:
    async with runtime.database.session(write=write) as session:
        actor = await load_actor(session, claims)
        _require_role(request, actor, roles)
        yield Work(session, runtime.clock(), actor, runtime.deployment)


def _require_role(request: Request, actor: Actor, roles: Sequence[Role]) -> None:
    """Raises Forbidden for a caller without any of `roles`.

    Without roles it raises Unauthenticated where a sign-in made for one shift asks for what is the
    account's own.
    """
    if not roles and actor.for_shift and not request.scope["path"].startswith(AT_THE_GATE):
        raise Unauthenticated
    if roles and not actor.has(*roles):
        raise Forbidden


def reading(*roles: Role) -> object:
    """Opens a unit of work that only reads, for a caller with one of `roles` or, without any, signed in."""
    return Depends(WorkAs(*roles, write=False), scope="function")


def writing(*roles: Role) -> object:
    """Opens a transaction that may write, for a caller with one of `roles` or, without any, signed in."""
    return Depends(WorkAs(*roles, write=True), scope="function")


async def anonymous_reading(runtime: CurrentRuntime) -> AsyncIterator[Work]:
    """What only reads, for a caller who need not have signed in."""
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.nobody(), write=False
    ) as work:
        yield work


ReadWork = Annotated[Work, reading()]
"""Any signed-in account, reading."""
WriteWork = Annotated[Work, writing()]
"""Any signed-in account, writing."""
PublicReadWork = Annotated[Work, Depends(anonymous_reading, scope="function")]


async def anonymous_work(runtime: CurrentRuntime) -> OpenWork:
    """For routes that must first ask another server: opens a writing transaction when it is called."""
    return lambda: begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.nobody(), write=True
    )


OpenAnonymousWork = Annotated[OpenWork, Depends(anonymous_work)]
"""`async with open_work() as work:` after the outside world has answered; nobody is signed in."""


class SignedWork:
    """For signed-in routes that must do something slow between two transactions, or ask another server.

    Without roles any signed-in account may call, with the limits of `WorkAs`.
    """

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    async def __call__(
        self, request: Request, runtime: CurrentRuntime, claims: CurrentClaims
    ) -> SignedOpener:
        return partial(_work_as, request, runtime, claims, self.roles)


signed_work = SignedWork()


def opening(*roles: Role) -> object:
    """What opens units of work for a caller with one of `roles`, as often as the route needs."""
    return Depends(SignedWork(*roles))


OpenSignedWork = Annotated[SignedOpener, Depends(signed_work)]
"""`async with open_work(write=False) as work:`, as often as the route needs; for any signed-in account."""

AcceptLanguage = Annotated[
    str | None, Header(description="`zh` or `en`; Chinese unless English is preferred.")
]
