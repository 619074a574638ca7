"""What a signing key is for at a given time: pure rules."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

PUBLISHED_AHEAD = timedelta(hours=24)
"""A scanner that synchronises once a day knows a key before its first code."""
LAST_CODE = timedelta(minutes=30)
"""No code lives longer after its key stopped signing: a wallet's ten minutes, the longest life of
one code (255 units of 5 s, 21 min 15 s) and the 10 s of grace fall short of it."""


class Key(Protocol):
    """What the rules look at: a row of the table, or a key as it is known to a process."""

    @property
    def issuer(self) -> str: ...
    @property
    def kid(self) -> str: ...
    @property
    def sealed_private(self) -> bytes | None: ...
    @property
    def published_at(self) -> datetime: ...
    @property
    def active_from(self) -> datetime: ...
    @property
    def retires_at(self) -> datetime | None: ...
    @property
    def withdrawn_at(self) -> datetime | None: ...


K = TypeVar("K", bound=Key)


class KeyState(StrEnum):
    """What a key is for now."""

    next = "next"
    """Published, not yet signing."""
    active = "active"
    retiring = "retiring"
    """Signs no more, but codes that it signed may still be shown."""
    retired = "retired"
    withdrawn = "withdrawn"


def state_of(key: Key, now: datetime) -> KeyState:
    """What `key` is for at `now`."""
    if key.withdrawn_at is not None and key.withdrawn_at <= now:
        return KeyState.withdrawn
    if key.active_from > now:
        return KeyState.next
    if key.retires_at is None or key.retires_at > now:
        return KeyState.active
    return KeyState.retiring if key.retires_at + LAST_CODE > now else KeyState.retired


def is_published(key: Key, now: datetime) -> bool:
    """Whether `key` stands in the key set at `now`."""
    return key.published_at <= now and state_of(key, now) in {
        KeyState.next,
        KeyState.active,
        KeyState.retiring,
    }


def signing_now(keys: Iterable[K], issuer: str, now: datetime) -> K | None:
    """The key of `issuer` that signs at `now`: of the active ones the one that began last."""
    active = [
        key
        for key in keys
        if key.issuer == issuer and key.sealed_private is not None and state_of(key, now) is KeyState.active
    ]
    return max(active, key=lambda key: (key.active_from, key.kid), default=None)
