"""More scans than a server can take: each is due at its moment, whatever became of those before it."""

import asyncio
import json
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop
from typing_extensions import override

from tests.faults.grounds import Ground

TICK = 0.005
"""Seconds between two looks at what is due."""
PARTING_SECONDS = 40
"""How long the last answers may take; one that takes longer hangs."""


@dataclass(slots=True)
class Flooded:
    """What came of a flood."""

    seconds: float = 0.0
    answers: Counter[int] = field(default_factory=Counter)
    """By status."""
    hasty: int = 0
    """Refusals that did not say when to come back."""
    broken: int = 0
    """Connections that ended while a request was under way."""
    late: Counter[int] = field(default_factory=Counter)
    """Answers by status that came when the time was over, so that no rate counts them."""

    @property
    def accepted_per_second(self) -> float:
        """Stored scans."""
        return self.answers[200] / self.seconds


class _Source:
    """Scans of one gate as they go over the wire; one that was refused is sent again before a new one."""

    def __init__(self, ground: Ground, gate: int) -> None:
        self._bodies = ground.scans(gate)
        self._token = ground.gates[gate].guard["Authorization"]
        self._refused: deque[bytes] = deque()

    def next(self) -> bytes:
        return self._refused.popleft() if self._refused else self._wired(next(self._bodies))

    def again(self, request: bytes) -> None:
        self._refused.append(request)

    def _wired(self, body: dict[str, Any]) -> bytes:
        sent = json.dumps(body).encode()
        return (
            f"POST /v1/scans HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {self._token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
        ).encode() + sent


class _Client(asyncio.Protocol):
    """One connection; at most one request is under way on it."""

    def __init__(self, source: _Source, flood: "_Flood") -> None:
        self._source = source
        self._flood = flood
        self._buffer = b""
        self._request: bytes | None = None
        self._transport: asyncio.Transport | None = None

    def send(self) -> None:
        """Sends the next scan, if the connection is still there."""
        if self._transport is None or self._transport.is_closing():
            return
        self._request = self._source.next()
        self._transport.write(self._request)

    @property
    def waiting(self) -> bool:
        return self._request is not None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = b""
        self._flood.free(self)

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, body = self._buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        lowered = head.lower()
        place = lowered.index(b"content-length: ") + 16
        if len(body) < int(lowered[place:].split(b"\r\n", 1)[0]):
            return
        status = int(head[9:12])
        result = self._flood.result
        result.answers[status] += 1
        if status in {429, 503} and b"\r\nretry-after: " not in lowered:
            result.hasty += 1
        if status != 200 and self._request is not None:
            self._source.again(self._request)
        self._request, self._buffer = None, b""
        self._flood.free(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._request is not None:
            self._flood.result.broken += 1
            self._source.again(self._request)
            self._request = None
        self._flood.lost.append(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Flood:
    """The connections of a flood, and which of them are free."""

    def __init__(self, port: int, ground: Ground, *, connections: int, paced: bool) -> None:
        self.result = Flooded()
        self.lost: deque[_Client] = deque()
        """Connections that the server closed, to be opened again."""
        self.ended = False
        self._port = port
        self._paced = paced
        self._free: deque[_Client] = deque()
        sources = [_Source(ground, gate) for gate in range(len(ground.gates))]
        self._clients = [_Client(sources[number % len(sources)], self) for number in range(connections)]
        self.lost.extend(self._clients)

    def free(self, client: _Client) -> None:
        """Sends at once where nothing sets the pace, and otherwise waits for what is due."""
        if self._paced:
            self._free.append(client)
        elif not self.ended:
            client.send()

    def send(self, due: float) -> float:
        """Sends what is due over free connections; what is left of `due`."""
        while due >= 1 and self._free:
            self._free.popleft().send()
            due -= 1
        return due

    async def connect(self) -> None:
        """Opens what is not open."""
        while self.lost:
            client = self.lost.popleft()
            # The server may be too busy to accept for longer than one wants to wait here.
            with suppress(OSError):
                await asyncio.get_running_loop().create_connection(
                    lambda client=client: client,  # type: ignore[misc]
                    "127.0.0.1",
                    self._port,
                )

    async def end(self) -> None:
        """Waits for the last answers, which do not count any more, and closes."""
        self.ended = True
        counted = self.result.answers.copy()
        async with asyncio.timeout(PARTING_SECONDS):
            while any(client.waiting for client in self._clients):  # noqa: ASYNC110 # many, and no hurry
                await asyncio.sleep(0.05)
        self.result.late = self.result.answers - counted
        self.result.answers = counted
        for client in self._clients:
            client.close()


async def flood(
    port: int, ground: Ground, *, connections: int, seconds: float, rate: float | None = None
) -> Flooded:
    """Sends scans for so many seconds: at `rate` a second, or without it as fast as they are answered.

    What is due while every connection waits for an answer is not sent later: there are as many waiting
    as there are connections, which must be more than the server takes at a time. Raises TimeoutError
    where a request is not answered at all.
    """
    # On a loop of its own that is twice as fast: whatever the crowd takes of the cores the server lacks.
    running = _flood(port, ground, connections=connections, seconds=seconds, rate=rate)
    return await asyncio.to_thread(uvloop.run, running)


async def _flood(
    port: int, ground: Ground, *, connections: int, seconds: float, rate: float | None
) -> Flooded:
    flood = _Flood(port, ground, connections=connections, paced=rate is not None)
    await flood.connect()
    begun = last = time.monotonic()
    due = 0.0
    while (now := time.monotonic()) - begun < seconds:
        if rate is not None:
            due = min(flood.send(due + rate * (now - last)), 1.0)
        last = now
        await flood.connect()
        await asyncio.sleep(TICK)
    flood.result.seconds = time.monotonic() - begun
    await flood.end()
    return flood.result
