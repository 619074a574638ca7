"""The keys as one process uses them: parsed once, their states read afresh."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import fetch
from app.models.keys import SigningKey
from app.services import tokens
from app.services.keys.errors import NoSigningKey
from app.services.keys.rules import KeyState, is_published, signing_now, state_of
from app.services.sealing import Vault


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One key as it stood in one transaction: columns of SigningKey, in their order there."""

    issuer: str
    kid: str
    public_jwk: dict[str, Any]
    sealed_private: bytes | None
    published_at: datetime
    active_from: datetime
    retires_at: datetime | None
    withdrawn_at: datetime | None


KEYS = select(*(getattr(SigningKey, name) for name in KnownKey.__slots__)).order_by(SigningKey.id)
"""Made once, and past the ORM: every list of scans asks it."""


class KeyStates:
    """All keys as they stood in one transaction."""

    def __init__(self, keys: Sequence[KnownKey], now: datetime) -> None:
        self.keys = keys
        self.now = now
        self._named = {(key.issuer, key.kid): key for key in keys}

    def find(self, issuer: str, kid: str) -> KnownKey | None:
        """The key that a code names, whatever its state."""
        return self._named.get((issuer, kid))

    def knows_issuer(self, issuer: str) -> bool:
        """Whether any key of `issuer` was ever trusted here."""
        return any(key.issuer == issuer for key in self.keys)

    def state(self, key: KnownKey) -> KeyState:
        """What `key` is for at the time of this reading."""
        return state_of(key, self.now)

    def key_set(self, issuer: str) -> dict[str, Any]:
        """The JWKS (RFC 7517) that `issuer` publishes at this time."""
        return {
            "keys": [
                key.public_jwk for key in self.keys if key.issuer == issuer and is_published(key, self.now)
            ]
        }


class KeyRing:
    """Parses keys once. Holds no state of a key, so it can never be out of date about one."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._verifying: dict[tuple[str, str, str], tokens.VerifyingKey] = {}
        self._signing: dict[tuple[str, str, bytes], tokens.SigningKey] = {}

    def verifying(self, key: KnownKey) -> tokens.VerifyingKey:
        """The public half of `key`."""
        name = (key.issuer, key.kid, key.public_jwk["x"])
        if name not in self._verifying:
            self._verifying[name] = tokens.from_jwk(key.public_jwk)
        return self._verifying[name]

    def signing(self, states: KeyStates, issuer: str) -> tokens.SigningKey:
        """The key pair that signs codes of `issuer` now; raises NoSigningKey."""
        key = signing_now(states.keys, issuer, states.now)
        if key is None or key.sealed_private is None:
            raise NoSigningKey(retry_after=60)
        name = (key.issuer, key.kid, key.sealed_private)
        if name not in self._signing:
            pem = self._vault.open(
                key.sealed_private,
                table="signing_keys",
                column="sealed_private",
                row=f"{key.issuer}/{key.kid}",
            )
            self._signing = {name: tokens.from_pem(pem, key.kid)}
        return self._signing[name]


async def load_key_states(session: AsyncSession, now: datetime) -> KeyStates:
    """All keys in one statement. There are a few dozen at most."""
    return KeyStates([KnownKey(*row) for row in await fetch(session, KEYS)], now)
