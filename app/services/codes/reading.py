"""Reads what a scanner sent: is it a code, did the key that it names sign it, or what substitutes for one?"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.clock import Clock
from app.database import Database
from app.services.codes import format as code_format
from app.services.codes.format import Cause, Code, UnreadableCode
from app.services.codes.substitutes import printed_secret, spoken_digits
from app.services.keys.ring import KeyRing, KeyStates, load_key_states
from app.services.sealing import keyed_digest
from app.work import Deployment

FRESH_FOR = timedelta(minutes=5)
"""Public keys do not change, only new ones come; an unknown one makes us look at once."""
LOOKED_AGAIN_AFTER = timedelta(seconds=1)
"""Codes of others that name an unknown key must not cost a look at the database each. One that only we
can have made names a key that came since the last look, and is worth one at once."""


class Proof(StrEnum):
    """What the signature of a code says, whatever the state of its key."""

    genuine = "genuine"
    forged = "forged"
    unknown_issuer = "unknown_issuer"
    unknown_key = "unknown_key"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that is no code: known by a keyed digest, its length and the cause."""

    digest: bytes
    length: int
    """Characters."""
    cause: Cause


@dataclass(frozen=True, slots=True)
class ReadCode:
    """A code, with what its signature says."""

    code: Code
    proof: Proof


@dataclass(frozen=True, slots=True)
class ReadSpokenCode:
    """Six digits that a guard typed. Whose they are depends on the gate and the moment."""

    digits: str
    digest: bytes
    """Keyed, and the same however the digits were typed."""


@dataclass(frozen=True, slots=True)
class ReadPrintedCard:
    """A printed card, known by the keyed digest that it is stored under."""

    digest: bytes


Read = ReadCode | ReadSpokenCode | ReadPrintedCard | Unreadable
"""What a text can be."""


def spoken_digest(digest_key: bytes, digits: str) -> bytes:
    """What a scan keeps of a spoken code."""
    return keyed_digest(digest_key, "spoken code", digits.encode("ascii"))


def printed_digest(digest_key: bytes, secret: bytes) -> bytes:
    """What the database knows a printed card by, and a scan keeps of it."""
    return keyed_digest(digest_key, "printed card", secret)


class CodeReader:
    """Reads codes with the keys of one process. It decides nothing: a withdrawn key still proves."""

    def __init__(self, database: Database, deployment: Deployment, clock: Clock, ring: KeyRing) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._prefixes = deployment.settings.link_prefixes
        self._issuer = deployment.settings.issuer
        self._jti_key = deployment.secrets.jti_key.get_secret_value()
        self._digest_key = deployment.secrets.digest_key.get_secret_value()
        self._states: KeyStates | None = None
        self._looked_at: datetime | None = None
        self._looking = asyncio.Lock()

    async def read(self, text: str) -> Read:
        """The code in `text` with its proof, what substitutes for one, or why there is none.

        Raises Unavailable only.
        """
        if (digits := spoken_digits(text)) is not None:
            return ReadSpokenCode(digits, spoken_digest(self._digest_key, digits))
        try:
            body = code_format.body_of(text, self._prefixes)
            if (secret := printed_secret(body)) is not None:
                return ReadPrintedCard(printed_digest(self._digest_key, secret))
            code = code_format.parse_body(body)
        except UnreadableCode as refusal:
            data = text.encode("utf-8", "surrogatepass")
            return Unreadable(keyed_digest(self._digest_key, "unreadable", data), len(text), refusal.cause)
        states = await self._known_keys(code)
        key = states.find(code.iss, code.kid)
        if key is None:
            known = states.knows_issuer(code.iss)
            return ReadCode(code, Proof.unknown_key if known else Proof.unknown_issuer)
        verified = code_format.verify_code(code, self._ring.verifying(key))
        return ReadCode(code, Proof.genuine if verified else Proof.forged)

    async def _known_keys(self, code: Code) -> KeyStates:
        states = self._states
        if states is not None and self._looked_at is not None:
            age = self._clock() - self._looked_at
            if timedelta(0) <= age < self._lasting(states, code):
                return states
        async with self._looking:
            if self._states is states:
                now = self._clock()
                async with self._database.session(write=False) as session:
                    self._states = await load_key_states(session, now)
                self._looked_at = now
        if self._states is None:
            raise AssertionError("loaded above")
        return self._states

    def _lasting(self, states: KeyStates, code: Code) -> timedelta:
        """For how long `states` may be believed about the key that `code` names."""
        if states.find(code.iss, code.kid) is not None:
            return FRESH_FOR
        ours = code.iss == self._issuer and code_format.is_ours(code, self._jti_key)
        return timedelta(0) if ours else LOOKED_AGAIN_AFTER
