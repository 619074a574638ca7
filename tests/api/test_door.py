"""Requests that find the server full, against the real server on loopback: refused at next to no cost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from app.api.walls import LOOKS_EVERY
from app.protocol import LINGER_SECONDS
from tests.small_server import GET, HELD, POST, ROOM, SOON, Line, SmallServer, lines, say, small_server

BODY = b'{"weight": 7}'
WHOLE = POST + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(autouse=True)
def loopback_only(socket_enabled: None) -> None:
    """Real sockets, to this machine."""


@asynccontextmanager
async def _full(seconds: float = SOON) -> AsyncIterator[tuple[SmallServer, Line, Sequence[Line]]]:
    """A server that has no room until it is released, a connection to it, and those that it is busy with."""
    async with small_server(seconds) as server, lines(server.port, 1 + ROOM) as (line, *busy):
        for each in busy:
            each.writer.write(HELD)
        await asyncio.sleep(2 * LOOKS_EVERY)
        yield server, line, busy


async def test_who_is_turned_away_may_ask_again_on_the_same_connection() -> None:
    """Also where the body of what was refused comes after the refusal."""
    async with _full() as (server, line, busy):
        for pieces in ((GET,), (WHOLE,), (WHOLE[: -len(BODY)], BODY)):
            for piece in pieces:
                line.writer.write(piece)
                await asyncio.sleep(2 * LOOKS_EVERY)
            refused = await line.read_until(b"}")
            assert refused.startswith(b"HTTP/1.1 503"), refused
            assert b"retry-after: 1" in refused
            assert refused.count(b"HTTP/1.1") == 1
        server.release.set()
        assert [(await each.read_until(b'"held"'))[9:12] for each in busy] == [b"200"] * ROOM
        assert (await line.ask(WHOLE)).startswith(b"HTTP/1.1 200")


async def test_the_body_of_what_was_turned_away_is_not_awaited_for_long() -> None:
    async with _full() as (server, _, _):
        answer, seconds = await say(server.port, WHOLE[: -len(BODY)])
    assert answer.startswith(b"HTTP/1.1 503")
    assert answer.count(b"HTTP/1.1") == 1
    assert LINGER_SECONDS <= seconds < LINGER_SECONDS + 8 * SOON


async def test_of_a_crowd_that_comes_at_once_the_rest_is_refused_unread() -> None:
    """The short answer has no id of its request: nothing but its headers was looked at."""
    async with small_server() as server, lines(server.port, 5 * ROOM) as crowd:
        for each in crowd:
            each.writer.write(HELD)
        await asyncio.sleep(2 * LOOKS_EVERY)
        server.release.set()
        answers = [await each.ask(b"") for each in crowd]
    assert sorted(answer[9:12] for answer in answers) == [b"200"] * ROOM + [b"503"] * 4 * ROOM
    assert {b"x-request-id" in answer for answer in answers if answer[9:12] == b"503"} == {False}


async def test_half_a_body_takes_no_room() -> None:
    async with small_server(10) as server, lines(server.port, 1 + 2 * ROOM) as (line, *slow):
        for each in slow:
            each.writer.write(WHOLE[:-1])
        assert (await line.ask(GET)).startswith(b"HTTP/1.1 200")
        assert [(await each.ask(WHOLE[-1:]))[9:12] for each in slow[:ROOM]] == [b"200"] * ROOM


async def test_who_finds_room_within_the_moment_of_waiting_is_let_in() -> None:
    async with _full() as (server, line, _):
        asked = asyncio.create_task(line.ask(GET))
        await asyncio.sleep(LOOKS_EVERY / 10)
        server.release.set()
        assert (await asked).endswith(b'"quick"')


async def test_a_request_that_waits_may_come_in_pieces_and_with_another_behind_it() -> None:
    async with _full() as (server, line, _):
        line.writer.write(WHOLE[:30])
        await asyncio.sleep(LOOKS_EVERY / 10)
        line.writer.write(WHOLE[30:] + GET)
        await asyncio.sleep(2 * LOOKS_EVERY)
        assert (await line.reader.read(65536)).count(b"HTTP/1.1 503") == 2
        server.release.set()
        await asyncio.sleep(LOOKS_EVERY)
        assert (await line.ask(GET)).startswith(b"HTTP/1.1 200")


async def test_who_watches_the_load_gets_through() -> None:
    async with _full() as (_, line, _):
        assert (await line.ask(GET.replace(b"/quick", b"/health/live"))).endswith(b'"live"')


async def test_a_stopping_server_answers_who_waits() -> None:
    async with _full() as (server, line, _):
        asked = asyncio.create_task(line.ask(GET))
        await asyncio.sleep(LOOKS_EVERY / 10)
        for connection in list(server.uvicorn.server_state.connections):
            connection.shutdown()
        assert (await asked).startswith(b"HTTP/1.1 503")
        assert await line.reader.read() == b""
        server.release.set()


async def test_who_drips_in_nothing_is_closed_though_the_door_is_full() -> None:
    async with _full() as (server, _, _):
        answer, seconds = await say(server.port, *[b"\r\n"] * 80, pause=SOON / 20)
    assert answer == b""
    assert seconds < 8 * SOON
