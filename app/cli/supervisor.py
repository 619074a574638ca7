"""Several server processes behind one socket, forked off one that has built the application."""

import multiprocessing
import os
import signal
import threading
import time
from socket import socket
from typing import cast

import structlog
from typing_extensions import override
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import SIGNALS, Process

from app.cli.acceptor import SharingServer, Tally
from app.logs import outline
from app.metrics import forget_process

PARENT_SECONDS = 1.0
"""Between two looks of a worker at whether its supervisor still lives; somebody has yet to start the next."""


class Worker(Process):
    """A worker process that begins as a copy of this one, and so with the application at hand."""

    def __init__(self, config: Config, sockets: list[socket], tally: Tally, place: int) -> None:
        super().__init__(config, sockets)
        self.place = place
        """Where its connections are counted."""
        self._tally = tally
        # uvicorn would start Python anew, which imports and builds for seconds what is here already.
        self.process = multiprocessing.get_context("fork").Process(  # type: ignore[assignment]
            target=self.target, args=(sockets,)
        )
        self._supervisor = os.getpid()

    @override
    def start(self) -> None:
        """Raises RuntimeError where a thread runs beside this one: it would be missing in the copy."""
        if threading.active_count() > 1:
            raise RuntimeError(f"cannot fork beside {threading.enumerate()}")
        # A signal that came before the copy has let go of our handlers would be lost in it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    @override
    def target(self, sockets: list[socket] | None = None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        threading.Thread(target=self._follow, daemon=True).start()
        self._server = SharingServer(self.config, self._tally, self.place)
        super().target(sockets)

    def _follow(self) -> None:
        """Ends with a supervisor that was killed: whoever is left would hold the port against the next."""
        while os.getppid() == self._supervisor:
            time.sleep(PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)


class Supervisor(Multiprocess):
    """uvicorn's supervisor with workers of ours, which also drops the gauges of a worker that died.

    What the workers serve was built before it runs, so none is started anew for another release or other
    settings: for that the whole server is.
    """

    def __init__(self, config: Config, sockets: list[socket], *, most: int) -> None:
        """`most` are the workers that there may be, also after SIGTTIN."""
        super().__init__(config, sockets)
        self._tally = Tally(most)

    @override
    def init_processes(self) -> None:
        self._fill_up()

    @override
    def keep_subprocess_alive(self) -> None:
        for worker in cast("list[Worker]", list(self.processes)):
            if self.should_exit.is_set():
                return
            if worker.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            worker.kill()
            worker.join()
            self._forget(worker)
            if worker.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            structlog.get_logger().warning("worker died", process=worker.pid, code=worker.exitcode)
            self.processes.remove(worker)
        try:
            self._fill_up()
        except OSError as error:
            # No memory for one more: the others go on, and the next round tries again.
            structlog.get_logger().error("no worker started", fault=outline(error))

    @override
    def handle_hup(self) -> None:
        structlog.get_logger().warning("restart the whole server for other settings")

    @override
    def handle_ttin(self) -> None:
        self.processes_num = min(self.processes_num + 1, self._tally.places)  # the next round starts it

    @override
    def handle_ttou(self) -> None:
        last = self.processes[-1]
        super().handle_ttou()
        if last not in self.processes:
            self._forget(cast("Worker", last))

    @property
    def failed(self) -> bool:
        """Whether it stopped because a worker could not start."""
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)

    def _fill_up(self) -> None:
        while len(self.processes) < self.processes_num:
            taken = {cast("Worker", each).place for each in self.processes}
            place = next(each for each in range(self._tally.places) if each not in taken)
            worker = Worker(self.config, self.sockets, self._tally, place)
            worker.start()
            self.processes.append(worker)

    def _forget(self, worker: Worker) -> None:
        self._tally.clear(worker.place)
        forget_process(cast("int", worker.pid))
