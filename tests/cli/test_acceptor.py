"""A worker among several takes its share of what comes to their socket, and leaves nobody waiting."""

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typing_extensions import override

from app.cli.acceptor import NOBODY, RETRY_SECONDS, Acceptor, Tally

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
        self.tally = Tally()
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
    worker.acceptor.close()
    await worker.acceptor.wait_closed()
    worker.listener.close()


async def test_who_has_no_more_than_others_takes_at_once(worker: Worker) -> None:
    assert await worker.waited() < YIELDS
    worker.tally.write(OTHER, 1)
    assert await worker.waited() < YIELDS


async def test_who_has_more_takes_what_others_leave(worker: Worker) -> None:
    worker.tally.write(OTHER, 0)
    await worker.waited()
    assert await worker.waited() >= NEARLY * YIELDS
    worker.tally.clear(OTHER)
    assert await worker.waited() < YIELDS


async def test_what_could_not_be_taken_is_taken_later(worker: Worker) -> None:
    worker.listener.failures = 1
    assert await worker.waited() >= NEARLY * RETRY_SECONDS
    assert await worker.waited() < RETRY_SECONDS


async def test_who_accepts_no_more_has_no_place(worker: Worker) -> None:
    worker.acceptor.close()
    worker.tally.write(OTHER, NOBODY - 1)
    assert not worker.tally.is_ahead(OTHER)
