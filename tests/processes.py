"""Application processes that share a database and nothing else, for what one process cannot show."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from app.database import Database
from app.main import create_app
from app.runtime import Runtime
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.conftest import NOON


@dataclass(frozen=True, slots=True)
class Process:
    """One application process, with a clock of its own that stands at noon."""

    runtime: Runtime
    client: httpx.AsyncClient
    clock: SettableClock


@asynccontextmanager
async def start_processes(
    database: Database, settings: Settings, secrets: Secrets, *, count: int
) -> AsyncIterator[list[Process]]:
    """`count` processes on `database`, each with connections of its own."""
    url = database.engine.url.render_as_string(hide_password=False)
    async with AsyncExitStack() as stack:
        started = []
        for _ in range(count):
            clock = SettableClock(NOON)
            runtime = Runtime.of(settings, secrets, database=Database(url), clock=clock)
            stack.push_async_callback(runtime.close)
            transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://huixin.test", timeout=60)
            started.append(Process(runtime, await stack.enter_async_context(client), clock))
        yield started
