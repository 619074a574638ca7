"""A schema in words that can be compared: columns, constraints and indexes as the database says them."""

import re

import sqlalchemy as sa

PARTITION = re.compile(r"scans_(y\d{4}m\d{2}|other)\b")
"""Partitions come and go by the calendar; they are no part of a release's schema."""

OURS = ("alembic_version", "sqlite_")


def describe(connection: sa.Connection) -> list[str]:
    """All facts about all tables of ours, sorted."""
    facts = _on_postgresql(connection) if connection.dialect.name == "postgresql" else _on_sqlite(connection)
    return sorted(
        fact for fact in facts if not PARTITION.search(fact.partition(" ")[0]) and not fact.startswith(OURS)
    )


def _on_sqlite(connection: sa.Connection) -> list[str]:
    """The database keeps the statements that made it; the order of the parts of a table means nothing."""
    facts = []
    for table, sql in connection.execute(
        sa.text("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    ):
        head, _, rest = sql.partition("(")
        body, _, tail = rest.rpartition(")")
        facts += [f"{table} {' '.join(part.split())}" for part in (head, *_parts(body), tail) if part.strip()]
    return facts


def _parts(body: str) -> list[str]:
    """What commas set apart outside parentheses: SQLite writes an added column on no line of its own."""
    parts, depth = [""], 0
    for letter in body:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _on_postgresql(connection: sa.Connection) -> list[str]:
    rows = connection.execute(
        sa.text(
            """
            SELECT table_name || ' column ' || column_name || ' ' || udt_name || ' '
                || coalesce(character_maximum_length::text, '') || ' ' || is_nullable || ' '
                || coalesce(column_default, '')
            FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL
            SELECT conrelid::regclass || ' constraint ' || conname || ' ' || pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
            UNION ALL
            SELECT tablename || ' index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL
            SELECT partrelid::regclass || ' partitioned ' || pg_get_partkeydef(partrelid)
            FROM pg_partitioned_table
            """
        )
    )
    return [row[0] for row in rows]
