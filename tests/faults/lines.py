"""A kept HTTP connection that says when it broke, unlike a client that tries again by itself."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

REPLY_SECONDS = 40
"""Longer than the server lets any statement take; a request without a reply by then hangs."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One connection to a port of this machine; opened at the first request and after it broke."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def exchange(self, method: str, path: str, body: Any = None, token: str = "") -> Reply:
        """One request and its reply. Raises OSError or EOFError where the connection broke before it."""
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await self.send(method, path, body, token)
                return await self._hear()
        except BaseException:
            await self.close()
            raise

    async def send(self, method: str, path: str, body: Any = None, token: str = "") -> None:
        """Sends a request and does not wait for its reply. Raises OSError."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        sent = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
        if token:
            lines.append(f"authorization: {token}")
        if sent:
            lines += ["content-type: application/json", f"content-length: {len(sent)}"]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + sent)
        await self._writer.drain()

    async def _hear(self) -> Reply:
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.partition(": ") for line in head[1:] if line)
        headers = {name.lower(): value for name, _, value in fields}
        reply = Reply(
            int(head[0].split(" ")[1]),
            headers,
            await self._reader.readexactly(int(headers.get("content-length", "0"))),
        )
        if headers.get("connection") == "close":
            await self.close()
        return reply

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
