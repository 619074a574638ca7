"""Clients that never finish, against the real server on loopback: they are closed, the others unharmed."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from fastapi import APIRouter, FastAPI

from app.api.body import JsonRoute
from app.api.problems import install_problem_handlers
from app.api.schemas import base
from app.api.walls import WallSettings, install_walls
from app.metrics import Metrics
from app.protocol import HEADER_BYTES, HEADER_SECONDS, LINGER_SECONDS, server_config

SOON = 0.4
"""Seconds that stand for the ten of the real server; the test of the figure itself takes the real ones."""


class Parcel(base.Request):
    """A body."""

    weight: base.Count
    """In grams."""


@pytest.fixture(autouse=True)
def loopback_only(socket_enabled: None) -> None:
    """Real sockets, to this machine."""


def _app(body_seconds: float) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    install_walls(app, settings=WallSettings(body_seconds=body_seconds, concurrency=8), metrics=Metrics())
    router = APIRouter(route_class=JsonRoute)

    @router.get("/quick")
    async def answer() -> str:
        return "quick"

    @router.get("/slow")
    async def answer_slowly() -> str:
        await asyncio.sleep(3 * SOON)
        return "slow"

    @router.post("/parcels")
    async def take(parcel: Parcel) -> int:
        return parcel.weight

    app.include_router(router)
    return app


@asynccontextmanager
async def _served(seconds: float = SOON, connections: int = 4096) -> AsyncIterator[int]:
    """The port of a running server whose limits are `seconds`."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = server_config(_app(seconds), header_seconds=seconds, connections=connections, parting_seconds=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listening.close()


async def _say(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Send `pieces`, then nothing; what came back before the server closed, and after how many seconds."""
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


def _drip(text: bytes) -> Iterator[bytes]:
    return (bytes([byte]) for byte in text)


POST = b"POST /parcels HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
GET = b"GET /quick HTTP/1.1\r\nhost: test\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "pause", "status"),
    [
        ([], 0, b""),
        ([b"\r\n"] * 40, SOON / 20, b""),
        ([b"GET /quick HTT"], 0, b"408"),
        (list(_drip(b"GET /quick HTTP/1.1\r\nx: " + b"a" * 40)), SOON / 20, b"408"),
        ([POST + b"content-length: 20\r\n\r\n"], 0, b"408"),
        ([POST + b'content-length: 200\r\n\r\n{"weigh'], 0, b"408"),
        ([POST + b"content-length: 200\r\n\r\n", *_drip(b" " * 40)], SOON / 20, b"408"),
        ([POST + b"transfer-encoding: chunked\r\n\r\n1\r\n"], 0, b"408"),
        ([b"NONSENSE\r\n\r\n"], 0, b"400"),
        ([b"GET /quick HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"], 0, b"400"),
        ([b"GET /qui\xc3\xa4 HTTP/1.1\r\nhost: test\r\n\r\n"], 0, b"400"),
        ([b"GET / HTTP/1.1\r\n", b"x: " + b"a" * HEADER_BYTES, b"a" * 10], 0.05, b"431"),
        ([POST + b"content-length: 99999999\r\n\r\n"], 0, b"413"),
    ],
    ids=range(13),
)
async def test_who_never_finishes_is_told_and_closed(
    pieces: list[bytes], pause: float, status: bytes
) -> None:
    async with _served() as port:
        answer, seconds = await _say(port, *pieces, pause=pause)
    assert answer[9:12] == status
    assert seconds < 8 * SOON
    assert answer.count(b"HTTP/1.1") <= 1
    if status:
        assert b"application/problem+json" in answer


async def test_the_rest_of_a_refused_body_is_read_so_that_the_refusal_is_heard() -> None:
    size = 300_000
    async with _served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"content-length: %d\r\n\r\n" % size + b" " * size + GET)
        await writer.drain()
        heard = await asyncio.wait_for(_read_until(reader, b'"quick"'), 5)
        writer.close()
    assert heard.startswith(b"HTTP/1.1 413")
    assert b"HTTP/1.1 200" in heard


async def test_an_idle_connection_and_a_second_request_have_the_same_deadline() -> None:
    async with _served() as port:
        answer, seconds = await _say(port, GET, b"GET /qui", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1 408") == 1
    assert seconds < 5 * SOON


async def test_a_request_behind_a_slow_answer_does_not_cut_it_off() -> None:
    async with _served() as port:
        answer, _ = await _say(port, GET.replace(b"quick", b"slow"), b"GET /qui", pause=0.1)
    assert b'"slow"' in answer


async def test_connections_over_the_cap_are_told_to_come_back() -> None:
    async with _served(connections=2) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        answer, _ = await _say(port)
        for _, writer in held:
            writer.close()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer


async def test_who_is_turned_away_may_ask_again_on_the_same_connection() -> None:
    """Also where the body of what was refused comes after the refusal."""
    body = b'{"weight": 7}'
    post = POST + b"content-length: %d\r\n\r\n" % len(body)
    async with _served() as port:
        full = [asyncio.create_task(_say(port, GET.replace(b"quick", b"slow"))) for _ in range(8)]
        await asyncio.sleep(SOON)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for pieces in ((GET,), (post + body,), (post, body)):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
            refused = await _read_until(reader, b"}")
            assert refused.startswith(b"HTTP/1.1 503"), refused
            assert b"retry-after: 1" in refused
            assert refused.count(b"HTTP/1.1") == 1
        async with asyncio.timeout(10):
            while not refused.startswith(b"HTTP/1.1 200"):  # until the slow answers have been given
                assert refused.startswith(b"HTTP/1.1 503")
                writer.write(post + body)
                refused = await reader.read(65536)
                await asyncio.sleep(0.05)
        writer.close()
        await asyncio.gather(*full)


async def test_the_body_of_what_was_turned_away_is_not_awaited_for_long() -> None:
    async with _served() as port:
        full = [asyncio.create_task(_say(port, GET.replace(b"quick", b"slow"))) for _ in range(8)]
        await asyncio.sleep(SOON)
        answer, seconds = await _say(port, POST + b"content-length: 20\r\n\r\n")
        await asyncio.gather(*full)
    assert answer.startswith(b"HTTP/1.1 503")
    assert answer.count(b"HTTP/1.1") == 1
    assert seconds < LINGER_SECONDS + 8 * SOON


async def test_five_hundred_half_open_requests_harm_nobody() -> None:
    half = (b"GET /quick HTTP/1.1\r\nx: ", POST + b'content-length: 200\r\n\r\n{"weight"')
    async with _served(HEADER_SECONDS) as port:
        slow = [asyncio.create_task(_say(port, half[number % 2])) for number in range(500)]
        slowest = 0.0
        while not all(task.done() for task in slow):
            started = time.monotonic()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            assert (await _read_until(reader, b'"quick"')).startswith(b"HTTP/1.1 200")
            slowest = max(slowest, time.monotonic() - started)
            writer.close()
            await asyncio.sleep(0.1)
        closed = [await task for task in slow]
    assert max(seconds for _, seconds in closed) < 15
    assert {answer[9:12] for answer, _ in closed} == {b"408"}
    assert slowest < 2


async def _read_until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    heard = b""
    while end not in heard:
        piece = await reader.read(65536)
        assert piece, heard
        heard += piece
    return heard
