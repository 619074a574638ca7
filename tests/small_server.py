"""A small application behind the real walls and the real server on loopback, and clients that write bytes."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import uvicorn
from fastapi import APIRouter, FastAPI

from app.api.body import JsonRoute
from app.api.problems import install_problem_handlers
from app.api.schemas import base
from app.api.walls import Door, WallSettings, install_walls
from app.metrics import Metrics
from app.protocol import server_config

SOON = 0.4
"""Seconds that stand for the ten of the real server."""
ROOM = 8
"""Requests that may be under way at a time."""
POST = b"POST /parcels HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
GET = b"GET /quick HTTP/1.1\r\nhost: test\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nhost: test\r\n\r\n"


class Parcel(base.Request):
    """A body."""

    weight: base.Count
    """In grams."""


@dataclass(frozen=True, slots=True)
class SmallServer:
    """A server that runs."""

    port: int
    uvicorn: uvicorn.Server
    door: Door
    release: asyncio.Event
    """Lets answer whatever asked for `/held`."""


@asynccontextmanager
async def small_server(
    seconds: float = SOON, *, connections: int = 4096, waits: float = SOON / 2
) -> AsyncIterator[SmallServer]:
    """A server whose limits are `seconds`, and at whose door one `waits` for so long."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    release = asyncio.Event()
    app = _application(WallSettings(body_seconds=seconds, waits_seconds=waits, concurrency=ROOM), release)
    config = server_config(
        app, header_seconds=seconds, flush_seconds=seconds, connections=connections, parting_seconds=1
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield SmallServer(listening.getsockname()[1], server, app.state.door, release)
    finally:
        server.should_exit = True
        await running
        listening.close()


def _application(settings: WallSettings, release: asyncio.Event) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    install_walls(app, settings=settings, metrics=Metrics())
    router = APIRouter(route_class=JsonRoute)

    @router.get("/quick")
    async def answer() -> str:
        return "quick"

    @router.get("/health/live")
    async def live() -> str:
        return "live"

    @router.get("/slow")
    async def answer_slowly() -> str:
        await asyncio.sleep(3 * SOON)
        return "slow"

    @router.get("/held")
    async def answer_when_released() -> str:
        await release.wait()
        return "held"

    @router.post("/parcels")
    async def take(parcel: Parcel) -> int:
        return parcel.weight

    app.include_router(router)
    return app


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection that stays open."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> bytes:
        """Sends a request; its answer."""
        self.writer.write(request)
        return await self.hear()

    async def hear(self) -> bytes:
        """The next answer, which is a problem or a text."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            return head + await self.reader.readexactly(length)


@asynccontextmanager
async def wires(port: int, count: int = 1) -> AsyncIterator[Sequence[Wire]]:
    """So many open connections, each of which has had an answer."""
    opened = [Wire(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]
    try:
        for wire in opened:
            assert (await wire.ask(GET)).startswith(b"HTTP/1.1 200")
        yield opened
    finally:
        for wire in opened:
            wire.writer.close()


async def say(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Sends `pieces`, then nothing; what came back before the server closed, and after how many seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.monotonic()
    heard = asyncio.create_task(_hear(reader))
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
    answer = await asyncio.wait_for(heard, 30)
    seconds = time.monotonic() - started
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return answer, seconds


async def _hear(reader: asyncio.StreamReader) -> bytes:
    """All that came, also where the connection was reset in the end."""
    heard = b""
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            heard += piece
    return heard
