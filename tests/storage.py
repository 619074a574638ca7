"""All that a database keeps, for tests that look for what must not be there."""

from pathlib import Path

from sqlalchemy import text

from app.database import Database
from app.models import Base


def files_of(database: Database, folder: Path) -> bytes:
    """The database file and its write-ahead log."""
    name = Path(database.engine.url.database or "").name
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.name.startswith(name))


async def everything_stored(database: Database, folder: Path) -> bytes:
    """All bytes that the database keeps: the files of SQLite, or every row of every table as text."""
    if database.dialect == "sqlite":
        return files_of(database, folder)
    dump = []
    async with database.session(write=False) as session:
        for table in Base.metadata.sorted_tables:
            rows = await session.execute(text(f"SELECT t::text FROM {table.name} AS t"))  # noqa: S608
            dump += [row[0] for row in rows]
            for column in table.columns:
                if str(column.type) in {"BLOB", "BYTEA"}:
                    values = await session.execute(
                        text(f"SELECT {column.name} FROM {table.name} WHERE {column.name} IS NOT NULL")  # noqa: S608
                    )
                    dump += [bytes(value[0]).decode("utf-8", "replace") for value in values]
    return "\n".join(dump).encode()
