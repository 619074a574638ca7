"""Several workers share the connections of one socket evenly: whoever has more lets the others come first."""

import asyncio
from collections.abc import Callable
from mmap import mmap
from socket import socket
from typing import cast

import structlog
import uvicorn
from typing_extensions import override

from app.logs import outline
from app.protocol import Connection

PLACES = 64
"""As many workers as there may be."""
NOBODY = 2**32 - 1
"""Stands at the place of no worker, or of one that does not accept yet."""
YIELDS_SECONDS = 0.01
"""How long a worker that has more connections than another leaves the next one to it. A worker that is busy
with a list of scans looks at its socket every few milliseconds.
"""
AT_ONCE = 16
"""Connections taken in one step of the event loop."""
RETRY_SECONDS = 1.0
"""Until the next try where a connection could not be taken, as for want of open files."""


class Tally:
    """How many connections each worker has open, in memory that all forks of this process see."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap(-1, 4 * PLACES)).cast("I")
        for place in range(PLACES):
            self.clear(place)

    def write(self, place: int, count: int) -> None:
        """Says how many the worker at `place` has."""
        self._counts[place] = count

    def clear(self, place: int) -> None:
        """There is no worker at `place`."""
        self._counts[place] = NOBODY

    def is_ahead(self, place: int) -> bool:
        """Whether the worker at `place` has more than another one."""
        return self._counts[place] > min(self._counts)


class Acceptor:
    """Takes connections off a socket that several processes listen on.

    In uvicorn's own way whoever looks first takes all that wait, and so mostly has more than its share for as
    long as they stay open (ADR 0017).
    """

    def __init__(
        self,
        listener: socket,
        create_protocol: Callable[[], asyncio.Protocol],
        opened: Callable[[], int],
        tally: Tally,
        place: int,
        *,
        yields: float = YIELDS_SECONDS,
    ) -> None:
        self._yields = yields
        self._listener = listener
        self._create_protocol = create_protocol
        self._opened = opened
        self._tally = tally
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._making: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to accept."""
        self._listener.setblocking(False)  # noqa: FBT003 # its only parameter
        self.count()
        self._listen()

    def count(self) -> None:
        """Tells the other workers how many connections this one has."""
        self._tally.write(self._place, self._opened() + len(self._making))

    def close(self) -> None:
        """Accepts no more."""
        self._tally.clear(self._place)
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """Waits until what was accepted is a connection."""
        if self._making:
            await asyncio.wait(self._making)

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            self.count()
            if self._tally.is_ahead(self._place):
                self._leave(self._yields, self._accept_late)
                return
            if not self._take():
                return

    def _accept_late(self) -> None:
        self._listen()
        self._take()

    def _take(self) -> bool:
        """Whether there was one to take."""
        try:
            taken, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another worker was quicker, or who wanted it has gone
        except OSError as error:
            structlog.get_logger().error("connection not taken", fault=outline(error))
            self._leave(RETRY_SECONDS, self._listen)
            return False
        taken.setblocking(False)  # noqa: FBT003 # its only parameter
        making = self._loop.create_task(self._loop.connect_accepted_socket(self._create_protocol, taken))
        self._making.add(making)
        making.add_done_callback(self._made)
        return True

    def _made(self, making: asyncio.Task[object]) -> None:
        self._making.discard(making)
        if not making.cancelled() and (error := making.exception()):
            structlog.get_logger().error("connection not made", fault=outline(error))

    def _leave(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, then)


class SharingServer(uvicorn.Server):
    """A server among several of one socket."""

    def __init__(self, config: uvicorn.Config, tally: Tally, place: int) -> None:
        super().__init__(config)
        self._tally = tally
        self._place = place
        self._acceptors: list[Acceptor] = []

    @override
    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup([])
        self._acceptors = [
            Acceptor(each, self._create_protocol, self._opened, self._tally, self._place)
            for each in sockets or ()
        ]
        for acceptor in self._acceptors:
            acceptor.start()
        # Of these uvicorn asks no more than to close them, and to wait for it.
        self.servers = cast("list[asyncio.Server]", self._acceptors)

    @override
    async def on_tick(self, counter: int) -> bool:
        for acceptor in self._acceptors:
            acceptor.count()
        return await super().on_tick(counter)

    def _create_protocol(self) -> asyncio.Protocol:
        return Connection(self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _opened(self) -> int:
        return len(self.server_state.connections)
