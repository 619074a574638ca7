"""How personal data rests: sealed under a key of each person's own, found again by blind indexes.

AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces. The associated data name table, column and
row, so that a sealed value moved elsewhere does not open. Erasing a person destroys one wrapped key,
backups included.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
"""The nonce length that GCM is defined for; random nonces are safe for 2^32 values a key."""
PERSON_KEY_BYTES = 32
"""AES-256."""


class SealBroken(Exception):
    """A sealed value does not open: another key, another place, or a changed byte."""


class PersonKey:
    """The key of one person: seals and opens that person's fields and nothing else."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, value: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """`value` sealed for one place: nonce, ciphertext, tag."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, _place(table, column, row))

    def open(self, sealed: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """What was sealed for this place; raises SealBroken."""
        return _open(self._cipher, sealed, _place(table, column, row))

    def seal_text(self, value: str, *, table: str, column: str, row: UUID) -> bytes:
        """`seal` for text."""
        return self.seal(value.encode(), table=table, column=column, row=row)

    def open_text(self, sealed: bytes, *, table: str, column: str, row: UUID) -> str:
        """`open` for text."""
        return self.open(sealed, table=table, column=column, row=row).decode()

    def seal_json(self, value: Mapping[str, Any], *, table: str, column: str, row: UUID) -> bytes:
        """`seal` for a JSON object with its keys in order; ids in it become texts."""
        content = orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)
        return self.seal(content, table=table, column=column, row=row)

    def open_json(self, sealed: bytes, *, table: str, column: str, row: UUID) -> dict[str, Any]:
        """`open` for a JSON object."""
        opened: dict[str, Any] = orjson.loads(self.open(sealed, table=table, column=column, row=row))
        return opened


def _plain(value: object) -> str:
    """What orjson does not know: an id as PostgreSQL's driver gives it, of a class of its own."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


class Vault:
    """The master keys and index keys of the deployment, which never enter the database.

    `master_keys` by number from 1 to 255: `sealing` or else the highest wraps, all unwrap, so that
    they rotate without a stop: first each process learns to unwrap under the new key while the old one
    goes on wrapping, then each in its turn wraps under the new one. While the index key rotates,
    `next_index_key` gives the column beside.
    """

    def __init__(
        self,
        master_keys: dict[int, bytes],
        index_key: bytes,
        next_index_key: bytes | None = None,
        *,
        sealing: int | None = None,
    ) -> None:
        self._ciphers = {number: AESGCM(key) for number, key in master_keys.items()}
        self._sealing = max(self._ciphers) if sealing is None else sealing
        self._index_key = index_key
        self._next_index_key = next_index_key

    def new_person_key(self, person: UUID) -> tuple[PersonKey, bytes]:
        """A fresh key for `person`, and the same wrapped for its row."""
        key = os.urandom(PERSON_KEY_BYTES)
        return PersonKey(key), self.seal(key, table="persons", column="wrapped_key", row=person)

    def person_key(self, wrapped: bytes, person: UUID) -> PersonKey:
        """The key of `person` from its row; raises SealBroken."""
        return PersonKey(self.open(wrapped, table="persons", column="wrapped_key", row=person))

    def seal(self, value: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
        """`value` sealed under the master key that seals: its number, nonce, ciphertext, tag."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._sealing].encrypt(nonce, value, _place(table, column, row))
        return bytes([self._sealing]) + nonce + sealed

    def open(self, sealed: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
        """What was sealed for this place by any master key still held; raises SealBroken."""
        cipher = self._ciphers.get(sealed[0]) if sealed else None
        if cipher is None:
            raise SealBroken("sealed under a master key that is not here")
        return _open(cipher, sealed[1:], _place(table, column, row))

    def index(self, purpose: str, value: str) -> bytes:
        """The blind index of `value`: equal values of one purpose have equal indexes, and no more is told."""
        return _index(self._index_key, purpose, value)

    def next_index(self, purpose: str, value: str) -> bytes | None:
        """The blind index under the key to come, or None while none is coming."""
        return None if self._next_index_key is None else _index(self._next_index_key, purpose, value)


def keyed_digest(key: bytes, purpose: str, value: bytes) -> bytes:
    """HMAC-SHA256 of `value` under `key`, kept apart from other purposes of the same key."""
    return hmac.digest(key, purpose.encode() + b"\x00" + value, hashlib.sha256)


def _index(key: bytes, purpose: str, value: str) -> bytes:
    return keyed_digest(key, purpose, value.encode())


def _place(table: str, column: str, row: UUID | str) -> bytes:
    return f"{table}/{column}/{row}".encode()


def _open(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("sealed for another place, or changed") from error
