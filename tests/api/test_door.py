"""Requests that find the server full, against the real server on loopback: refused at next to no cost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest
import uvloop

from app.protocol import LINGER_SECONDS, Connection
from tests.small_server import GET, HELD, POST, ROOM, SOON, SmallServer, Wire, say, small_server, wires

BODY = b'{"weight": 7}'
WHOLE = POST + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
WAITS = SOON / 2
"""Seconds at the door, long enough to do something meanwhile on a machine that is busy."""
A_STEP = 0.02
"""Seconds within which what was sent has come."""


@pytest.fixture(autouse=True)
def loopback_only(socket_enabled: None) -> None:
    """Real sockets, to this machine."""


@asynccontextmanager
async def _full(seconds: float = 10) -> AsyncIterator[tuple[SmallServer, Wire, Sequence[Wire]]]:
    """A server that has no room until it is released, a connection to it, and those that it is busy with."""
    async with small_server(seconds, waits=WAITS) as server, wires(server.port, 1 + ROOM) as (wire, *busy):
        for each in busy:
            each.writer.write(HELD)
        while server.door.under_way < ROOM:  # noqa: ASYNC110 # nothing tells
            await asyncio.sleep(0)
        yield server, wire, busy
        server.release.set()


def _connections(server: SmallServer) -> list[Connection]:
    return cast("list[Connection]", list(server.uvicorn.server_state.connections))


async def test_who_is_turned_away_may_ask_again_on_the_same_connection() -> None:
    """Also where the body of what was refused comes after the refusal."""
    async with _full() as (server, wire, busy):
        for request in (GET, WHOLE, WHOLE[: -len(BODY)]):
            refused = await wire.ask(request)
            assert refused.startswith(b"HTTP/1.1 503"), refused
            assert b"retry-after: 1" in refused
        wire.writer.write(BODY)
        server.release.set()
        assert [(await each.hear())[9:12] for each in busy] == [b"200"] * ROOM
        assert (await wire.ask(WHOLE)).startswith(b"HTTP/1.1 200")


async def test_the_body_of_what_was_turned_away_is_not_awaited_for_long() -> None:
    async with _full() as (server, _, _):
        answer, seconds = await say(server.port, WHOLE[: -len(BODY)])
    assert answer.startswith(b"HTTP/1.1 503")
    assert answer.count(b"HTTP/1.1") == 1
    assert LINGER_SECONDS <= seconds < LINGER_SECONDS + 8 * SOON


async def test_of_a_crowd_that_comes_at_once_the_rest_is_refused_unread() -> None:
    """The short answer has no id of its request: nothing but its headers was looked at."""
    async with small_server() as server, wires(server.port, 5 * ROOM) as crowd:
        for each in crowd:
            each.writer.write(HELD)
        await asyncio.sleep(2 * WAITS)
        server.release.set()
        answers = [await each.hear() for each in crowd]
    assert sorted(answer[9:12] for answer in answers) == [b"200"] * ROOM + [b"503"] * 4 * ROOM
    assert {b"x-request-id" in answer for answer in answers if answer[9:12] == b"503"} == {False}


async def test_half_a_body_takes_no_room() -> None:
    async with small_server(10) as server, wires(server.port, 1 + 2 * ROOM) as (wire, *slow):
        for each in slow:
            each.writer.write(WHOLE[:-1])
        assert (await wire.ask(GET)).startswith(b"HTTP/1.1 200")
        assert [(await each.ask(WHOLE[-1:]))[9:12] for each in slow[:ROOM]] == [b"200"] * ROOM


async def test_what_stands_behind_another_request_takes_no_room() -> None:
    """Somebody who sends dozens in one packet keeps nobody else out."""
    async with small_server(10) as server, wires(server.port, 2) as (many, wire):
        many.writer.write(GET * 4 * ROOM)
        large = WHOLE.replace(b"\r\n\r\n", b"\r\nx: " + b"a" * 5000 + b"\r\n\r\n", 1)
        assert (await wire.ask(large)).startswith(b"HTTP/1.1 200")
        assert {(await many.hear())[9:12] for _ in range(4 * ROOM)} == {b"200"}


async def test_who_finds_room_within_the_moment_of_waiting_is_let_in() -> None:
    async with _full() as (server, wire, _):
        asked = asyncio.create_task(wire.ask(GET))
        await asyncio.sleep(A_STEP)
        server.release.set()
        assert (await asked).endswith(b'"quick"')


async def test_a_request_that_waits_may_come_in_pieces_and_with_another_behind_it() -> None:
    async with _full() as (server, wire, _):
        wire.writer.write(WHOLE[:30])
        await asyncio.sleep(A_STEP)
        wire.writer.write(WHOLE[30:] + GET)
        assert [(await wire.hear())[9:12] for _ in range(2)] == [b"503"] * 2
        server.release.set()
        await asyncio.sleep(WAITS)
        assert (await wire.ask(GET)).startswith(b"HTTP/1.1 200")


async def test_who_watches_the_load_gets_through() -> None:
    async with _full() as (_, wire, _):
        assert (await wire.ask(GET.replace(b"/quick", b"/health/live"))).endswith(b'"live"')


async def test_who_sends_no_more_is_still_told() -> None:
    async with _full() as (_, wire, _):
        wire.writer.write(GET)
        wire.writer.write_eof()
        assert (await wire.reader.read()).startswith(b"HTTP/1.1 503")


async def test_a_refusal_has_no_body_that_the_next_answer_could_be_taken_for() -> None:
    """After HEAD the connection ends."""
    async with _full() as (_, wire, _):
        wire.writer.write(GET.replace(b"GET", b"HEAD"))
        assert b"connection: close" in await wire.reader.read()


async def _asks_on(wire: Wire) -> None:
    """Asks without end, and reads nothing of what it is told."""
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport of a socket
    while True:
        wire.writer.write(GET * 1000)
        await wire.writer.drain()


async def test_who_reads_nothing_of_what_it_is_told_is_not_told_more() -> None:
    async with _full() as (server, wire, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_asks_on(wire), 3)
        kept = [each.transport.get_write_buffer_size() for each in _connections(server)]
        assert max(kept) < 32 * 1024 * 1024, "what one reading brought"
        wire.writer.transport.abort()


async def test_who_reads_nothing_of_what_it_is_told_is_given_up() -> None:
    async with _full(SOON) as (server, wire, busy):
        with pytest.raises((ConnectionError, TimeoutError)):
            await asyncio.wait_for(_asks_on(wire), 8 * SOON)
        assert len(_connections(server)) == len(busy)
        wire.writer.transport.abort()


async def test_requests_in_a_row_are_read_as_they_are_answered() -> None:
    async with small_server(10) as server, wires(server.port, 2) as (many, wire):
        many.writer.write(GET * 20_000)
        for _ in range(20):
            assert (await wire.ask(GET)).startswith(b"HTTP/1.1 200")
        (behind,) = {len(each.pipeline) for each in _connections(server)} - {0}
        assert behind < 10_000, "more than one reading brought"
        many.writer.transport.abort()


async def test_a_stopping_server_answers_who_waits() -> None:
    async with _full() as (server, wire, _):
        asked = asyncio.create_task(wire.ask(GET))
        await asyncio.sleep(A_STEP)
        for connection in _connections(server):
            connection.shutdown()
        assert (await asked).startswith(b"HTTP/1.1 503")
        assert await wire.reader.read() == b""


async def test_who_drips_in_nothing_is_closed_though_the_door_is_full() -> None:
    async with _full(SOON) as (server, _, _):
        answer, seconds = await say(server.port, *[b"\r\n"] * 400, pause=SOON / 20)
    assert answer == b""
    assert seconds < 8 * SOON


@pytest.mark.parametrize(
    "case",
    [
        test_who_is_turned_away_may_ask_again_on_the_same_connection,
        test_the_body_of_what_was_turned_away_is_not_awaited_for_long,
        test_of_a_crowd_that_comes_at_once_the_rest_is_refused_unread,
        test_who_sends_no_more_is_still_told,
        test_a_stopping_server_answers_who_waits,
    ],
)
def test_so_it_is_on_the_loop_that_the_server_has(case: Callable[[], Awaitable[None]]) -> None:
    """Its timers and transports are others than those of the loop of these tests."""
    uvloop.run(case())  # type: ignore[arg-type] # a coroutine
