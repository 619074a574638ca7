"""A load generator in one process: prepared requests over kept connections, each answer timed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import uvloop
from typing_extensions import override

PATIENCE = 60
"""Seconds that a run may take beyond those that its rate asks for; one that takes longer has hung."""
LEAD = 0.2
"""Seconds from the first connection to the first request that is due: until all are connected."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run."""

    seconds: float
    latencies: Sequence[float]
    """Seconds, in the order in which answers came."""
    statuses: dict[int, int]
    """Answers by status."""

    def require(self, status: int = 200) -> Self:
        """The same load; raises RuntimeError unless every answer had `status`."""
        if set(self.statuses) != {status}:
            raise RuntimeError(f"not all were answered {status}: {self.statuses}")
        return self

    @property
    def per_second(self) -> float:
        """Answers with status 2xx per second."""
        return sum(count for status, count in self.statuses.items() if status < 300) / self.seconds  # noqa: PLR2004

    def quantile(self, share: float) -> float:
        """The latency in milliseconds that `share` of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Client(asyncio.Protocol):
    """One connection that sends its requests one after the other."""

    def __init__(
        self, requests: Sequence[bytes], done: asyncio.Future[None], starts: Sequence[float]
    ) -> None:
        self._requests = iter(requests)
        self._starts = iter(starts)
        self._done = done
        self._buffer = b""
        self._sent = 0.0
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._next()

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, body = self._buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        place = head.lower().index(b"content-length: ") + 16
        if len(body) < int(head[place:].split(b"\r\n", 1)[0]):
            return
        status = int(head[9:12])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(time.perf_counter() - self._sent)
        self._buffer = b""
        self._next()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        start = next(self._starts, None)
        if start is None:
            self._send(request, time.perf_counter())
        else:
            # Timed from when it was due, so that a slow answer cannot hide the wait of the next one.
            delay = max(0.0, start - time.perf_counter())
            asyncio.get_running_loop().call_later(delay, self._send, request, start)

    def _send(self, request: bytes, since: float) -> None:
        self._sent = since
        self._transport.write(request)


def run(port: int, requests: Sequence[Sequence[bytes]], *, rate: float | None = None) -> Load:
    """Sends `requests`, a list for each connection, as fast as they are answered or at `rate` a second."""
    return uvloop.run(_run(port, requests, rate))


async def _run(port: int, requests: Sequence[Sequence[bytes]], rate: float | None) -> Load:
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    begun = time.perf_counter()
    waiting = []
    for number, mine in enumerate(requests):
        done: asyncio.Future[None] = loop.create_future()
        starts = (
            [begun + LEAD + (number + turn * len(requests)) / rate for turn in range(len(mine))]
            if rate
            else []
        )
        client = _Client(mine, done, starts)
        clients.append(client)
        waiting.append(done)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
    due = sum(map(len, requests)) / rate if rate else 0
    async with asyncio.timeout(PATIENCE + due):
        await asyncio.gather(*waiting)
    seconds = time.perf_counter() - begun
    statuses: dict[int, int] = {}
    for client in clients:
        for status, count in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return Load(seconds, [latency for client in clients for latency in client.latencies], statuses)


def get(path: str, token: str) -> bytes:
    """A GET request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n".encode()


def post(path: str, body: bytes, token: str) -> bytes:
    """A POST request as it goes over the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
