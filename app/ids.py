"""Identifiers: time-ordered inside, opaque and unguessable outside."""

import secrets
from uuid import UUID

from uuid_utils.compat import uuid7

SECRET_BYTES = 32
"""256 bits: nobody guesses a refresh token or an invitation."""


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): unique everywhere, and ordered by the time of its making."""
    return uuid7()


def new_secret() -> str:
    """A fresh bearer secret of 256 bits in base64url. Store its digest, never the text."""
    return secrets.token_urlsafe(SECRET_BYTES)
