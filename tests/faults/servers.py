"""`huixin serve` as a process of its own, to be killed and started again."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.faults.lines import Line

COMMAND = (sys.executable, "-c", "from app.cli import main; main()", "--lang", "en")
"""`huixin`, wherever it is installed."""
PATIENCE = 60
"""Seconds within which a server answers, also on a machine that is busy with other tests."""


class Server:
    """A server on one port for good, with so many workers; `start` it as often as it was killed."""

    def __init__(self, environment: dict[str, str], folder: Path, *, workers: int) -> None:
        self.log = folder / "server.log"
        """What all its lives wrote."""
        self.port = free_port()
        self._environment = environment
        self._folder = folder
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, in a process group of its own."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 # our own command
                [*COMMAND, "serve", "--port", str(self.port), "--workers", str(self._workers)],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to every process of it at once."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def workers(self) -> list[psutil.Process]:
        """Its worker processes that live, where it has several."""
        assert self._process is not None
        return [each for each in psutil.Process(self._process.pid).children() if lives(each)]

    def kill_worker(self, chance: random.Random) -> None:
        """SIGKILL to one of its workers, which the supervisor replaces."""
        if workers := self.workers():
            chance.choice(workers).kill()

    def signal(self, number: int) -> None:
        """Sends a signal to it, and not to its workers."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ready(self) -> float:
        """Waits until it can answer; after how many seconds."""
        return await self.says(200)

    async def says(self, status: int) -> float:
        """Waits until that is what it says of its health; after how many seconds."""
        begun = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            while await self.health() != status:  # noqa: ASYNC110 # another process has no event
                await asyncio.sleep(0.02)
        return time.monotonic() - begun

    async def health(self) -> int:
        """The status by which it says whether it can answer; 0 where it says nothing."""
        try:
            async with Line(self.port) as line:
                return (await line.exchange("GET", "/health/ready")).status
        except (OSError, EOFError):
            return 0

    def stop(self) -> int:
        """Ends it as an operator would, and with force where that fails; its exit code."""
        assert self._process is not None
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self.kill()
        return self._process.wait()


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended, waited for or not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds of other processes, which have no event; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(environment: dict[str, str], folder: Path, *, workers: int) -> Iterator[Server]:
    """A started server, stopped at the end; `await server.ready()` before it is asked anything."""
    server = Server(environment, folder, workers=workers)
    server.start()
    try:
        yield server
    finally:
        server.stop()
