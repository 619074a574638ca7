"""Guards who scan without pause, and send again under the same id whatever was not answered.

Couriers who read their entries and fetch codes may be among them.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from tests.factories.scans import WorkingCourier
from tests.faults.grounds import Ground, stored_scans
from tests.faults.lines import Line, Reply

PAUSE = 0.1
"""Seconds before a scan is sent again."""


class Crowd:
    """Writers at every gate of a ground. Leaving the block lets each finish the scan that it has begun."""

    def __init__(self, ports: Sequence[int], ground: Ground, *, writers: int, readers: int = 0) -> None:
        self.acknowledged: dict[str, dict[str, Any]] = {}
        """The last answer to each scan, by the device's id."""
        self.answers: Counter[int] = Counter()
        """Replies by status, those to a scan sent again included."""
        self.broken = 0
        """Connections that ended before the reply came."""
        self.hasty: list[Reply] = []
        """Replies of 429 or 503 that do not say when to come back."""
        self.unforeseen: list[Reply] = []
        """Replies that are neither 2xx nor 429 nor 503."""
        self._ports = ports
        self._ground = ground
        self._bodies = [ground.scans(gate) for gate in range(len(ground.gates))]
        self._leaving = asyncio.Event()
        self._news = asyncio.Event()
        self._writers = writers
        self._readers = readers
        self._tasks = AsyncExitStack()

    async def __aenter__(self) -> Self:
        group = await self._tasks.enter_async_context(asyncio.TaskGroup())
        for number in range(self._writers):
            gate = number % len(self._bodies)
            group.create_task(self._write(self._ports[number // len(self._bodies) % len(self._ports)], gate))
        for number in range(self._readers):
            courier = self._ground.couriers[number % len(self._ground.couriers)]
            group.create_task(self._read(self._ports[number % len(self._ports)], courier))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        await self._tasks.__aexit__(kind, error, trace)

    async def reach(self, count: int) -> None:
        """Waits until so many scans have been acknowledged."""
        while len(self.acknowledged) < count:
            self._news.clear()
            await self._news.wait()

    async def _read(self, port: int, courier: WorkingCourier) -> None:
        token = courier.headers["Authorization"]
        async with Line(port) as line:
            while not self._leaving.is_set():
                for method, path, body in (
                    ("GET", "/v1/couriers/me/entries", None),
                    ("POST", "/v1/codes", {"count": 2}),
                ):
                    try:
                        self._note(await line.exchange(method, path, body, token))
                    except (OSError, EOFError):
                        self.broken += 1
                    await asyncio.sleep(PAUSE)

    async def _write(self, port: int, gate: int) -> None:
        async with Line(port) as line:
            while not self._leaving.is_set():
                await self._send(line, gate, next(self._bodies[gate]))

    async def _send(self, line: Line, gate: int, body: dict[str, Any]) -> None:
        token = self._ground.gates[gate].guard["Authorization"]
        while True:
            try:
                reply = await line.exchange("POST", "/v1/scans", body, token)
            except (OSError, EOFError):
                self.broken += 1
            else:
                self._note(reply)
                if reply.status == 200:
                    self.acknowledged[body["scan_id"]] = reply.json()
                    self._news.set()
                    return
                if reply in self.unforeseen:
                    return
            await asyncio.sleep(PAUSE)

    def _note(self, reply: Reply) -> None:
        self.answers[reply.status] += 1
        if reply.status in {429, 503}:
            if not reply.headers.get("retry-after", "").isdigit():
                self.hasty.append(reply)
        elif reply.status not in {200, 201}:
            self.unforeseen.append(reply)


async def assert_kept(crowd: Crowd, database_url: str) -> None:
    """Every acknowledged scan is stored once, as it was answered, and nothing else is stored.

    Call it when the crowd has left: each of its scans has been answered then.
    """
    rows, uses = await stored_scans(database_url)
    stored = {scan_id: (ours, verdict) for scan_id, ours, verdict in rows}
    told = {scan_id: (answer["id"], answer["verdict"]) for scan_id, answer in crowd.acknowledged.items()}
    lost = told.keys() - stored.keys()
    assert not lost, f"{len(lost)} of {len(told)} acknowledged scans are lost"
    assert len(rows) == len(stored), f"{len(rows) - len(stored)} scans are stored twice"
    assert stored == told
    assert uses == len(told), "each scan showed a code of its own"
    assert {answer["verdict"] for answer in crowd.acknowledged.values()} <= {"admit", "check"}
    assert "code_used" not in {answer["reason"] for answer in crowd.acknowledged.values()}
