"""Clients that never finish, against the real server on loopback: they are closed, the others unharmed."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from app.protocol import HEADER_BYTES, HEADER_SECONDS
from tests.small_server import GET, POST, SOON, say, small_server, wires


@pytest.fixture(autouse=True)
def loopback_only(socket_enabled: None) -> None:
    """Real sockets, to this machine."""


def _drip(text: bytes) -> Iterator[bytes]:
    return (bytes([byte]) for byte in text)


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
    async with small_server() as server:
        answer, seconds = await say(server.port, *pieces, pause=pause)
    assert answer[9:12] == status
    assert seconds < 8 * SOON
    assert answer.count(b"HTTP/1.1") <= 1
    if status:
        assert b"application/problem+json" in answer


async def test_the_rest_of_a_refused_body_is_read_so_that_the_refusal_is_heard() -> None:
    size = 300_000
    async with small_server() as server, wires(server.port) as (wire,):
        wire.writer.write(POST + b"content-length: %d\r\n\r\n" % size + b" " * size + GET)
        assert (await wire.hear()).startswith(b"HTTP/1.1 413")
        assert (await wire.hear()).endswith(b'"quick"')


async def test_an_idle_connection_and_a_second_request_have_the_same_deadline() -> None:
    async with small_server() as server:
        answer, seconds = await say(server.port, GET, b"GET /qui", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1 408") == 1
    assert seconds < 5 * SOON


async def test_a_request_behind_a_slow_answer_does_not_cut_it_off() -> None:
    async with small_server() as server:
        answer, _ = await say(server.port, GET.replace(b"quick", b"slow"), b"GET /qui", pause=0.1)
    assert b'"slow"' in answer


async def test_connections_over_the_cap_are_told_to_come_back() -> None:
    async with small_server(connections=2) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        answer, _ = await say(server.port)
        for _, writer in held:
            writer.close()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer


async def test_five_hundred_half_open_requests_harm_nobody() -> None:
    half = (b"GET /quick HTTP/1.1\r\nx: ", POST + b'content-length: 200\r\n\r\n{"weight"')
    async with small_server(HEADER_SECONDS) as server:
        slow = [asyncio.create_task(say(server.port, half[number % 2])) for number in range(500)]
        slowest = 0.0
        while not all(task.done() for task in slow):
            started = time.monotonic()
            async with wires(server.port):
                slowest = max(slowest, time.monotonic() - started)
            await asyncio.sleep(0.1)
        closed = [await task for task in slow]
    assert max(seconds for _, seconds in closed) < 15
    assert {answer[9:12] for answer, _ in closed} == {b"408"}
    assert slowest < 2
