"""What the API says about notices."""

from typing import Any

from app.api.schemas.base import Id, Instant, Response
from app.models.notices import NoticeKind


class Notice(Response):
    """Something that the account is told."""

    id: Id
    """Its identifier."""
    kind: NoticeKind
    """What it is about."""
    details: dict[str, Any] | None
    """What differs from case to case, by name; null where there is nothing more to say."""
    created_at: Instant
    """When it was left."""
    read_at: Instant | None
    """When it was read; null until then."""


class NoticePage(Response):
    """Some notices, newest first."""

    items: list[Notice]
    """The notices."""
    next_cursor: str | None
    """Where the next page begins; null at the end."""
