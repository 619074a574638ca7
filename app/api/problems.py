"""Renders every refusal, ours and the framework's, as one kind of RFC 9457 problem document."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, Path
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as HttpResponse
from starlette.types import Scope

from app.api.faults import faults
from app.api.refusals import (
    BadRequest,
    ContentTooLarge,
    MethodNotAllowed,
    Overloaded,
    RequestTimeout,
    UnreadableBody,
    UnsupportedMediaType,
)
from app.api.schemas.base import Response
from app.errors import (
    MalformedRequest,
    NotFound,
    Problem,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from app.language import DEFAULT, Language, preferred

MEDIA_TYPE = "application/problem+json"

TYPES = "/problems/"
"""Prefix of the problem types: relative references (RFC 9457, section 3.1.1) that this server answers."""

REQUEST_ID = "huixin.request_id"
"""Where the walls leave the request id in the scope."""

NO_REQUEST_ID = "-"
"""Stands where a connection was refused before there was a request."""

SOON = 1
"""Seconds to wait where nothing better is known: the shortest that Retry-After can say."""

FRAMEWORK: Mapping[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthenticated,
    404: NotFound,
    405: MethodNotAllowed,
    415: UnsupportedMediaType,
    422: MalformedRequest,
    429: TooManyRequests,
    503: Unavailable,
}
"""What the framework's own refusals are called here."""

EVERYWHERE: tuple[type[Problem], ...] = (MalformedRequest, Problem, Unavailable, Overloaded)
"""What any operation may answer."""

WITH_BODY: tuple[type[Problem], ...] = (
    UnreadableBody,
    BadRequest,
    RequestTimeout,
    ContentTooLarge,
    UnsupportedMediaType,
)
"""What any operation that takes a body may answer besides."""


def kinds() -> Iterator[type[Problem]]:
    """Every kind of problem that the program can answer."""
    waiting: list[type[Problem]] = [Problem]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting.extend(kind.__subclasses__())


def document(problem: Problem, language: Language, request_id: str) -> dict[str, Any]:
    """The members of the problem document (RFC 9457, section 3). Extensions never displace them."""
    return {
        **problem.extensions,
        "type": TYPES + problem.code,
        "title": problem.title.render(language),
        "status": problem.status,
        "detail": problem.message.render(language, **problem.params),
        "code": problem.code,
        "instance": f"urn:request:{request_id}",
        "request_id": request_id,
    }


def problem_response(
    scope: Scope, problem: Problem, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The answer to the request of `scope`, in the language that it asks for."""
    language = preferred(Headers(scope=scope).get("accept-language"))
    request_id = scope.get(REQUEST_ID, NO_REQUEST_ID)
    sent = {"content-language": language, "vary": "accept-language", **(headers or {})}
    if problem.status == Unauthenticated.status:
        sent.setdefault("www-authenticate", "Bearer")
    retry_after = problem.retry_after
    if retry_after is None and problem.status in {TooManyRequests.status, Unavailable.status}:
        retry_after = SOON
    if retry_after is not None:
        sent["retry-after"] = str(retry_after)
    return HttpResponse(
        orjson.dumps(document(problem, language, request_id), default=str),
        status_code=problem.status,
        headers=sent,
        media_type=MEDIA_TYPE,
    )


def bare_answer(problem: Problem, *, last: bool = True) -> bytes:
    """A whole HTTP/1.1 answer for what never became a request; after the `last` the connection closes."""
    body = orjson.dumps(document(problem, DEFAULT, NO_REQUEST_ID))
    lines = [
        f"HTTP/1.1 {problem.status} {problem.title.en}",
        f"content-type: {MEDIA_TYPE}",
        f"content-language: {DEFAULT}",
        f"content-length: {len(body)}",
    ]
    if last:
        lines.append("connection: close")
    if problem.status == Unavailable.status:
        lines.append(f"retry-after: {problem.retry_after or SOON}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def install_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every refusal as a problem, and describe the document in its OpenAPI.

    Exceptions that nobody foresaw are not handled here: the walls answer those, so that nothing
    outside them ever sees one.
    """
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_malformed)
    app.add_exception_handler(HTTPException, _answer_framework)
    app.add_exception_handler(ClientDisconnect, _answer_disconnect)
    app.include_router(router)

    describe = app.openapi

    def openapi() -> dict[str, Any]:
        described = describe()
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("ProblemDocument", PROBLEM_SCHEMA)
        return described

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it


async def _answer_problem(request: Request, exc: Exception) -> HttpResponse:
    if not isinstance(exc, Problem):
        raise exc
    return problem_response(request.scope, exc)


async def _answer_malformed(request: Request, exc: Exception) -> HttpResponse:
    if not isinstance(exc, RequestValidationError):
        raise exc
    language = preferred(request.headers.get("accept-language"))
    return problem_response(
        request.scope, MalformedRequest(extensions={"errors": faults(exc.errors(), language)})
    )


async def _answer_framework(request: Request, exc: Exception) -> HttpResponse:
    if not isinstance(exc, HTTPException):
        raise exc
    headers = dict(exc.headers or {})
    if exc.status_code == MethodNotAllowed.status:
        headers = {"Allow": ", ".join(sorted(_methods(request)))}
    if exc.status_code == ContentTooLarge.status:
        return problem_response(request.scope, ContentTooLarge(limit="?"), headers)
    kind = FRAMEWORK.get(exc.status_code, BadRequest if exc.status_code < Problem.status else Problem)
    return problem_response(request.scope, kind(), headers)


async def _answer_disconnect(request: Request, _exc: Exception) -> HttpResponse:
    # Nobody reads it; it keeps a client that hangs up from being logged as a fault of ours.
    return problem_response(request.scope, BadRequest())


def _methods(request: Request) -> set[str]:
    """All methods of the path. The framework names those of the first route that matches it."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        pattern: re.Pattern[str] | None = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            found |= route.methods or set()
    return found


def problem_responses(*expected: type[Problem], body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of an operation that may answer `expected` besides what every one may.

    `body` says that it takes a JSON body, and so may answer how that was sent.
    """
    by_status: dict[int, dict[str, type[Problem]]] = {}
    for kind in (*expected, *EVERYWHERE, *(WITH_BODY if body else ())):
        by_status.setdefault(kind.status, {})[kind.code] = kind
    return {status: _described(by_code.values()) for status, by_code in sorted(by_status.items())}


def _described(same_status: Iterable[type[Problem]]) -> dict[str, Any]:
    ordered = sorted(same_status, key=lambda kind: kind.code)
    headers: dict[str, Any] = {}
    if ordered[0].status in {TooManyRequests.status, Unavailable.status}:
        headers["Retry-After"] = {
            "description": "Seconds after which the same request may succeed.",
            "schema": {"type": "integer", "minimum": 0},
        }
    described: dict[str, Any] = {
        "description": "; ".join(f"`{kind.code}` {kind.title.en} ({kind.title.zh})" for kind in ordered),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                "examples": {kind.code: {"value": _example(kind)} for kind in ordered},
            }
        },
    }
    return described | ({"headers": headers} if headers else {})


def _example(kind: type[Problem]) -> dict[str, Any]:
    request_id = "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58"
    return {
        "type": TYPES + kind.code,
        "title": kind.title.en,
        "status": kind.status,
        "detail": _template(kind.message.en),
        "code": kind.code,
        "instance": f"urn:request:{request_id}",
        "request_id": request_id,
    }


def _template(message: str) -> str:
    """`message` with plain placeholders: `{reason.en}` takes one language of a sentence."""
    return re.sub(r"\.(zh|en)\}", "}", message)


PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "ProblemDocument",
    "description": "Why a request was refused (RFC 9457). `code` is stable; title and detail are for people.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Says what the code means when it is followed.",
        },
        "title": {"type": "string", "description": "The same for every problem of this code."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What to do about it, in Chinese or English."},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "instance": {"type": "string", "format": "uri"},
        "request_id": {"type": "string", "description": "Quote it when asking for help."},
        "errors": {
            "type": "array",
            "description": "For `malformed_request`: what is wrong where. Values are never repeated.",
            "items": {
                "type": "object",
                "required": ["in", "pointer", "code", "detail"],
                "properties": {
                    "in": {"enum": ["body", "query", "path", "header", "cookie"]},
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901)."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}


class TextInBoth(Response):
    """A sentence in both languages."""

    zh: str
    """Chinese."""
    en: str
    """English."""


class ProblemKind(Response):
    """What a problem code means."""

    code: str
    """The stable code."""
    status: int
    """The HTTP status that it comes with."""
    title: TextInBoth
    """Its short name."""
    detail: TextInBoth
    """What is said about it, with `{placeholders}` for what differs from case to case."""


Code = Annotated[
    str,
    Path(
        pattern="^[a-z][a-z0-9_]*$",
        max_length=64,
        description="The code of a problem document.",
        examples=["not_found"],
    ),
]

router = APIRouter(tags=["problems"])


@router.get(
    TYPES + "{code}",
    operation_id="problems_show",
    summary="What a problem code means · 错误代码说明",
    responses=problem_responses(NotFound),
)
async def show_problem(code: Code) -> ProblemKind:
    """The meaning of a problem code, in both languages. Open to everyone."""
    kind = next((kind for kind in kinds() if kind.code == code), None)
    if kind is None:
        raise NotFound
    return ProblemKind(
        code=kind.code,
        status=kind.status,
        title=TextInBoth(zh=kind.title.zh, en=kind.title.en),
        detail=TextInBoth(zh=_template(kind.message.zh), en=_template(kind.message.en)),
    )
