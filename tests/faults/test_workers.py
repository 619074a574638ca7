"""Several workers are one server: each is replaced, counts with the others, and ends with them."""

import asyncio
import re
import signal
from pathlib import Path

import pytest

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
