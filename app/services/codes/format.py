"""What a code is, byte by byte: 87 bytes, 140 characters in a link, or an ordinary compact JWS."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID

from app.clock import from_epoch
from app.services import tokens
from app.services.codes.base32 import BASE32_LENGTH, PACKED, SPARE_BITS, to_base32
from app.services.tokens import InvalidToken, SigningKey, VerifyingKey

CODE_TYPE: Final = "hx+jwt"
"""`typ` of a code; sign-in tokens have another (RFC 8725, section 3.11)."""

LONGEST_TEXT: Final = 1024
"""Bytes. A link with a code has under 180 and a JWS about 280; more is refused unread."""

UNSIGNED: Final = 23
"""Bytes before the signature."""

FORMAT_VERSION: Final = 1
ALG_ES256: Final = 1
"""Low nibble of the first byte; 2 is reserved for SM2."""
FIRST_BYTE: Final = bytes((FORMAT_VERSION << 4 | ALG_ES256,))
"""Format and algorithm."""

TTL_UNIT: Final = 5
"""Seconds, so that one byte of ttl reaches beyond the ten minutes of a wallet."""

EARLY: Final = 5
"""Seconds before `iat` from which a code counts: clocks differ a little."""

LATE: Final = 10
"""Seconds after `exp` until which a code counts: showing and scanning it take a moment."""

HANDLE_BYTES: Final = 8
JTI_BYTES: Final = 6
SIGNATURE_BYTES: Final = 64

ISS: Final = re.compile(r"[0-9]{4}", re.ASCII)
KID: Final = re.compile(r"[0-9a-f]{2}")
BASE32: Final = re.compile(r"[A-Z2-7]*")
BASE64URL_PARTS: Final = re.compile(r"[A-Za-z0-9_.-]*")

HEADER: Final = re.compile(rb'\{"alg":"ES256","kid":"([0-9a-f]{2})","typ":"hx\+jwt"\}')
PAYLOAD: Final = re.compile(
    rb'\{"exp":([0-9]{1,10}),"iat":([0-9]{1,10}),"iss":"([0-9]{4})",'
    rb'"jti":"([A-Za-z0-9_-]{8})","sub":"([A-Za-z0-9_-]{11})"\}'
)

TO_DIGITS: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV")
"""From the base32 of RFC 4648 to the digits that `int(text, 32)` reads, three times as fast as b32decode."""

SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""AIM symbology identifier (ISO/IEC 15424) that handhelds put in front: `]Q1`, `]Q3` and the like."""

AROUND: Final = (
    "".join(map(chr, [*range(0x21), 0x7F, *range(0x80, 0xA1)]))  # controls and spaces
    + "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    + "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
    + "\"'`<>\u2018\u2019\u201c\u201d\u300c\u300d\u300e\u300f\uff02\uff07"  # quotes, also Chinese ones
)
"""What scanners, keyboards and clipboards leave around a text, and no code begins or ends with."""


class Cause(StrEnum):
    """Why a text is not a code; stored with a scan that was unreadable."""

    TOO_LONG = "too_long"
    EMPTY = "empty"
    FOREIGN_LINK = "foreign_link"
    """A link, but none of ours: a payment code, say."""
    ALPHABET = "alphabet"
    LENGTH = "length"
    SPARE_BITS = "spare_bits"
    VERSION = "version"
    ALGORITHM = "algorithm"
    ISSUER = "issuer"
    """A nibble of the issuer is no decimal digit."""
    NOT_CANONICAL = "not_canonical"
    """A JWS that is not letter for letter the expansion of a code; sign-in tokens end here."""
    CHECKSUM = "checksum"
    """A printed card of which a character was misread or mistyped."""


UNFIT: Final = "A field of the code does not fit its place."


class UnreadableCode(Exception):
    """The text is not a code; whether one is genuine is another question."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class Timing(StrEnum):
    """Where a moment lies with respect to the window of a code."""

    VALID = "valid"
    TOO_EARLY = "too_early"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Code:
    """The fields of a code. Equal fields, equal bytes.

    Raises ValueError where a field does not fit its place.
    """

    iss: str
    """The issuing city: the first four digits of its GB/T 2260 code."""
    kid: str
    """The issuer's key, two lower-case hex digits."""
    sub: bytes
    """The courier's handle of the service day, 8 bytes."""
    iat: int
    """Seconds since 1970, unsigned 32 bits."""
    ttl: int
    """Life in units of 5 s, one byte."""
    jti: bytes
    """6 bytes that only the issuer's server can derive from the fields above."""
    signature: bytes = bytes(SIGNATURE_BYTES)
    """ECDSA r then s, 32 bytes each."""

    def __post_init__(self) -> None:
        _require_fit(self.iss, self.kid, self.sub, self.iat, self.ttl)
        if len(self.jti) != JTI_BYTES or len(self.signature) != SIGNATURE_BYTES:
            raise ValueError(UNFIT)

    @property
    def exp(self) -> int:
        """The end of its life, in seconds since 1970."""
        return self.iat + TTL_UNIT * self.ttl

    @property
    def replay_key(self) -> bytes:
        """17 bytes of iss, kid, sub and jti: the same for every spelling and signature of one code."""
        return bytes.fromhex(self.iss + self.kid) + self.sub + self.jti


def _require_fit(iss: str, kid: str, sub: bytes, iat: int, ttl: int) -> None:
    if not (
        ISS.fullmatch(iss)
        and KID.fullmatch(kid)
        and len(sub) == HANDLE_BYTES
        and 0 <= iat < 1 << 32
        and 0 <= ttl < 1 << 8
    ):
        raise ValueError(UNFIT)


def pack(code: Code) -> bytes:
    """The 87 bytes that the symbol carries."""
    identified = _identified(code.iss, code.kid, code.sub, code.iat, code.ttl)
    return _pack(identified, code.jti, code.signature)


def _pack(identified: bytes, jti: bytes, signature: bytes) -> bytes:
    return FIRST_BYTE + identified + jti + signature


def unpack(packed: bytes) -> Code:
    """The code in 87 bytes; its signature is not looked at.

    Raises:
        UnreadableCode: wrong length, unknown version or algorithm, issuer not decimal.
    """
    if len(packed) != PACKED:
        raise UnreadableCode(Cause.LENGTH)
    if packed[0] >> 4 != FORMAT_VERSION:
        raise UnreadableCode(Cause.VERSION)
    if packed[0] & 0xF != ALG_ES256:
        raise UnreadableCode(Cause.ALGORITHM)
    iss = packed[1:3].hex()
    if not iss.isdecimal():
        raise UnreadableCode(Cause.ISSUER)
    return Code(
        iss=iss,
        kid=packed[3:4].hex(),
        sub=packed[4:12],
        iat=int.from_bytes(packed[12:16], "big"),
        ttl=packed[16],
        jti=packed[17:UNSIGNED],
        signature=packed[UNSIGNED:],
    )


def expand(code: Code) -> str:
    """The code as compact JWS, for any JOSE library."""
    return _compact(signing_input(code), code.signature)


def _compact(signed: bytes, signature: bytes) -> str:
    return f"{signed.decode('ascii')}.{tokens.encode_segment(signature)}"


def signing_input(code: Code) -> bytes:
    """What is signed: the canonical header and payload in base64url, joined by a dot."""
    return _signing_input(iss=code.iss, kid=code.kid, sub=code.sub, iat=code.iat, exp=code.exp, jti=code.jti)


def _signing_input(*, iss: str, kid: str, sub: bytes, iat: int, exp: int, jti: bytes) -> bytes:
    # Every value is digits or base64url, so nothing in it needs JSON escapes.
    payload = (
        f'{{"exp":{exp},"iat":{iat},"iss":"{iss}",'
        f'"jti":"{tokens.encode_segment(jti)}","sub":"{tokens.encode_segment(sub)}"}}'
    )
    return f"{_header(kid)}.{tokens.encode_segment(payload.encode('ascii'))}".encode("ascii")


@lru_cache(maxsize=256)
def _header(kid: str) -> str:
    return tokens.encode_header("ES256", kid, CODE_TYPE)


def parse_code_text(text: str, prefixes: Iterable[str]) -> Code:
    """The code in what a scanner sent; its signature is not looked at.

    Takes the whole link under any of `prefixes` (in any case), the bare base32 (in any case) or the
    expanded JWS, with the white space and artefacts that scanners leave around it.

    Raises:
        UnreadableCode: with its cause; nothing else is raised, whatever the text.
    """
    return parse_body(body_of(text, prefixes))


def parse_body(body: str) -> Code:
    """The code in what is left of a text by `body_of`; raises UnreadableCode."""
    return _parse_jws(body) if "." in body else _parse_base32(body.upper())


def body_of(text: str, prefixes: Iterable[str]) -> str:
    """What a scanner sent without its artefacts and without any of our `prefixes`: visible ASCII.

    Raises:
        UnreadableCode: too long, empty, not ASCII, or a link of others.
    """
    if len(text) > LONGEST_TEXT or len(text.encode("utf-8", "surrogatepass")) > LONGEST_TEXT:
        raise UnreadableCode(Cause.TOO_LONG)
    bare = strip_artefacts(text)
    if not bare:
        raise UnreadableCode(Cause.EMPTY)
    # Before any change of case: the upper case of some foreign letters is an ASCII one.
    if not bare.isascii():
        raise UnreadableCode(Cause.ALPHABET)
    lowered = bare.lower()
    prefix = next((prefix for prefix in prefixes if prefix and lowered.startswith(prefix.lower())), "")
    if not prefix and "://" in bare:
        raise UnreadableCode(Cause.FOREIGN_LINK)
    body = bare[len(prefix) :]
    if not body:
        raise UnreadableCode(Cause.EMPTY)
    return body


def strip_artefacts(text: str) -> str:
    """`text` without what scanners, keyboards and clipboards leave around it."""
    bare = text.strip(AROUND)
    identifier = SYMBOLOGY.match(bare)
    return bare[identifier.end() :].strip(AROUND) if identifier else bare


def _parse_base32(text: str) -> Code:
    if not BASE32.fullmatch(text):
        raise UnreadableCode(Cause.ALPHABET)
    if len(text) != BASE32_LENGTH:
        raise UnreadableCode(Cause.LENGTH)
    bits = int(text.translate(TO_DIGITS), 32)
    if bits & (1 << SPARE_BITS) - 1:
        raise UnreadableCode(Cause.SPARE_BITS)
    return unpack((bits >> SPARE_BITS).to_bytes(PACKED, "big"))


def _parse_jws(text: str) -> Code:
    if not BASE64URL_PARTS.fullmatch(text):
        raise UnreadableCode(Cause.ALPHABET)
    segments = text.split(".")
    if len(segments) != tokens.PARTS:
        raise UnreadableCode(Cause.LENGTH)
    try:
        header, payload, signature = map(tokens.decode_segment, segments)
    except InvalidToken as refusal:
        raise UnreadableCode(Cause.NOT_CANONICAL) from refusal
    head, claims = HEADER.fullmatch(header), PAYLOAD.fullmatch(payload)
    if head is None or claims is None:
        raise UnreadableCode(Cause.NOT_CANONICAL)
    if len(signature) != SIGNATURE_BYTES:
        raise UnreadableCode(Cause.LENGTH)
    exp, iat = int(claims[1]), int(claims[2])
    iss, jti, sub = (part.decode("ascii") for part in claims.groups()[2:])
    try:
        code = Code(
            iss=iss,
            kid=head[1].decode("ascii"),
            sub=tokens.decode_segment(sub),
            iat=iat,
            ttl=(exp - iat) // TTL_UNIT,
            jti=tokens.decode_segment(jti),
            signature=signature,
        )
    except (InvalidToken, ValueError) as refusal:
        raise UnreadableCode(Cause.NOT_CANONICAL) from refusal
    if expand(code) != text:
        raise UnreadableCode(Cause.NOT_CANONICAL)
    return code


def handle(day_key: bytes, courier_id: UUID) -> bytes:
    """The 8 bytes that stand for a courier on the service day of `day_key`."""
    return hmac.digest(day_key, courier_id.bytes, "sha256")[:HANDLE_BYTES]


def jti(jti_key: bytes, *, iss: str, kid: str, sub: bytes, iat: int, ttl: int) -> bytes:
    """The 6 bytes by which the issuer's server knows its own codes: HMAC over bytes 1 to 16 of the code."""
    return _jti(jti_key, _identified(iss, kid, sub, iat, ttl))


def _jti(jti_key: bytes, identified: bytes) -> bytes:
    return hmac.digest(jti_key, identified, "sha256")[:JTI_BYTES]


def _identified(iss: str, kid: str, sub: bytes, iat: int, ttl: int) -> bytes:
    """Bytes 1 to 16: fixed widths, so that no two sets of fields give the same bytes."""
    return bytes.fromhex(iss + kid) + sub + iat.to_bytes(4, "big") + bytes((ttl,))


def is_ours(code: Code, jti_key: bytes) -> bool:
    """Whether the holder of `jti_key` minted `code`: forgeries with a leaked signing key stand out."""
    expected = jti(jti_key, iss=code.iss, kid=code.kid, sub=code.sub, iat=code.iat, ttl=code.ttl)
    return hmac.compare_digest(code.jti, expected)


@dataclass(frozen=True, slots=True)
class SignedCode:
    """A code as it is handed out, in both forms."""

    packed: bytes
    """The 87 bytes that the symbol carries."""
    jws: str

    def symbol_text(self, prefix: str) -> str:
        """What the symbol says: the link prefix and the base32."""
        return prefix + to_base32(self.packed)


def sign_codes(
    slots: Iterable[tuple[bytes, int]], *, iss: str, ttl: int, jti_key: bytes, key: SigningKey
) -> list[SignedCode]:
    """Fresh codes under `key`, one for each handle and `iat` of `slots`; `ttl` counts units of 5 s.

    What both forms hold is written once.

    Raises:
        ValueError: a field does not fit its place in the code.
    """
    codes = []
    for sub, iat in slots:
        _require_fit(iss, key.kid, sub, iat, ttl)
        identified = _identified(iss, key.kid, sub, iat, ttl)
        named = _jti(jti_key, identified)
        signed = _signing_input(iss=iss, kid=key.kid, sub=sub, iat=iat, exp=iat + TTL_UNIT * ttl, jti=named)
        signature = tokens.sign(signed, key)
        codes.append(SignedCode(_pack(identified, named, signature), _compact(signed, signature)))
    return codes


def verify_code(code: Code, key: VerifyingKey) -> bool:
    """Whether `key` signed `code`. The caller selects the key by issuer and kid."""
    return tokens.verifies(signing_input(code), code.signature, key)


def window_of(code: Code) -> tuple[datetime, datetime]:
    """From when until when `code` is valid, both included; see `check_times`."""
    return from_epoch(code.iat - EARLY), from_epoch(code.exp + LATE)


def check_times(code: Code, moment: datetime) -> Timing:
    """Where `moment` (aware: the server's clock, or the device's for a scan made offline) lies.

    Valid from 5 s before `iat` to 10 s after `exp`, both included.
    """
    seconds = moment.timestamp()
    if seconds < code.iat - EARLY:
        return Timing.TOO_EARLY
    if seconds > code.exp + LATE:
        return Timing.EXPIRED
    return Timing.VALID
