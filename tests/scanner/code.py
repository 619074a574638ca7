"""Reading codes: docs/offline.md, section 2."""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

BYTES = 87
TEXT_LENGTH = 140
MOST_BYTES = 1024
"""Longer texts are not read at all."""
VERSION_AND_ALGORITHM = 0x11


class CodeKey(NamedTuple):
    """What a code is known again by."""

    iss: str
    kid: str
    sub: bytes
    jti: bytes


@dataclass(frozen=True, slots=True)
class Code:
    """The fields of a code; nothing is said of its signature being right."""

    iss: str
    kid: str
    sub: bytes
    iat: int
    exp: int
    jti: bytes
    signature: bytes

    @property
    def key(self) -> CodeKey:
        return CodeKey(self.iss, self.kid, self.sub, self.jti)

    @property
    def jws(self) -> str:
        """The compact JWS that the code stands for."""
        header = {"alg": "ES256", "kid": self.kid, "typ": "hx+jwt"}
        payload = {
            "exp": self.exp,
            "iat": self.iat,
            "iss": self.iss,
            "jti": unpadded(self.jti),
            "sub": unpadded(self.sub),
        }
        return ".".join((_canonical(header), _canonical(payload), unpadded(self.signature)))

    def is_signed_by(self, jwk: dict[str, Any]) -> bool:
        """Whether the signature is that of `jwk`, which belongs to the code's issuer and `kid`."""
        try:
            jws.deserialize_compact(self.jws, ECKey.import_key(jwk), algorithms=["ES256"])
        except (JoseError, ValueError):
            return False
        return True


def read_code(text: str, prefixes: Iterable[str]) -> Code | None:
    """The code in what the camera read, or None where it is no code."""
    text = text.strip()
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        return None
    body = next((text.removeprefix(prefix) for prefix in prefixes if text.startswith(prefix)), text)
    if len(body) != TEXT_LENGTH or not body.isascii():
        return None
    try:
        read = base64.b32decode(body.upper() + "=" * (-TEXT_LENGTH % 8))
    except binascii.Error:
        return None
    if unpadded32(read) != body.upper() or read[0] != VERSION_AND_ALGORITHM:
        return None
    iss = read[1:3].hex()
    if not iss.isdecimal():
        return None
    iat = int.from_bytes(read[12:16])
    return Code(
        iss=iss,
        kid=read[3:4].hex(),
        sub=read[4:12],
        iat=iat,
        exp=iat + 5 * read[16],
        jti=read[17:23],
        signature=read[23:],
    )


def unpadded(value: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unpadded32(value: bytes) -> str:
    """Base32 without padding: it differs from what was read where spare bits are not zero."""
    return base64.b32encode(value).rstrip(b"=").decode()


def _canonical(value: dict[str, Any]) -> str:
    return unpadded(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
