"""Servers within the test's own process, over real sockets, so that their connections can be counted."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import uvicorn
from sqlalchemy.pool import QueuePool
from typing_extensions import override

from app.database import REQUEST_STATEMENT_SECONDS, Database
from app.main import create_app
from app.protocol import server_config
from app.runtime import Runtime
from app.settings import Secrets
from tests.faults.grounds import Ground


class _Server(uvicorn.Server):
    """A server that leaves the signals to the test."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Inside:
    """One application that serves on a port of its own."""

    def __init__(self, runtime: Runtime, port: int) -> None:
        self.runtime = runtime
        self.port = port

    def checked_out(self) -> int:
        """Database connections that somebody holds."""
        pool = self.runtime.database.engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedout()


@asynccontextmanager
async def served_inside(
    ground: Ground, database_url: str, *, count: int = 2, secrets: Sequence[Secrets] = ()
) -> AsyncIterator[list[Inside]]:
    """`count` applications on one database, or one for each of `secrets`; each has its own connections."""
    each = secrets or [ground.deployment.secrets] * count
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(_served(ground, database_url, its)) for its in each]


@asynccontextmanager
async def _served(ground: Ground, database_url: str, secrets: Secrets) -> AsyncIterator[Inside]:
    settings = ground.deployment.settings
    database = Database(
        database_url, pool_size=settings.database_pool, statement_seconds=REQUEST_STATEMENT_SECONDS
    )
    runtime = Runtime.of(settings, secrets, database=database)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = _Server(server_config(create_app(runtime), parting_seconds=5))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # uvicorn has no event for it
            assert not running.done()
            await asyncio.sleep(0.01)
        try:
            yield Inside(runtime, listening.getsockname()[1])
        finally:
            server.should_exit = True
            await running
