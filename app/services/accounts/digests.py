"""Digests of the bearer secrets that we hand out once and never keep."""

import hashlib


def secret_digest(secret: str) -> bytes:
    """SHA-256 of a secret of 256 random bits: nothing slower or keyed is needed to keep it unguessable."""
    return hashlib.sha256(secret.encode()).digest()
