"""`huixin migrate`: brings the database to the schema of this release."""

import asyncio
import os

import typer
from alembic.util import CommandError

from app import schema
from app.cli.deployment import read_settings
from app.cli.refusals import Refused, say
from app.database import Database

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the database to the schema of this release. Safe to repeat."""
    before, after = asyncio.run(bring_to_head(read_settings().database_url))
    if before == after:
        say(f"数据库结构已是最新：{after}", f"The schema is up to date: {after}")
    else:
        say(f"数据库结构：{before or '空'} → {after}", f"Schema: {before or 'empty'} → {after}")


async def bring_to_head(url: str) -> tuple[str | None, str]:
    """The schema's revision before and after. Raises Refused where a newer release has been here."""
    former = os.umask(0o077)  # a SQLite file is made here, and is nobody else's to read
    database = Database(url)
    try:
        before = await database.revision()
        await schema.migrate(database)
    except CommandError:
        raise Refused(
            f"数据库结构 {before} 不属于本版本：请使用更新的版本。",
            f"This release does not know the schema {before}: a newer one has been here; use that.",
        ) from None
    finally:
        await database.close()
        os.umask(former)
    return before, schema.head()
