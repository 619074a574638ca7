"""Keyset paging: a page says where the next one begins."""

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, tuple_

from app.clock import from_epoch
from app.errors import MalformedRequest

T = TypeVar("T")

PAGE_SIZE = 50
"""Items of a page where the caller does not say."""
LARGEST_PAGE = 200
"""More would make one answer slow for everybody else."""
MOMENT = struct.Struct(">q16s")
"""Time in microseconds since 1970, then the id."""
AFTER_ALL = datetime.max.replace(tzinfo=UTC), UUID(int=(1 << 128) - 1)
"""Later than all that is stored: where a list begins that has the newest first."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page, or None at the end."""

    items: Sequence[T]
    next_cursor: str | None


def read_cursor(cursor: str | None) -> UUID | None:
    """The id behind a cursor of ours; raises MalformedRequest."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error):
        raise MalformedRequest from None


def page_of(rows: Sequence[T], limit: int, key: str = "id") -> Page[T]:
    """A page from `limit + 1` rows that were asked for: the extra one only tells that there is more."""
    items = rows[:limit]
    more = len(rows) > limit
    last: UUID | None = getattr(items[-1], key) if items and more else None
    return Page(items, base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode() if last else None)


class Dated(Protocol):
    """What lists in the order of time hold."""

    @property
    def id(self) -> UUID: ...

    @property
    def at(self) -> datetime: ...


D = TypeVar("D", bound=Dated)


def read_moment(cursor: str | None) -> tuple[datetime, UUID]:
    """Time and id behind a cursor of a list in the order of time; raises MalformedRequest."""
    if cursor is None:
        return AFTER_ALL
    try:
        micros, item = MOMENT.unpack(base64.urlsafe_b64decode(cursor))
        return from_epoch(0) + timedelta(microseconds=micros), UUID(bytes=item)
    except (ValueError, OverflowError, struct.error, binascii.Error):
        raise MalformedRequest from None


def newest_first(query: Select[*tuple[Any, ...]], at: Any, item: Any) -> Select[*tuple[Any, ...]]:
    """A page of `query` in the order of time and id, the newest first; `rows_before` says which.

    Its text is the same for every page, so a statement can be made once.
    """
    before = tuple_(bindparam("before_at", type_=at.type), bindparam("before_id", type_=item.type))
    page = query.where(tuple_(at, item) < before).order_by(at.desc(), item.desc())
    return page.limit(bindparam("rows", type_=Integer))


def rows_before(cursor: str | None, limit: int) -> dict[str, Any]:
    """The parameters of `newest_first`: one row more than `limit`, which tells whether there are more."""
    at, item = read_moment(cursor)
    return {"before_at": at, "before_id": item, "rows": limit + 1}


def page_by_moment(rows: Sequence[D], limit: int) -> Page[D]:
    """The same of rows in the order of time and id, which ids alone need not keep."""
    items = rows[:limit]
    if len(rows) <= limit:
        return Page(items, None)
    last = items[-1]
    micros = round((last.at - from_epoch(0)) / timedelta(microseconds=1))
    return Page(items, base64.urlsafe_b64encode(MOMENT.pack(micros, last.id.bytes)).decode())
