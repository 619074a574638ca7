"""Several workers are one server: each is replaced, counts with the others, and ends with them."""

import asyncio
import re
import signal
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.faults.grounds import Ground
from tests.faults.lines import Line
from tests.faults.servers import PATIENCE, Server, serving

SEVERAL = 2
HEALTH = "/health/ready"


async def test_a_worker_that_died_is_replaced(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        died, stayed = server.workers()
        died.kill()
        async with asyncio.timeout(PATIENCE):
            while died in (there := server.workers()) or len(there) < SEVERAL:  # noqa: ASYNC110 # as below
                await asyncio.sleep(0.02)
        assert stayed in there
        stayed.suspend()
        try:
            await server.ready()  # by the fresh one alone
        finally:
            stayed.resume()


async def test_workers_count_into_the_same_measures(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        for worker in server.workers():
            worker.suspend()
            for _ in range(5):
                await answered(server, HEALTH)
            worker.resume()
        async with asyncio.timeout(PATIENCE):
            while await answered(server) < 10:  # noqa: ASYNC110 # a request is counted after its answer
                await asyncio.sleep(0.02)


async def answered(server: Server, path: str = "/metrics") -> int:
    """Asks for `path`; how often, if that shows the measures, the server says it was asked for its health."""
    async with Line(server.port) as line:
        reply = await line.exchange("GET", path)
    assert reply.status == 200
    counts = re.findall(rb'huixin_http_requests_total{[^}]*route="/health/ready"[^}]*} ([0-9.]+)', reply.body)
    return sum(int(float(count)) for count in counts)


async def test_workers_end_with_a_supervisor_that_was_killed(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        workers = server.workers()
        server.signal(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while any(worker.is_running() for worker in workers):  # noqa: ASYNC110 # as above
                await asyncio.sleep(0.02)
        server.kill()  # what is left of it
        server.start()  # on the same port
        await server.ready()


async def test_a_worker_that_comes_back_to_an_absent_database_waits_for_it(
    ground: Ground, tmp_path: Path, database_kind: str
) -> None:
    if database_kind != "sqlite":
        pytest.skip("a file is easily moved away")
    path = Path(make_url(ground.database_url).database or "")
    away = path.with_suffix(".away")
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        await asyncio.to_thread(path.rename, away)
        for worker in server.workers():
            worker.kill()
        async with asyncio.timeout(PATIENCE):
            while len(server.workers()) < SEVERAL:  # noqa: ASYNC110 # as above
                await asyncio.sleep(0.02)
        await asyncio.to_thread(away.rename, path)
        await server.ready()


@pytest.mark.parametrize("seconds", [0, 0.2, 0.6])
async def test_a_server_that_is_stopped_before_it_serves_leaves_nothing(
    ground: Ground, tmp_path: Path, seconds: float
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serving(ground.environment | {"TMPDIR": str(temporary)}, tmp_path, workers=SEVERAL) as server:
        async with asyncio.timeout(PATIENCE):
            while not list(temporary.glob("huixin-metrics-*")):  # noqa: ASYNC110 # until it builds the application
                await asyncio.sleep(0.01)
        await asyncio.sleep(seconds)
        assert server.stop() == 0
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTTOU])
async def test_signals_that_ask_for_something_else_end_nothing(
    ground: Ground, tmp_path: Path, number: int
) -> None:
    with serving(ground.environment, tmp_path, workers=SEVERAL) as server:
        await server.ready()
        server.signal(number)
        server.signal(signal.SIGTTIN)
        async with asyncio.timeout(PATIENCE):
            while len(server.workers()) < SEVERAL:  # noqa: ASYNC110 # another process has no event
                await asyncio.sleep(0.02)
        await server.ready()
        workers = server.workers()
        assert server.stop() == 0
        assert not any(worker.is_running() for worker in workers)
