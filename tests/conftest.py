"""Fixtures every test may ask for: a migrated database, each test in a transaction that is rolled back."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import hypothesis
import pytest
from fastapi import FastAPI

from app.database import BoundDatabase, Database
from app.main import create_app
from app.runtime import Runtime
from app.settings import Secrets, Settings
from app.work import Actor, Work, begin_work
from tests.clocks import SettableClock
from tests.databases import KINDS, migrated_database, postgres_server
from tests.factories.settings import make_secrets, make_settings

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# How long an example takes says more about the machine than about the code.

NOON = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)
"""Monday noon in Chongqing."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    return make_secrets()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data and attack vectors."""
    if not (folder := os.environ.get("HUIXIN_TEST_DATA")):
        pytest.skip("HUIXIN_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session", params=KINDS)
async def database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """A migrated database of each kind, shared by the run: leave nothing behind in it."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    async with migrated_database(request.param, tmp_path_factory.mktemp("db"), server) as url:
        yield url


@pytest.fixture
async def own_database(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> AsyncIterator[Database]:
    """A migrated database that belongs to this test alone, for races and for what must really commit."""
    server = request.getfixturevalue("postgres") if database_kind == "postgresql" else None
    async with migrated_database(database_kind, tmp_path, server) as url:
        database = Database(url)
        yield database
        await database.close()


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database in one transaction, rolled back after the test; every session is a savepoint in it."""
    engine = Database(database_url).engine
    async with engine.connect() as connection:
        transaction = await connection.begin()
        yield BoundDatabase(connection)
        await transaction.rollback()
    await engine.dispose()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def settings() -> Settings:
    return make_settings()


@pytest.fixture
async def runtime(
    settings: Settings, secrets: Secrets, database: Database, clock: SettableClock
) -> AsyncIterator[Runtime]:
    runtime = Runtime.of(settings, secrets, database=database, clock=clock)
    yield runtime
    await runtime.close()


@pytest.fixture(scope="session")
def application(secrets: Secrets) -> FastAPI:
    """The application, built once: its first request takes as long as a hundred others."""
    return create_app(Runtime.of(make_settings(), secrets))


@pytest.fixture
async def client(application: FastAPI, runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application, in process, on the parts of this test."""
    application.state.runtime = runtime
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        yield client


@pytest.fixture
async def work(runtime: Runtime) -> AsyncIterator[Work]:
    """A unit of work of a command, for factories and service tests."""
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        yield work
