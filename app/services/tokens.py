"""Signs and verifies compact JWS (RFC 7515); the only module that touches python-jose."""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jose import jwk
from jose.backends.base import Key
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyHMACKey
from jose.exceptions import JOSEError

Algorithm = Literal["ES256", "HS256"]
"""ES256 signs codes, which others verify; HS256 signs sign-in tokens, which only we read."""

MAX_TOKEN: Final = 4096
"""Characters. Codes and sign-in tokens have at most 500; a longer one is refused before it is read."""

ACCESS_TYPE: Final = "hx-at+jwt"
"""`typ` of a sign-in token; codes have another, so neither passes for the other (RFC 8725, 3.11)."""

MIN_SECRET: Final = 32
"""Bytes: RFC 7518, section 3.2, wants an HMAC key at least as long as the hash."""

CLOCK_SKEW: Final = 30
"""Seconds by which the clocks of two of our own machines may differ when `iat` is checked."""

PARTS: Final = 3
"""Header, payload, signature (RFC 7515, section 7.1)."""

COORDINATE_BYTES: Final = 32
"""A coordinate of P-256 at full length (RFC 7518, section 6.2.1.2)."""

HEADER_KEYS: Final = frozenset({"alg", "kid", "typ"})
"""All that a protected header may hold: no `crit`, and no key brought along (`jwk`, `jku`, `x5c`)."""


class InvalidToken(Exception):
    """A token that is malformed, forged, of the wrong kind, or out of its time: the one outcome of all."""


class BackendMissing(RuntimeError):
    """python-jose runs on its pure-Python fallback, whose timing leaks the key."""


@dataclass(frozen=True, eq=False)
class VerifyingKey:
    """The public half of an ES256 key."""

    kid: str
    jose: Key = field(repr=False)
    alg: Algorithm = "ES256"


@dataclass(frozen=True, eq=False)
class SigningKey:
    """An ES256 key pair. It signs; `verifying` verifies."""

    kid: str
    jose: Key = field(repr=False)
    alg: Algorithm = "ES256"

    @cached_property
    def verifying(self) -> VerifyingKey:
        """The public half under the same `kid`."""
        return VerifyingKey(self.kid, self.jose.public_key())


@dataclass(frozen=True, eq=False)
class SecretKey:
    """An HS256 key: whoever can verify with it can also sign."""

    kid: str
    jose: Key = field(repr=False)
    alg: Algorithm = "HS256"

    @cached_property
    def access_header(self) -> str:
        """The one spelling of the header of a sign-in token under this key."""
        return encode_header(self.alg, self.kid, ACCESS_TYPE)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a sign-in token says; every member is required in it and nothing else is allowed."""

    iss: str
    """The deployment that issued it."""
    sub: str
    """The account."""
    sid: str
    """The sign-in that it belongs to; ending that ends this token."""
    kind: str
    """The kind of the account, or `shift` for a sign-in that was made for one shift."""
    iat: int
    """Issued at, in seconds since 1970."""
    exp: int
    """Not valid from this second on (RFC 7519, section 4.1.4)."""


ACCESS_CLAIMS: Final[dict[str, type]] = {
    "iss": str,
    "sub": str,
    "sid": str,
    "kind": str,
    "iat": int,
    "exp": int,
}


def require_cryptography_backend() -> None:
    """Refuse to start where python-jose would compute signatures in pure Python.

    Raises:
        BackendMissing: `python-jose` is installed without its `cryptography` extra.
    """
    for alg, wanted in (("ES256", CryptographyECKey), ("HS256", CryptographyHMACKey)):
        if jwk.get_key(alg) is not wanted:
            message = f"python-jose has no cryptography backend for {alg}; install python-jose[cryptography]."
            raise BackendMissing(message)


TO_BASE64: Final = bytes.maketrans(b"-_", b"+/")
TO_BASE64URL: Final = bytes.maketrans(b"+/", b"-_")


def encode_segment(data: bytes) -> str:
    """Unpadded base64url (RFC 7515, section 2)."""
    return b2a_base64(data, newline=False).translate(TO_BASE64URL, b"=").decode("ascii")


def decode_segment(segment: str) -> bytes:
    """The bytes of an unpadded base64url `segment`, which must be the one spelling of them.

    Raises:
        InvalidToken: another alphabet, padding, white space, or spare bits that are not zero.
    """
    try:
        data = a2b_base64(segment.encode("ascii").translate(TO_BASE64) + b"==")
    except ValueError as refusal:
        raise InvalidToken from refusal
    # The decoder skips foreign characters and spare bits; encoding again shows whether there were any.
    if encode_segment(data) != segment:
        raise InvalidToken
    return data


def encode_header(alg: Algorithm, kid: str, typ: str) -> str:
    """A protected header as canonical JSON (keys sorted, no spaces, ASCII) in base64url."""
    return encode_segment(canonical_json({"alg": alg, "kid": kid, "typ": typ}))


def canonical_json(claims: Mapping[str, object]) -> bytes:
    """Keys sorted, no spaces, ASCII: the same claims always give the same bytes."""
    return json.dumps(claims, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def sign(signing_input: bytes, key: SigningKey | SecretKey) -> bytes:
    """The raw signature of `signing_input`: r then s of 32 bytes each for ES256, 32 bytes for HS256."""
    signature: bytes = key.jose.sign(signing_input)
    return signature


def verifies(signing_input: bytes, signature: bytes, key: VerifyingKey | SecretKey) -> bool:
    """Whether `signature` is `key`'s over exactly `signing_input`."""
    try:
        return key.jose.verify(signing_input, signature) is True
    except (JOSEError, ValueError, TypeError, OverflowError):
        return False


def sign_jws(payload: bytes, key: SigningKey | SecretKey, *, typ: str) -> str:
    """A compact JWS over `payload`, with a canonical header that names algorithm, key and `typ`."""
    signing_input = f"{encode_header(key.alg, key.kid, typ)}.{encode_segment(payload)}"
    return f"{signing_input}.{encode_segment(sign(signing_input.encode('ascii'), key))}"


def verify_jws(
    token: str,
    key: VerifyingKey | SecretKey,
    alg: Algorithm,
    *,
    typ: str | None = None,
    longest: int = MAX_TOKEN,
) -> bytes:
    """The payload of a compact JWS of at most `longest` characters that `key` signed with `alg`.

    Strict before any cryptography: size, alphabet, canonical base64url, a flat header of known
    members with string values, that names `alg`. `kid`, where the header has one, must be the key's;
    `typ`, where the caller asks for one, must be that.

    Raises:
        InvalidToken: for whatever reason; the caller learns no more.
    """
    if len(token) > longest or not token.isascii() or key.alg != alg:
        raise InvalidToken
    segments = token.split(".")
    if len(segments) != PARTS:
        raise InvalidToken
    header = _read_header(decode_segment(segments[0]))
    if header.get("alg") != alg or header.get("kid", key.kid) != key.kid:
        raise InvalidToken
    if typ is not None and header.get("typ") != typ:
        raise InvalidToken
    payload = decode_segment(segments[1])
    signature = decode_segment(segments[2])
    if not verifies(token[: token.rindex(".")].encode("ascii"), signature, key):
        raise InvalidToken
    return payload


def _read_header(raw: bytes) -> dict[str, str]:
    """A protected header: a flat object of known members, each once, each a string."""
    try:
        header = json.loads(raw.decode("ascii"), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as refusal:
        raise InvalidToken from refusal
    if type(header) is not dict or not header.keys() <= HEADER_KEYS:
        raise InvalidToken
    if not all(type(value) is str for value in header.values()):
        raise InvalidToken
    return header


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "A member stands twice."
        raise ValueError(message)
    return members


def generate_es256(kid: str) -> SigningKey:
    """A fresh P-256 key pair."""
    return _pair(ec.generate_private_key(ec.SECP256R1()), kid)


def to_pem(key: SigningKey) -> bytes:
    """The private key as unencrypted PKCS8 PEM, to be sealed by the caller before it is stored."""
    return _pkcs8(load_pem_private_key(key.jose.to_pem(), password=None))


def from_pem(pem: bytes, kid: str) -> SigningKey:
    """The key pair in a PKCS8 PEM.

    Raises:
        ValueError: it does not hold an unencrypted P-256 private key.
    """
    try:
        private = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as refusal:
        message = "The signing key must be an unencrypted PKCS8 PEM."
        raise ValueError(message) from refusal
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        message = "The signing key must be a P-256 key."
        raise ValueError(message)  # noqa: TRY004 - the content of a file is wrong, not a type in the program
    return _pair(private, kid)


def _pair(private: ec.EllipticCurvePrivateKey, kid: str) -> SigningKey:
    return SigningKey(kid, jwk.construct(_pkcs8(private), "ES256"))


def _pkcs8(private: PrivateKeyTypes) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def to_jwk(key: VerifyingKey) -> dict[str, str]:
    """The public key as a member of a JWKS (RFC 7517), never with a private part."""
    public = key.jose.to_dict()
    return {
        "alg": "ES256",
        "crv": "P-256",
        "kid": key.kid,
        "kty": "EC",
        "use": "sig",
        "x": public["x"],
        "y": public["y"],
    }


def from_jwk(published: Mapping[str, Any]) -> VerifyingKey:
    """The verifying key in a member of a JWKS, our own or another issuer's.

    Raises:
        ValueError: not a public P-256 key, not for verifying signatures, or a coordinate that is no
            point of the curve or not spelled in 32 bytes.
    """
    kid = published.get("kid")
    if not isinstance(kid, str) or published.get("kty") != "EC" or published.get("crv") != "P-256":
        message = "The key is not a P-256 key with a kid."
        raise ValueError(message)
    if "d" in published:
        message = "The key set holds a private key."
        raise ValueError(message)
    if published.get("use", "sig") != "sig" or published.get("alg", "ES256") != "ES256":
        message = "The key is not meant for ES256 signatures."
        raise ValueError(message)
    uses = published.get("key_ops", ["verify"])
    if not isinstance(uses, list) or "verify" not in uses:
        message = "The key is not meant for verifying."
        raise ValueError(message)
    coordinates = {name: published.get(name) for name in ("x", "y")}
    for value in coordinates.values():
        if not isinstance(value, str) or not _is_coordinate(value):
            message = "A coordinate of the key is not 32 bytes of base64url."
            raise ValueError(message)
    try:
        return VerifyingKey(kid, jwk.construct({"kty": "EC", "crv": "P-256", **coordinates}, "ES256"))
    except JOSEError as refusal:
        message = "The key is not a point of P-256."
        raise ValueError(message) from refusal


def _is_coordinate(text: str) -> bool:
    try:
        return len(decode_segment(text)) == COORDINATE_BYTES
    except InvalidToken:
        return False


def secret_key(kid: str, secret: bytes) -> SecretKey:
    """The HS256 key of at least 32 secret bytes.

    Raises:
        ValueError: the secret is too short.
    """
    if len(secret) < MIN_SECRET:
        message = f"The sign-in secret has {len(secret)} bytes; it needs {MIN_SECRET}."
        raise ValueError(message)
    # Handed over as a JWK: python-jose guesses at raw bytes, and refuses those that look like a PEM.
    return SecretKey(kid, jwk.construct({"kty": "oct", "k": encode_segment(secret)}, "HS256"))


def issue_access_token(claims: AccessClaims, key: SecretKey) -> str:
    """A sign-in token that says `claims`."""
    signing_input = f"{key.access_header}.{encode_segment(canonical_json(_members(claims)))}"
    return f"{signing_input}.{encode_segment(sign(signing_input.encode('ascii'), key))}"


def _members(claims: AccessClaims) -> dict[str, str | int]:
    return {name: getattr(claims, name) for name in ACCESS_CLAIMS}


def read_access_token(token: str, keys: Iterable[SecretKey], *, issuer: str, now: datetime) -> AccessClaims:
    """What a sign-in token of ours says, if it is valid at `now` (aware).

    The header must be, letter for letter, that of one of `keys`, which also selects the key: no other
    algorithm, type or member ever gets as far as a parser. The payload is parsed after it verified.

    Raises:
        InvalidToken: malformed, forged, of another kind or issuer, not yet or no longer valid.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        raise InvalidToken
    head, _, rest = token.partition(".")
    key = next((key for key in keys if key.access_header == head), None)
    body, dot, seal = rest.partition(".")
    if key is None or not dot:
        raise InvalidToken
    payload = decode_segment(body)
    if not verifies(f"{head}.{body}".encode("ascii"), decode_segment(seal), key):
        raise InvalidToken
    claims = _read_claims(payload)
    seconds = now.timestamp()
    if claims.iss != issuer or not claims.iat - CLOCK_SKEW <= seconds < claims.exp:
        raise InvalidToken
    return claims


def _read_claims(payload: bytes) -> AccessClaims:
    try:
        members = orjson.loads(payload)
    except orjson.JSONDecodeError as refusal:
        raise InvalidToken from refusal
    if type(members) is not dict or members.keys() != ACCESS_CLAIMS.keys():
        raise InvalidToken
    for name, kind in ACCESS_CLAIMS.items():
        if type(members[name]) is not kind:
            raise InvalidToken
    return AccessClaims(**members)
