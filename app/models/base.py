"""The base of all tables: naming convention, column types and the checks they share."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, LargeBinary, MetaData, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name that says what it is, so that a violation can be told by it."""


class Base(DeclarativeBase):
    """The declarative base: one metadata, one naming convention."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz` on PostgreSQL, fixed-width UTC text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        return value if dialect.name == "postgresql" else value.astimezone(UTC).replace(tzinfo=None)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


Id = Uuid(as_uuid=True)
"""An internal identifier, UUIDv7."""

Digest = LargeBinary(32)
"""A SHA-256 or HMAC-SHA256 value: a blind index or the digest of a secret."""

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A small JSON object without personal data; None is no document, not the document `null`."""


def one_of(choices: type[StrEnum]) -> String:
    """A column type wide enough for the values of `choices`; pair it with `must_be_one_of`."""
    return String(max(len(choice.value) for choice in choices))


def must_be_one_of(column: str, choices: type[StrEnum]) -> CheckConstraint:
    """The check that `column` holds one of `choices`."""
    values = ", ".join(f"'{choice.value}'" for choice in choices)
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")


def table_args(*items: Any, **options: Any) -> Any:
    """`__table_args__` with options at the end, as SQLAlchemy wants them."""
    return (*items, options)
