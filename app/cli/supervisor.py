"""Several server processes behind one socket, and the metrics of those that ended."""

from typing import cast

from typing_extensions import override
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.metrics import forget_process


class Supervisor(Multiprocess):
    """uvicorn's supervisor of worker processes, which also drops the gauges of a worker that died."""

    @override
    def keep_subprocess_alive(self) -> None:
        before = self._pids()
        super().keep_subprocess_alive()
        for pid in before - self._pids():
            forget_process(pid)

    @property
    def failed(self) -> bool:
        """Whether it stopped because a worker could not start."""
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)

    def _pids(self) -> set[int]:
        return {cast("int", process.pid) for process in self.processes}
