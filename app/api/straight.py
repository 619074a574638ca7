"""Answers the routes of the gate straight, past the framework's search for a route and what it depends on."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import params
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response as HttpResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.body import parse_json
from app.api.dependencies import current_claims, current_runtime, read_claims, signed_work
from app.api.problems import problem_response
from app.api.refusals import UnreadableBody
from app.errors import Problem, Unauthenticated
from app.runtime import Runtime
from app.services.tokens import AccessClaims

JSON = b"application/json"
BEARER = b"Bearer "
"""As nearly every client spells it. Other spellings are right too, and go the ordinary way."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one handler is called with, by the names of its parameters."""

    route: APIRoute
    body: tuple[str, type[BaseModel]]
    runtime: tuple[str, ...]
    claims: tuple[str, ...]
    open_work: tuple[str, ...]
    headers: tuple[tuple[str, bytes], ...]
    before: tuple[Callable[..., Awaitable[None]], ...]
    """What the route's own dependencies ask first, each by `runtime` and `claims`."""


class StraightWay:
    """Calls the handlers of `routes` itself where a request is as it should be, and leaves the others be.

    FastAPI looks for the route twice, solves its dependencies one by one and guards each step, which
    costs more than checking a signature. Here the same handler gets the same arguments from a plan made
    once. Whatever is unusual about a request, from a second media type to a missing token, goes the
    ordinary way, which also words every refusal of what was sent (ADR 0011).

    Stands inside all walls. Raises TypeError for a route with a parameter that it cannot fill.
    """

    def __init__(self, app: ASGIApp, *, routes: Iterable[APIRoute]) -> None:
        self.app = app
        self._plans = {
            (method, route.path): _plan(route) for route in routes for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plan = self._plans.get((scope["method"], _path(scope))) if scope["type"] == "http" else None
        if plan is None:
            await self.app(scope, receive, send)
            return
        message = await receive()
        found = await _arguments(plan, scope, message)
        if found is None:
            await self.app(scope, _again(message, receive), send)
            return
        claims, arguments = found
        scope["route"] = plan.route
        try:
            for ask in plan.before:
                await ask(runtime=scope["app"].state.runtime, claims=claims)
            answer = await plan.route.endpoint(**arguments)
        except Problem as problem:
            await problem_response(scope, problem)(scope, receive, send)
            return
        await HttpResponse(
            answer.__pydantic_serializer__.to_json(answer),
            status_code=plan.route.status_code or HTTPStatus.OK,
            media_type="application/json",
        )(scope, receive, send)


def straight_routes(routes: Iterable[object], endpoints: Iterable[Callable[..., Any]]) -> list[APIRoute]:
    """Those of `routes` that call one of `endpoints`; raises ValueError unless each has one."""
    wanted = tuple(endpoints)
    found = [route for route in routes if isinstance(route, APIRoute) and route.endpoint in wanted]
    if len(found) != len(wanted):
        raise ValueError("every straight route is one of the application's")
    return found


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


async def _arguments(
    plan: _Plan, scope: Scope, message: Message
) -> tuple[AccessClaims, dict[str, Any]] | None:
    """Who calls, and what the handler is called with; None where anything about the request is unusual."""
    headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # of a repeated one the first counts
    token = headers.get(b"authorization", b"")
    if (
        message["type"] != "http.request"
        or message.get("more_body")
        or headers.get(b"content-type") != JSON
        or not token.startswith(BEARER)
    ):
        return None
    runtime: Runtime = scope["app"].state.runtime
    name, model = plan.body
    try:
        claims = read_claims(scope, runtime, token[len(BEARER) :].decode("latin-1"))
        arguments: dict[str, Any] = {name: model.model_validate(parse_json(message.get("body", b"")))}
    except (UnreadableBody, Unauthenticated, ValidationError):
        return None
    arguments.update(dict.fromkeys(plan.runtime, runtime))
    arguments.update(dict.fromkeys(plan.claims, claims))
    for parameter in plan.open_work:
        arguments[parameter] = await signed_work(Request(scope), runtime, claims)
    for parameter, header in plan.headers:
        given = headers.get(header)
        arguments[parameter] = None if given is None else given.decode("latin-1")
    return claims, arguments


def _again(message: Message, receive: Receive) -> Receive:
    """`receive` with `message` in front of what is still to come."""
    waiting = [message]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _plan(route: APIRoute) -> _Plan:
    bodies: list[tuple[str, type[BaseModel]]] = []
    filled: Mapping[Any, list[str]] = {current_runtime: [], current_claims: [], signed_work: []}
    headers: list[tuple[str, bytes]] = []
    types = get_type_hints(route.endpoint, include_extras=True)
    for name in inspect.signature(route.endpoint).parameters:
        kind = types[name]
        marks = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
        match marks:
            case ():
                bodies.append((name, _model(route, name, kind)))
            case (params.Depends(dependency=call),) if call in filled:
                filled[call].append(name)
            case (params.Header(),):
                headers.append((name, name.replace("_", "-").encode("ascii")))
            case _:
                raise TypeError(f"{route.path} cannot be answered straight: {name}")
    if len(bodies) != 1 or not (filled[current_claims] or filled[signed_work]):
        raise TypeError(f"{route.path} cannot be answered straight")
    _model(route, "return", types["return"])
    return _Plan(
        route,
        bodies[0],
        tuple(filled[current_runtime]),
        tuple(filled[current_claims]),
        tuple(filled[signed_work]),
        tuple(headers),
        tuple(_asked_before(route)),
    )


def _asked_before(route: APIRoute) -> Iterator[Callable[..., Awaitable[None]]]:
    """What the route's own dependencies call; raises TypeError for one that asks for anything else."""
    for dependency in route.dependencies:
        call = dependency.dependency
        if call is None or inspect.signature(call).parameters.keys() != {"runtime", "claims"}:
            raise TypeError(f"{route.path} cannot be answered straight")
        yield call


def _model(route: APIRoute, name: str, kind: Any) -> type[BaseModel]:
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        raise TypeError(f"{route.path} cannot be answered straight: {name}")
    return kind
