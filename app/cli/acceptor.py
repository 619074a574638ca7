"""Several workers share the connections of one socket evenly: whoever has more lets the others come first."""

import asyncio
import errno
import time
from collections.abc import Callable
from mmap import mmap
from socket import socket

import structlog
import uvicorn
from typing_extensions import override

from app.logs import outline

NOBODY = 2**32 - 1
"""Stands at the place of no worker, or of one that accepts nothing now."""
YIELDS_SECONDS = 0.01
"""How long a worker that has more connections than another leaves the next one to it. A worker that is busy
with a list of scans looks at its socket every few milliseconds.
"""
LOOKS_SECONDS = 0.001
"""Between two looks at whether the other has taken it."""
SILENT_SECONDS = 0.5
"""A worker that has said nothing for so long hangs, and is left nothing. Each says ten times a second."""
AT_ONCE = 16
"""Connections taken in one step of the event loop."""
RETRY_SECONDS = 1.0
"""Until the next try where there is no memory, or no file, for one more."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Tally:
    """How many connections each worker has open, in memory that all forks of this process see."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._counts = memoryview(mmap(-1, 4 * places)).cast("I")
        self._said = memoryview(mmap(-1, 8 * places)).cast("d")
        for place in range(places):
            self.clear(place)

    def write(self, place: int, count: int) -> None:
        """Says how many the worker at `place` has, and that it lives."""
        self._counts[place] = count
        self._said[place] = time.monotonic()

    def clear(self, place: int) -> None:
        """There is no worker at `place`, or it accepts nothing."""
        self._counts[place] = NOBODY

    def is_ahead(self, place: int) -> bool:
        """Whether the worker at `place` has more than another one that lives."""
        mine, heard = self._counts[place], time.monotonic() - SILENT_SECONDS
        return any(
            count < mine and said > heard for count, said in zip(self._counts, self._said, strict=True)
        )


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
        self._accepts = False

    def start(self) -> None:
        """Begins to accept."""
        self._listener.setblocking(False)  # noqa: FBT003 # its only parameter
        self._listen()

    def count(self) -> None:
        """Tells the other workers how many connections this one has, unless it accepts none now."""
        if self._accepts:
            self._tally.write(self._place, self._opened() + len(self._making))

    async def close(self) -> None:
        """Accepts no more; waits until what was accepted is a connection."""
        self._rest()
        if self._pause is not None:
            self._pause.cancel()
        if self._making:
            await asyncio.wait(self._making)

    def _listen(self) -> None:
        self._accepts = True
        self._pause = None
        self.count()
        self._loop.add_reader(self._listener, self._accept)

    def _rest(self) -> None:
        self._accepts = False
        self._tally.clear(self._place)
        self._loop.remove_reader(self._listener)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            self.count()
            if self._tally.is_ahead(self._place):
                self._loop.remove_reader(self._listener)
                self._yield(self._loop.time() + self._yields)
                return
            if not self._take():
                return

    def _yield(self, until: float) -> None:
        """Leaves the next one to others while it has more than they, and takes it itself thereafter."""
        self.count()
        if self._tally.is_ahead(self._place) and self._loop.time() < until:
            self._pause = self._loop.call_later(LOOKS_SECONDS, self._yield, until)
        else:
            self._listen()
            self._take()

    def _take(self) -> bool:
        """Whether there was one to take."""
        try:
            taken, _ = self._listener.accept()
        except OSError as error:
            # Mostly another worker was quicker, or who wanted it has gone.
            if error.errno in EXHAUSTED:
                structlog.get_logger().error("connection not taken", fault=outline(error))
                self._rest()
                self._pause = self._loop.call_later(RETRY_SECONDS, self._listen)
            return False
        taken.setblocking(False)  # noqa: FBT003 # its only parameter
        making = self._loop.create_task(self._loop.connect_accepted_socket(self._create_protocol, taken))
        self._making.add(making)
        making.add_done_callback(self._made)
        return True

    def _made(self, making: asyncio.Task[object]) -> None:
        self._making.discard(making)
        self.count()
        if not making.cancelled() and (error := making.exception()):
            structlog.get_logger().error("connection not made", fault=outline(error))


class SharingServer(uvicorn.Server):
    """A server among several of one socket, which has neither TLS nor a backlog of its own."""

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

    @override
    async def on_tick(self, counter: int) -> bool:
        for acceptor in self._acceptors:
            acceptor.count()
        return await super().on_tick(counter)

    @override
    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        # Before uvicorn says it to the connections that there are.
        for acceptor in self._acceptors:
            await acceptor.close()
        await super().shutdown(sockets)

    def _create_protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def _opened(self) -> int:
        return len(self.server_state.connections)
