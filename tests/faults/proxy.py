"""A way to the database that can be made slow, silent, or broken."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url

from tests.faults.servers import free_port

Ends = tuple[asyncio.StreamWriter, asyncio.StreamWriter]
"""Of one connection: towards the client, towards the database."""


class Proxy:
    """Passes TCP connections on to a PostgreSQL server, as long as it is let."""

    def __init__(self, server: str) -> None:
        """`server` is the URL of what stands behind it."""
        self._behind = make_url(server)
        self.latency = 0.0
        """Seconds by which whatever goes either way is late."""
        self._port = free_port()
        self._open: set[Ends] = set()
        self._silent: set[Ends] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, database: str) -> str:
        """The URL of one database through this proxy."""
        behind = self._behind.set(host="127.0.0.1", port=self._port, query={}, database=database)
        return behind.render_as_string(hide_password=False)

    def swallow(self) -> None:
        """From now on nothing comes through, and nobody is told."""
        self._flowing.clear()

    def release(self) -> None:
        """Lets through what was held back, and whatever comes."""
        self._refusing = False
        self._flowing.set()

    def silence(self) -> None:
        """Forgets the present connections: the database's side is told, the client's is not."""
        self._silent |= self._open
        for _, back in self._open:
            _reset(back)

    def refuse(self) -> None:
        """Resets every connection, and each new one."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Resets every connection."""
        for ends in list(self._open):
            for end in ends:
                _reset(end)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Takes connections within the block."""
        listener = await asyncio.start_server(self._take, "127.0.0.1", self._port)
        try:
            yield
        finally:
            listener.close()
            self.release()
            self.reset()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._refusing:
            _reset(writer)
            return
        try:
            back_reader, back_writer = await self._reach()
        except OSError:
            _reset(writer)
            return
        ends = (writer, back_writer)
        self._open.add(ends)
        try:
            await asyncio.gather(
                self._pass_on(ends, reader, back_writer), self._pass_on(ends, back_reader, writer)
            )
        finally:
            self._open.discard(ends)
            self._silent.discard(ends)
            for end in ends:
                end.close()  # also what was silent: its client has left by now
                with suppress(OSError):
                    await end.wait_closed()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = self._behind.query.get("host")
        if folder is None:
            return await asyncio.open_connection(self._behind.host, self._behind.port or 5432)
        return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{self._behind.port or 5432}")

    async def _pass_on(self, ends: Ends, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if self.latency:
                    await asyncio.sleep(self.latency)
                await self._flowing.wait()
                if ends not in self._silent:
                    writer.write(data)
                    await writer.drain()
        if ends not in self._silent or writer is ends[1]:
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes at once, so that the other side is told that the connection broke."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()
