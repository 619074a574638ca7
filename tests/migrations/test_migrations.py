"""Migrations go up, down and up again with data in the tables, and end in exactly what the models say."""

import io
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import migrations
from app import schema
from app.database import Database
from app.ids import new_id
from app.models import Base
from app.models.accounts import Account, AccountKind, RefreshToken, SignIn
from app.models.areas import Area
from app.models.jobs import Job
from app.models.scans import CodeUse, Direction, Scan, ScanKey, Verdict
from tests.databases import new_database
from tests.migrations.descriptions import describe

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
async def empty(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> AsyncIterator[Database]:
    """A database without any table."""
    server = request.getfixturevalue("postgres") if database_kind == "postgresql" else None
    async with new_database(database_kind, tmp_path, server) as url:
        database = Database(url)
        yield database
        await database.close()


def config(connection: sa.Connection | None = None) -> Config:
    """What alembic's own commands need."""
    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent))
    made.attributes["connection"] = connection
    return made


def revisions() -> list[str]:
    """All revisions, the first one first."""
    return [script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()][::-1]


async def on(database: Database, step: Callable[[sa.Connection], object]) -> object:
    """Runs `step` on a connection of `database` and commits it."""
    async with database.engine.connect() as connection:
        result = await connection.run_sync(step)
        await connection.commit()
        return result


def up(to: str = "head") -> Callable[[sa.Connection], None]:
    return lambda connection: command.upgrade(config(connection), to)


def down(to: str) -> Callable[[sa.Connection], None]:
    return lambda connection: command.downgrade(config(connection), to)


async def plant(database: Database) -> None:
    """Rows in tables of every kind: referring, partitioned, without row ids."""
    account, sign_in, scan = new_id(), new_id(), new_id()
    async with database.session() as session:
        session.add(Area(code="500000", path="50", name="重庆市", level="province"))
        session.add(Account(id=account, kind=AccountKind.staff.value, login="li.wei", created_at=NOON))
        session.add(Job(name="scans.partition", due_at=NOON))
        await session.flush()
        session.add(
            SignIn(
                id=sign_in,
                account_id=account,
                client="test",
                created_at=NOON,
                refreshed_at=NOON,
                expires_at=NOON + timedelta(days=1),
            )
        )
        await session.flush()
        session.add(RefreshToken(digest=bytes(32), sign_in_id=sign_in, issued_at=NOON))
        for months in (0, 3, 240):
            session.add(
                Scan(
                    id=new_id(),
                    recorded_at=NOON + timedelta(days=30 * months),
                    happened_at=NOON + timedelta(days=30 * months),
                    doubtful=False,
                    scan_id=new_id(),
                    enrolment_id=new_id(),
                    shift_id=new_id(),
                    gate_id=new_id(),
                    compound_id=new_id(),
                    account_id=account,
                    direction=Direction.entry.value,
                    device_time=NOON,
                    verdict=Verdict.refuse.value,
                    reason="unreadable",
                    language="zh",
                )
            )
        session.add(ScanKey(enrolment_id=new_id(), scan_id=new_id(), scan=scan, recorded_at=NOON))
        session.add(
            CodeUse(
                issuer="5000",
                kid="01",
                subject=bytes(8),
                jti=bytes(6),
                scan=scan,
                recorded_at=NOON,
                gate_id=scan,
                used_at=NOON,
            )
        )


def test_the_history_is_one_line() -> None:
    assert len(ScriptDirectory.from_config(config()).get_heads()) == 1
    assert revisions() == sorted(revisions())


async def test_each_step_goes_up_down_and_up_again(empty: Database) -> None:
    for below, revision in zip(["base", *revisions()], revisions(), strict=False):
        await on(empty, up(revision))
        there = await on(empty, describe)
        await on(empty, down(below))
        assert await empty.revision() == (None if below == "base" else below)
        await on(empty, up(revision))
        assert await on(empty, describe) == there


async def test_all_the_way_down_and_up_with_data(empty: Database) -> None:
    await on(empty, up())
    there = await on(empty, describe)
    await plant(empty)
    await on(empty, down("base"))
    assert await on(empty, lambda connection: sa.inspect(connection).get_table_names()) == ["alembic_version"]
    await on(empty, up())
    assert await on(empty, describe) == there
    await plant(empty)


async def test_migrating_again_changes_nothing(empty: Database) -> None:
    await schema.migrate(empty)
    await plant(empty)
    there = await on(empty, describe)
    await schema.migrate(empty)
    assert await on(empty, describe) == there
    async with empty.session() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Scan)) == 3


async def test_alembic_finds_no_difference_to_the_models(empty: Database) -> None:
    await on(empty, up())
    await on(empty, lambda connection: command.check(config(connection)))


async def test_the_schema_is_what_the_models_make(
    empty: Database, request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> None:
    """Finer than alembic, which compares neither checks nor the conditions of partial indexes."""
    await on(empty, up())
    server = request.getfixturevalue("postgres") if database_kind == "postgresql" else None
    async with new_database(database_kind, tmp_path, server) as url:
        made = Database(url)
        await on(made, Base.metadata.create_all)
        expected = await on(made, describe)
        await made.close()
    assert await on(empty, describe) == expected


def test_squawk_has_nothing_to_say_about_the_sql(tmp_path: Path) -> None:
    """What an operator would run by hand on PostgreSQL, time-outs included (R20)."""
    sql = io.StringIO()
    offline = config()
    offline.output_buffer = sql
    offline.set_main_option("sqlalchemy.url", "postgresql://offline")
    command.upgrade(offline, "head", sql=True)
    file = tmp_path / "migrations.sql"
    file.write_text(sql.getvalue(), encoding="utf-8")
    found = subprocess.run(  # noqa: S603 # our own file
        [Path(sys.executable).with_name("squawk"), "--config", ROOT / ".squawk.toml", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
