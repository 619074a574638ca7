"""The schema of the database: where it should be, and how it gets there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import migrations
from app.database import Database


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config


def head() -> str:
    """The newest migration of this release."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("this release has no migrations")
    return revision


def move(connection: Connection, to: str = "head") -> None:
    """Brings the schema behind `connection` to revision `to`, upwards or downwards (`base` empties it)."""
    config = _config()
    config.attributes["connection"] = connection
    (command.downgrade if to == "base" else command.upgrade)(config, to)


async def migrate(database: Database) -> None:
    """Brings the schema of `database` to head."""
    async with database.engine.connect() as connection:
        await connection.run_sync(move)
        await connection.commit()
