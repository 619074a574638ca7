"""Deployments of their own on real sockets, since these tests break them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.settings import Secrets
from tests.databases import migrated_database
from tests.faults.grounds import Ground, lay_ground

WORKERS = {"sqlite": 1, "postgresql": 2}
"""As each database is served best."""


@pytest.fixture(autouse=True)
def loopback_only(socket_enabled: None) -> None:
    """Real sockets, to this machine."""


@pytest.fixture
def workers(database_kind: str) -> int:
    return WORKERS[database_kind]


@pytest.fixture
async def ground(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path, secrets: Secrets
) -> AsyncIterator[Ground]:
    server = request.getfixturevalue("postgres") if database_kind == "postgresql" else None
    async with migrated_database(database_kind, tmp_path, server) as url:
        yield await lay_ground(url, tmp_path, secrets)
