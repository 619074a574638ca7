"""The stand-in as an ASGI application: reads a call, lets a fault meet it, answers and records it."""

import asyncio
import json
import socket
import struct
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from app.clock import Clock, system_clock
from app.settings import Environment
from app.standin.control import create_control
from app.standin.endpoints import answer
from app.standin.faults import BAD_GATEWAY, Fault, Reset
from app.standin.replies import ERRMSG, Refused, Reply, refusal
from app.standin.world import Call, CallRecord, World

CONTROL_PREFIX = "/__ctl__"
"""Outside of everything that WeChat uses."""
_HIDDEN = frozenset({"secret", "appsecret", "access_token"})
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class StandInRefused(RuntimeError):
    """In production nobody may stand in for WeChat."""


def create_standin(
    appid: str, secret: str, *, environment: Environment, clock: Clock = system_clock
) -> Starlette:
    """The stand-in for one mini-program. Raises StandInRefused in production."""
    if environment is Environment.production:
        raise StandInRefused("the stand-in for WeChat does not start in production")
    world = World(appid, secret, clock)

    async def endpoint(request: Request) -> Response:
        return await _answer(world, request)

    return Starlette(
        routes=[
            Mount(CONTROL_PREFIX, create_control(world)),
            Route("/{path:path}", endpoint, methods=_METHODS),
        ]
    )


async def _answer(world: World, request: Request) -> Response:
    call = Call(
        request.method,
        request.url.path,
        dict(request.query_params),
        await request.body(),
        request.client.host if request.client else "",
    )
    fault = world.take_fault(call.path) or Fault(path=call.path)
    if fault.reset is Reset.before:
        _record(world, call, None, "")
        return _cut(request)
    reply = _reply(world, call, fault)
    content = json.dumps(reply.body, ensure_ascii=False)
    lost = fault.bad_gateway or fault.reset is not None
    _record(world, call, None if lost else reply, content)
    await asyncio.sleep(fault.delay_seconds)
    if fault.reset is Reset.after:
        return _cut(request)
    if fault.bad_gateway:
        return Response(BAD_GATEWAY, 502, media_type="text/html")
    return Response(content, media_type=fault.content_type or reply.content_type)


def _reply(world: World, call: Call, fault: Fault) -> Reply:
    if fault.errcode is not None:
        reply = refusal(fault.errcode, ERRMSG.get(fault.errcode, "error"), world.now())
    else:
        try:
            reply = answer(world, call)
        except Refused as refused:
            reply = refusal(refused.errcode, refused.text, world.now())
    if fault.string_errcode:
        reply.body["errcode"] = str(reply.errcode)
    if fault.extra_fields:
        reply.body |= {"new_field": {"nested": [1, None, "惠新码"]}, "expires_at": 0}
    if fault.drop_errcode:
        reply.body.pop("errcode", None)
        reply.body.pop("errmsg", None)
    return reply


def _record(world: World, call: Call, reply: Reply | None, content: str) -> None:
    try:
        body = json.loads(call.content)
    except (ValueError, RecursionError):
        body = None
    world.calls.append(
        CallRecord(
            world.now(),
            call.method,
            call.path,
            _shown(call.query),
            _shown(body) if isinstance(body, dict) else None,
            call.address,
            reply.errcode if reply else None,
            reply.rid if reply else None,
            content if reply and reply.rid else "",
        )
    )


def _shown(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _HIDDEN}


def _cut(request: Request) -> Response:
    """Resets the connection, as a peer does that went away; `server.Protocol` gave the transport."""
    transport: asyncio.Transport = request.state.transport
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    transport.abort()
    return Response(status_code=500)  # goes nowhere
