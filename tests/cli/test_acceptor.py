"""A worker among several takes its share of what comes to their socket, and leaves nobody waiting."""

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typing_extensions import override

from app.cli.acceptor import NOBODY, RETRY_SECONDS, SILENT_SECONDS, Acceptor, Tally

MINE = 3
OTHER = 5
YIELDS = 0.4
"""Seconds, far more than a step of a busy test takes."""
NEARLY = 0.9
"""Timers count in milliseconds."""


class Listener(socket.socket):
    """Fails as often as it is told to."""

    failures = 0

    @override
    def accept(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


class Worker:
    """What accepts, and how many connections it has."""

    def __init__(self) -> None:
        self.tally = Tally(2 * OTHER)
        self.opened = 0
        self.listener = Listener()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.acceptor = Acceptor(
            self.listener, self.create, lambda: self.opened, self.tally, MINE, yields=YIELDS
        )

    def create(self) -> asyncio.Protocol:
        self.opened += 1
        return asyncio.Protocol()

    async def waited(self) -> float:
        """Seconds until a connection that comes now is taken."""
        begun, before = time.monotonic(), self.opened
        _, writer = await asyncio.open_connection(*self.listener.getsockname())
        async with asyncio.timeout(10):
            while self.opened == before:  # noqa: ASYNC110 # nothing tells
                await asyncio.sleep(0)
        waited = time.monotonic() - begun
        writer.close()
        await writer.wait_closed()
        return waited


@pytest.fixture(autouse=True)
def loopback_only(socket_enabled: None) -> None:
    """Real sockets, to this machine."""


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    worker.acceptor.start()
    yield worker
    await worker.acceptor.close()
    worker.listener.close()


async def test_who_has_no_more_than_others_takes_at_once(worker: Worker) -> None:
    assert await worker.waited() < YIELDS
    worker.tally.write(OTHER, 1)
    assert await worker.waited() < YIELDS


async def test_who_has_more_takes_what_others_leave(worker: Worker) -> None:
    worker.tally.write(OTHER, 0)
    await worker.waited()
    await asyncio.sleep(2 * YIELDS)  # it looks at once whether there is another, and finds that it has more
    worker.tally.write(OTHER, 0)
    assert await worker.waited() >= NEARLY * YIELDS
    worker.tally.clear(OTHER)
    assert await worker.waited() < YIELDS


async def test_what_could_not_be_taken_is_taken_later(worker: Worker) -> None:
    worker.listener.failures = 1
    assert await worker.waited() >= NEARLY * RETRY_SECONDS
    assert await worker.waited() < RETRY_SECONDS


async def test_nothing_is_left_to_who_hangs(worker: Worker) -> None:
    worker.tally.write(OTHER, 0)
    await worker.waited()
    await asyncio.sleep(SILENT_SECONDS + YIELDS)
    assert await worker.waited() < YIELDS


async def test_nothing_is_left_to_who_cannot_take_it(worker: Worker) -> None:
    worker.listener.failures = 1
    taken = asyncio.create_task(worker.waited())
    await asyncio.sleep(RETRY_SECONDS / 2)
    worker.tally.write(OTHER, 1)
    worker.acceptor.count()
    assert not worker.tally.is_ahead(OTHER)
    await taken


async def test_what_was_taken_is_a_connection_before_the_server_stops(worker: Worker) -> None:
    _, writer = await asyncio.open_connection(*worker.listener.getsockname())
    while not worker.acceptor._making:  # noqa: ASYNC110 # nothing tells
        await asyncio.sleep(0)
    await worker.acceptor.close()
    assert worker.opened == 1
    writer.close()


async def test_who_accepts_no_more_has_no_place(worker: Worker) -> None:
    await worker.acceptor.close()
    worker.acceptor.count()
    worker.tally.write(OTHER, NOBODY - 1)
    assert not worker.tally.is_ahead(OTHER)
