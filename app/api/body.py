"""How JSON bodies are read: one media type, no NaN, no lone surrogates, no bottomless nesting."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Response, params
from fastapi.requests import Request
from fastapi.routing import APIRoute
from typing_extensions import override

from app.api.refusals import UnreadableBody, UnsupportedMediaType

DEEPEST = 32
"""Levels of arrays and objects. Our own schemas need six; recursive code dies at some hundreds."""


class JsonRoute(APIRoute):
    """A route whose JSON body is read here rather than by FastAPI.

    FastAPI reads with the standard parser, which takes NaN and lone surrogates and fails on deep
    nesting. A body of another media type is refused with 415, and one that is not JSON with 400:
    RFC 9110 keeps 422 for content whose syntax is right. Pass as `route_class` of every router.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        if self.body_field is None or isinstance(self.body_field.field_info, params.Form):
            return answer

        async def answer_json(request: Request) -> Response:
            body = await request.body()
            if body:
                return await answer(_Parsed(request, body, _parse(request, body)))
            return await answer(request)

        return answer_json


class _Parsed(Request):
    """A request whose body has been read as JSON already."""

    def __init__(self, request: Request, body: bytes, content: object) -> None:
        super().__init__(request.scope, request.receive)
        self._bytes = body
        self._content = content

    @override
    async def body(self) -> bytes:
        return self._bytes

    @override
    async def json(self) -> object:
        return self._content


def parse_json(body: bytes) -> object:
    """The value of a JSON document (RFC 8259); raises `UnreadableBody` for anything else.

    Of a repeated member name the last counts. Numbers beyond a double and nesting beyond `DEEPEST`
    are refused.
    """
    try:
        content: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableBody from None
    # Counting brackets is cheap and can only err towards looking closer.
    if body.count(b"[") + body.count(b"{") > DEEPEST and _deeper_than(content, DEEPEST):
        raise UnreadableBody
    return content


def _parse(request: Request, body: bytes) -> object:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType
    return parse_json(body)


def _deeper_than(content: object, levels: int) -> bool:
    layer = [content]
    for _ in range(levels):
        below: list[object] = []
        for value in layer:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        layer = below
    return any(isinstance(value, dict | list) for value in layer)
