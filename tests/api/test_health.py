"""Live says that the process answers; ready, that what it needs does."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.database import Database
from app.main import create_app
from app.runtime import Runtime
from app.services.keys.lifecycle import create_first_key
from app.work import Actor, begin_work
from tests.factories.settings import make_settings


async def test_ready_once_there_is_a_key(client: httpx.AsyncClient, runtime: Runtime) -> None:
    waiting = await client.get("/health/ready")
    assert waiting.status_code == 503
    assert waiting.json()["code"] == "no_signing_key"
    assert int(waiting.headers["retry-after"]) > 0
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        await create_first_key(work)
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


async def test_a_database_that_is_away_leaves_the_process_alive(runtime: Runtime, tmp_path: Path) -> None:
    away = Database(f"sqlite+aiosqlite:///{tmp_path / 'gone'}")
    await away.close()
    (tmp_path / "gone").mkdir()
    app = create_app(replace(runtime, database=away))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        assert (await client.get("/health/live")).json() == {"status": "ok"}
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
        assert "retry-after" in answer.headers
    await away.close()


@pytest.mark.parametrize(
    ("changed", "address", "status"),
    [
        ({}, "127.0.0.1", 200),
        ({}, "10.1.2.3", 404),
        ({"watchers": ("10.0.0.0/8",)}, "10.1.2.3", 200),
        ({"watchers": ("10.0.0.0/8",)}, "127.0.0.1", 404),
    ],
)
async def test_who_may_read_the_measures_is_a_setting(
    runtime: Runtime, changed: dict[str, object], address: str, status: int
) -> None:
    deployment = replace(runtime.deployment, settings=make_settings(**changed))
    app = create_app(replace(runtime, deployment=deployment))
    transport = httpx.ASGITransport(app=app, client=(address, 4567))
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        assert (await client.get("/metrics")).status_code == status
