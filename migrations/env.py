"""Runs migrations, online on a given connection or URL, or as SQL text."""

import asyncio
import re
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.ext.asyncio import create_async_engine

from app.models import Base
from app.models.base import Instant

LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a lock would hold up the gate behind it."""
STATEMENT_TIMEOUT = "10min"
"""Longer steps belong into a job that works in small pieces."""

TIMEOUTS = (f"SET lock_timeout = '{LOCK_TIMEOUT}'", f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")

_PARTITION = re.compile(r"scans_(y\d{4}m\d{2}|other)")


def _is_ours(thing: Any, name: str | None, kind: str, reflected: bool, _compared: Any) -> bool:
    """Partitions come and go by the calendar; they are not part of the model."""
    table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)
    return not (reflected and table is not None and _PARTITION.fullmatch(table))


def _render(kind: str, thing: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Migrations do not import the application: its types are written as what they are made of."""
    if kind == "type" and isinstance(thing, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, sa.JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def _run(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        for setting in TIMEOUTS:
            connection.exec_driver_sql(setting)
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=_is_ours,
        render_item=_render,
        compare_type=True,
        render_as_batch=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run_on(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    context.configure(
        url=context.config.get_main_option("sqlalchemy.url"),
        target_metadata=Base.metadata,
        literal_binds=True,
        include_object=_is_ours,
        render_item=_render,
    )
    with context.begin_transaction():
        if context.get_context().dialect.name == "postgresql":
            for setting in TIMEOUTS:
                context.execute(setting)
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    asyncio.run(_run_on(str(context.config.get_main_option("sqlalchemy.url"))))
