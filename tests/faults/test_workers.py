"""Several workers are one server: each is replaced, counts with the others, and ends with them."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.cli.acceptor import SILENT_SECONDS
from tests.faults.grounds import Ground
from tests.faults.lines import Line
from tests.faults.proxy import Proxy
from tests.faults.servers import PATIENCE, Server, lives, serving, until

SEVERAL = 2

Step = Callable[[], object]


async def test_a_worker_that_died_is_replaced(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        died, stayed = server.workers()
        died.kill()
        await until(lambda: not lives(died) and len(server.workers()) == SEVERAL)
        assert stayed in server.workers()
        stayed.suspend()
        try:
            await server.ready()  # by the fresh one alone
        finally:
            stayed.resume()


async def test_workers_share_the_connections_evenly(ground: Ground, tmp_path: Path) -> None:
    """Who has fewer gets what comes, whoever looks first."""
    async with AsyncExitStack() as opened:
        server = opened.enter_context(serving(ground.environment, tmp_path, workers=SEVERAL))
        await server.ready()
        server.workers()[0].suspend()
        for _ in range(40):
            await opened.enter_async_context(_line(server))
        assert _connections(server) == [0, 40]
        server.workers()[0].resume()
        await asyncio.sleep(SILENT_SECONDS)
        for _ in range(40):
            await opened.enter_async_context(_line(server))
        few, many = sorted(_connections(server))
        assert few > 30, "half of them would be twenty"
        assert few + many == 80


@asynccontextmanager
async def _line(server: Server) -> AsyncIterator[Line]:
    """A connection that has had an answer."""
    async with Line(server.port) as line:
        assert (await line.exchange("GET", "/health/live")).status == 200
        yield line


def _connections(server: Server) -> list[int]:
    """Those of each worker to the server's port."""
    return [
        sum(
            each.status == "ESTABLISHED" and each.laddr.port == server.port
            for each in worker.net_connections("tcp")
        )
        for worker in server.workers()
    ]


async def test_workers_count_into_the_same_measures(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        for worker in server.workers():
            worker.suspend()
            for _ in range(5):
                assert await server.health() == 200
            worker.resume()
        async with asyncio.timeout(PATIENCE):
            while await asked_for_health(server) < 10:  # noqa: ASYNC110 # counted after its answer
                await asyncio.sleep(0.02)


async def asked_for_health(server: Server) -> int:
    """How often, by the measures."""
    async with Line(server.port) as line:
        reply = await line.exchange("GET", "/metrics")
    counts = re.findall(rb'huixin_http_requests_total{[^}]*route="/health/ready"[^}]*} ([0-9.]+)', reply.body)
    return sum(int(float(count)) for count in counts)


@asynccontextmanager
async def removable(ground: Ground, kind: str) -> AsyncIterator[tuple[dict[str, str], Step, Step]]:
    """The environment of a database that can be taken away and brought back."""
    if kind == "sqlite":
        path = Path(make_url(ground.database_url).database or "")
        aside = path.with_suffix(".aside")
        yield ground.environment, lambda: path.rename(aside), lambda: aside.rename(path)
        return
    proxy = Proxy(ground.database_url)
    async with proxy.listening():
        url = proxy.url(make_url(ground.database_url).database or "")
        yield ground.environment | {"HUIXIN_DATABASE_URL": url}, proxy.refuse, proxy.release


async def test_a_worker_that_finds_no_database_answers_until_it_is_back(
    ground: Ground, database_kind: str, tmp_path: Path
) -> None:
    async with removable(ground, database_kind) as (environment, take_away, bring_back):
        with serving(environment, tmp_path, workers=SEVERAL) as server:
            await server.ready()
            take_away()
            before = server.workers()
            for worker in before:
                worker.kill()
            await until(lambda: not any(map(lives, before)) and len(server.workers()) == SEVERAL)
            await server.says(503)
            bring_back()
            await server.ready()


async def test_workers_end_with_a_supervisor_that_was_killed(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        workers = server.workers()
        server.signal(signal.SIGKILL)
        await until(lambda: not any(map(lives, workers)))
        server.kill()  # what is left of it
        server.start()  # on the same port
        await server.ready()


@pytest.mark.parametrize("seconds", [0, 0.2, 0.6])
async def test_a_server_that_is_stopped_before_it_serves_leaves_nothing(
    ground: Ground, tmp_path: Path, seconds: float
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serving(ground.environment | {"TMPDIR": str(temporary)}, tmp_path, workers=SEVERAL) as server:
        await until(lambda: any(temporary.glob("huixin-metrics-*")))  # it builds the application
        await asyncio.sleep(seconds)
        assert server.stop() == 0
    assert not any(temporary.iterdir())


async def test_new_settings_are_no_reason_to_end_anything(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        before = server.workers()
        server.signal(signal.SIGHUP)
        server.signal(signal.SIGTTIN)
        await until(lambda: len(server.workers()) == SEVERAL + 1)
        assert set(before) < set(server.workers())


async def test_there_may_be_more_workers_or_fewer(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        server.signal(signal.SIGTTOU)
        await until(lambda: len(server.workers()) == SEVERAL - 1)
        server.signal(signal.SIGTTIN)
        await until(lambda: len(server.workers()) == SEVERAL)
        await server.ready()
        workers = server.workers()
        assert server.stop() == 0
        assert not any(map(lives, workers))
