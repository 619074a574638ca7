"""Identifiers: time-ordered inside, opaque and unguessable outside."""

import secrets
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

SECRET_BYTES = 32
"""256 bits: nobody guesses a refresh token or an invitation."""


def new_id(at: datetime | None = None) -> UUID:
    """A fresh UUIDv7 (RFC 9562): unique everywhere, ordered by the time of its making, or by `at`."""
    if at is None:
        return uuid7()
    return UUID(int=uuid_utils.uuid7(nanoseconds=round(at.timestamp() * 1000) * 1_000_000).int)


@lru_cache(4096)
def known_id(text: str) -> UUID:
    """The id in a text of ours, of the ids that come with every request of somebody: made once of each."""
    return UUID(text)


def new_secret() -> str:
    """A fresh bearer secret of 256 bits in base64url. Store its digest, never the text."""
    return secrets.token_urlsafe(SECRET_BYTES)
