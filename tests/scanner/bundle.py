"""Reading bundles: docs/offline.md, section 1."""

import base64
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

HANDLE_BYTES = 8
FUTURE = timedelta(minutes=1)
"""How far in the device's future a bundle may be signed."""

Keys = dict[str, dict[str, Any]]
"""Public keys as JWKs, by their `kid`."""


class BundleRefused(Exception):
    """The bundle is not to be used; the device goes on with the one it has."""


class UnknownKey(BundleRefused):
    """Nothing is known of the key that signed it: the key set is to be read again."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a device knows while it is alone."""

    ver: int
    iat: int
    iss: str
    enrolment: str
    gate: str
    closed: bool
    issuers: dict[str, Keys]
    prefixes: tuple[str, ...]
    early: float
    late: float
    stale_after: float
    withdrawn: frozenset[bytes]
    complete: bool
    blocked: frozenset[bytes]
    seen: frozenset[bytes] | None
    zone: str
    when_offline: str
    clauses: tuple[dict[str, Any], ...]
    calendar: dict[date, bool]


def keys_of(jwks: dict[str, Any]) -> Keys:
    """The keys of a JWKS by their `kid`."""
    return {key["kid"]: key for key in jwks["keys"]}


def read_bundle(text: str, keys: Keys, *, enrolment: str, least: int, at: datetime) -> Bundle:
    """The bundle in a compact JWS, checked for this device.

    Args:
        text: The claim `bundle` of the answer.
        keys: The statement keys that the device holds.
        enrolment: Its own place.
        least: The version that it has, or 0.
        at: Its time, corrected by this answer.
    """
    claims = _verified(text, keys)
    if claims["enrolment"] != enrolment:
        raise BundleRefused("it is for another place")
    if claims["ver"] < least:
        raise BundleRefused("it is older than the one that is here")
    if claims["iat"] > (at + FUTURE).timestamp():
        raise BundleRefused("it was signed in the future")
    rules = claims.get("rules") or {}
    return Bundle(
        ver=claims["ver"],
        iat=claims["iat"],
        iss=claims["iss"],
        enrolment=claims["enrolment"],
        gate=claims["gate"],
        closed=claims["closed"],
        issuers={iss: keys_of(jwks) for iss, jwks in claims["issuers"].items()},
        prefixes=tuple(claims["prefixes"]),
        early=claims["early"],
        late=claims["late"],
        stale_after=claims["stale_after"],
        withdrawn=_handles(claims["withdrawn"]["handles"]),
        complete=claims["withdrawn"]["complete"],
        blocked=_handles(claims.get("blocked") or ""),
        seen=None if (seen := claims.get("seen")) is None else _handles(seen),
        zone=claims.get("zone") or "UTC",
        when_offline=rules.get("when_offline") or "admit_and_flag",
        clauses=tuple(rules.get("clauses") or ()),
        calendar={date.fromisoformat(day): off for day, off in (claims.get("calendar") or {}).items()},
    )


def _verified(text: str, keys: Keys) -> dict[str, Any]:
    try:
        header = json.loads(_decoded(text.partition(".")[0]))
        if header != {"alg": "ES256", "kid": header.get("kid"), "typ": "hx-bundle+jwt"}:
            raise BundleRefused("it is no bundle")
        if header["kid"] not in keys:
            raise UnknownKey(str(header["kid"]))
        signed = jws.deserialize_compact(text, ECKey.import_key(keys[header["kid"]]), algorithms=["ES256"])
    except (JoseError, ValueError, AttributeError) as error:
        raise BundleRefused("it is not signed by the server") from error
    claims: dict[str, Any] = json.loads(signed.payload)
    return claims


def _handles(text: str) -> frozenset[bytes]:
    joined = _decoded(text)
    return frozenset(joined[at : at + HANDLE_BYTES] for at in range(0, len(joined), HANDLE_BYTES))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
