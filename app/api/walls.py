"""What stands around every request: its id, its log line, its measure, its limits, its last resort.

Plain ASGI throughout, since `BaseHTTPMiddleware` leaks database sessions on cancellation.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.client import Network, client_address
from app.api.problems import REQUEST_ID, problem_response
from app.api.refusals import BadRequest, ContentTooLarge, Overloaded, RequestTimeout
from app.errors import Problem, Unavailable
from app.ids import new_id
from app.logs import outline
from app.metrics import Metrics

CLIENT = "huixin.client"
"""Where the scope holds the client's address: a string, or None on a Unix socket. Never logged."""

ACCOUNT = "huixin.account"
"""Where the scope holds the id of the account that asks, once `remember_account` has put it there."""

NO_ROUTE = "unmatched"
"""Label of requests that no route answers: their paths are the client's own text."""

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
"""Request ids that are taken over from the caller."""

KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Other methods are counted as one, so that nobody can fill the measures with names."""

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Sent with every answer that does not set them itself. Nothing here may be cached: nearly every
answer is about one person."""

IsOutage = Callable[[Exception], bool]
"""Says of an exception that it means a part is away (503), rather than that the program is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WallSettings:
    """The limits of one process."""

    body_limit: int = 64 * 1024
    """Bytes of a body, for every path that `larger_bodies` does not name."""
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    """Bytes by path prefix, for uploads; the longest prefix that fits counts."""
    memory_for_bodies: int = 256 * 1024 * 1024
    """Bytes of all bodies that are being received at a time; a further one is answered 503."""
    body_seconds: float = 10.0
    """A body that makes no headway is cut off after so long."""
    body_rate: int = 8 * 1024
    """Bytes a second that earn further time: a large upload over a poor network is not an attack."""
    concurrency: int = 512
    """Requests whose answer is being made; further ones are answered 503 before any work."""
    waits_seconds: float = 0.05
    """A request that finds no room is left unread for so long before it is turned away (ADR 0016). Refused a
    hundred at a time each costs less than by itself, and who is to come back in a second loses nothing.
    """
    never_shed: frozenset[str] = frozenset({"/health/live", "/health/ready", "/metrics"})
    """Paths that answer under any load: who watches the load must get through."""
    trusted_proxies: tuple[Network, ...] = ()
    """Only these may say, by X-Forwarded-For, for whom they speak."""
    allowed_origins: tuple[str, ...] = ()
    """Origins that browsers may call from; with none, no CORS header is ever sent."""


class Door:
    """How many requests are under way in this process, and whether there is room for another.

    The server asks before it reads the beginning of a request, and again as soon as its headers have come,
    since turning away must cost next to nothing: at four times the capacity three requests of four are.
    """

    def __init__(self, settings: WallSettings, metrics: Metrics) -> None:
        self._most = settings.concurrency
        self._waits_seconds = settings.waits_seconds
        self._always_open = settings.never_shed
        self._shed = metrics.shed
        self._arriving = 0
        self._waiting: list[Callable[[], None]] = []
        self.under_way = 0

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another request."""
        return self.under_way + self._arriving >= self._most

    def wait(self, go_on: Callable[[], None]) -> None:
        """Calls `go_on` a moment later, together with those of all others who found the door full."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(self._waits_seconds, self._look)
        self._waiting.append(go_on)

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            asyncio.get_running_loop().call_soon(go_on)  # one that fails takes no other with it

    def expect(self) -> None:
        """Counts a request that has come whole until the event loop has gone on with it.

        Hundreds may come before any of them is under way, and to refuse one then costs ten times as much.
        """
        self._arriving += 1
        asyncio.get_running_loop().call_soon(self._arrive)

    def turns_away_early(self, path: str) -> bool:
        """Whether a request whose headers have come is to be refused, which is counted then."""
        return self.is_full and self._refuses(path)

    def turns_away(self, path: str) -> bool:
        """Whether a request that has come whole is to be refused, which is counted then."""
        return self.under_way >= self._most and self._refuses(path)

    def _refuses(self, path: str) -> bool:
        if path in self._always_open:
            return False
        self._shed.inc()
        return True

    def _arrive(self) -> None:
        self._arriving -= 1


def install_walls(
    app: FastAPI,
    *,
    settings: WallSettings,
    metrics: Metrics,
    outages: Iterable[IsOutage] = (),
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Put the walls around `app`. `outages` tell exceptions that are answered 503 from faults (500)."""
    # The last one added stands outermost. Bodies are received before a request counts as under way,
    # so that slow clients fill no place that others need.
    app.state.door = Door(settings, metrics)
    app.add_middleware(SheddingWall, door=app.state.door)
    app.add_middleware(BodyWall, settings=settings)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=sorted(KNOWN_METHODS),
            allow_headers=["authorization", "content-type", "idempotency-key", "x-request-id"],
            expose_headers=["location", "retry-after", "x-request-id"],
        )
    app.add_middleware(OuterWall, settings=settings, metrics=metrics, outages=tuple(outages), clock=clock)


def remember_account(scope: MutableMapping[str, Any], account: UUID) -> None:
    """Let the log line of this request name the account that asks."""
    scope[ACCOUNT] = str(account)


def route_template(scope: Scope) -> str:
    """The path template of the route that answers, such as `/c/{code}`; never the path itself."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    for route in (included, scope.get("route")):
        template = getattr(route, "path_format", None)
        if isinstance(template, str):
            return template
    return NO_ROUTE


class OuterWall:
    """Names the request, notes how it was answered, and answers what nobody foresaw."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: WallSettings,
        metrics: Metrics,
        outages: tuple[IsOutage, ...],
        clock: Callable[[], float],
    ) -> None:
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self.outages = outages
        self.clock = clock
        # Bound once: every request writes a line.
        self.log = structlog.get_logger(about="http").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = self.clock()
        headers = Headers(scope=scope)
        request_id = _request_id(headers.get("x-request-id"))
        scope[REQUEST_ID] = request_id
        scope[CLIENT] = client_address(
            scope.get("client"), headers.getlist("x-forwarded-for"), self.settings.trusted_proxies
        )
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                set_already = {name for name, _ in message.get("headers", ())}
                message["headers"] = [
                    *message.get("headers", ()),
                    *(pair for pair in SECURITY_HEADERS if pair[0] not in set_already),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        self.metrics.under_way.inc()
        try:
            await self.app(scope, receive, send_named)
        except Exception as exc:  # noqa: BLE001 - the last resort
            # Not log.exception: a message or a local value may be about a person.
            self.log.error("unforeseen", fault=outline(exc))  # noqa: TRY400
            if status:
                # Half an answer is out. Only breaking the connection tells the client.
                raise BrokenAnswer from None
            await problem_response(scope, self._last_resort(exc))(scope, receive, send_named)
        finally:
            self.metrics.under_way.dec()
            self._note(scope, status, self.clock() - started)

    def _last_resort(self, exc: Exception) -> Problem:
        if isinstance(exc, Problem):
            return exc
        return Unavailable() if any(outage(exc) for outage in self.outages) else Problem()

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "OTHER"
        route = route_template(scope)
        self.metrics.answered(method, route, status, seconds)
        self.log.info(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            account=scope.get(ACCOUNT),
        )


class BrokenAnswer(Exception):
    """An answer failed after its beginning had been sent; makes the server close the connection."""


class BodyWall:
    """Receives the whole body before the application is called, within limits of size and time."""

    def __init__(self, app: ASGIApp, *, settings: WallSettings) -> None:
        self.app = app
        self.settings = settings
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        try:
            try:
                await self._fill(body, scope, receive)
            except Problem as problem:
                # What came too slowly will go on so: only closing frees the connection.
                slow = {"connection": "close"} if isinstance(problem, RequestTimeout) else None
                await problem_response(scope, problem, slow)(scope, receive, send)
                return
            await self.app(scope, _replay(bytes(body), receive), send)
        finally:
            self.held -= len(body)

    async def _fill(self, body: bytearray, scope: Scope, receive: Receive) -> None:
        limit = self._limit(scope["path"])
        if _content_length(scope) > limit:
            raise ContentTooLarge(limit=limit)
        deadline = asyncio.get_running_loop().time() + self.settings.body_seconds
        more = True
        while more:
            try:
                async with asyncio.timeout_at(deadline + len(body) / self.settings.body_rate):
                    message = await receive()
            except TimeoutError:
                raise RequestTimeout from None
            if message["type"] == "http.disconnect":
                raise BadRequest
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
            body += chunk
            self.held += len(chunk)
            if len(body) > limit:
                raise ContentTooLarge(limit=limit)
            if self.held > self.settings.memory_for_bodies:
                raise Overloaded

    def _limit(self, path: str) -> int:
        fitting = [prefix for prefix in self.settings.larger_bodies if path.startswith(prefix)]
        return self.settings.larger_bodies[max(fitting, key=len)] if fitting else self.settings.body_limit


class SheddingWall:
    """Refuses a request at once where too many are under way, rather than letting all of them fail late."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.door.turns_away(scope["path"]):
            await problem_response(scope, Overloaded())(scope, receive, send)
            return
        self.door.under_way += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.door.under_way -= 1


def _request_id(given: str | None) -> str:
    return given if given and SANE_REQUEST_ID.fullmatch(given) else str(new_id())


def _has_body(scope: Scope) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


def _content_length(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "0")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = True

    async def receive_again() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return receive_again
