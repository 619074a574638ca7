"""Keyset paging: a page says where the next one begins."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from app.errors import MalformedRequest

T = TypeVar("T")

PAGE_SIZE = 50
"""Items of a page where the caller does not say."""
LARGEST_PAGE = 200
"""More would make one answer slow for everybody else."""


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
