"""How signing keys come and go."""

import re
from collections.abc import Sequence

from sqlalchemy import select

from app.ids import new_id
from app.models.keys import SigningKey
from app.services import audit, tokens
from app.services.keys.errors import KeySetInvalid, KeysExhausted, UnknownKey
from app.services.keys.rules import PUBLISHED_AHEAD, KeyState, state_of
from app.work import Work

KIDS = 256
"""Two hex digits."""
KID = re.compile(r"[0-9a-f]{2}")
"""As a code of one byte can name a key."""
ISSUER = re.compile(r"[0-9]{4}")
"""The first four digits of a GB/T 2260 code: a city, or a province's directly governed districts."""


async def list_keys(work: Work) -> Sequence[SigningKey]:
    """All keys that this deployment knows, its own and those of trusted issuers, oldest first."""
    return list(await work.session.scalars(select(SigningKey).order_by(SigningKey.id)))


async def create_first_key(work: Work) -> SigningKey | None:
    """Makes the first key of this issuer, signing at once; None where there is one already."""
    keys = [key for key in await list_keys(work) if key.issuer == work.settings.issuer]
    if any(state_of(key, work.now) in {KeyState.next, KeyState.active} for key in keys):
        return None
    return _create(work, keys, at_once=True)


async def rotate_keys(work: Work, *, at_once: bool = False) -> SigningKey:
    """Publishes a new key and lets the present one sign until the new one takes over, a day later.

    `at_once` leaves out the day, for an emergency: scanners that have not synchronised since refuse
    codes of the new key while they are offline. A rotation under way is finished, not doubled.
    Raises KeysExhausted.
    """
    keys = [key for key in await list_keys(work) if key.issuer == work.settings.issuer]
    waiting = next((key for key in keys if state_of(key, work.now) is KeyState.next), None)
    if waiting is not None and not at_once:
        return waiting
    fresh = waiting or _create(work, keys, at_once=at_once)
    if at_once:
        fresh.active_from = work.now
    for key in keys:
        if key is not fresh and state_of(key, work.now) is KeyState.active:
            key.retires_at = fresh.active_from
    return fresh


async def withdraw_key(work: Work, *, kid: str, reason: str, issuer: str | None = None) -> SigningKey:
    """Takes a key out of the key set for good: it leaked, or an issuer is no longer trusted.

    Where it was the one that signs, another takes over at once; where it was to take over, the one
    that signs goes on. Raises UnknownKey.
    """
    issuer = issuer or work.settings.issuer
    key = await work.session.scalar(
        select(SigningKey).where(SigningKey.issuer == issuer, SigningKey.kid == kid)
    )
    if key is None:
        raise UnknownKey(kid=kid)
    if key.withdrawn_at is not None:
        return key
    was = state_of(key, work.now)
    key.withdrawn_at = work.now
    key.withdrawn_reason = reason
    key.sealed_private = None
    audit.record(
        work, "keys.withdrawn", subject_kind="signing_key", subject_id=f"{issuer}/{kid}", reason=reason
    )
    await work.session.flush()
    if issuer == work.settings.issuer and was is KeyState.active:
        await rotate_keys(work, at_once=True)
    elif was is KeyState.next:
        for other in await list_keys(work):
            if other.issuer == issuer and other.retires_at == key.active_from:
                other.retires_at = None
    return key


async def retire_keys(work: Work) -> int:
    """Forgets the private half of keys that sign no more; the count of them. For the worker."""
    count = 0
    for key in await list_keys(work):
        if key.sealed_private is not None and state_of(key, work.now) in {
            KeyState.retiring,
            KeyState.retired,
        }:
            key.sealed_private = None
            count += 1
    return count


async def trust_issuer(work: Work, *, issuer: str, key_set: object) -> list[SigningKey]:
    """Takes over the published keys of another issuer, so that its codes are recognised here.

    `key_set` is its JWKS (RFC 7517), as JSON that nobody has looked at. Keys already known stay as
    they are, a withdrawn one withdrawn; returns the new ones. Raises KeySetInvalid, and takes none.
    """
    if issuer == work.settings.issuer or not ISSUER.fullmatch(issuer):
        raise KeySetInvalid(cause=f"{issuer} is not another issuer.")
    known = {key.kid for key in await list_keys(work) if key.issuer == issuer}
    members = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(members, list) or not members:
        raise KeySetInvalid(cause="It holds no keys.")
    added = []
    for member in members:
        if not isinstance(member, dict):
            raise KeySetInvalid(cause="A key is not an object.")
        try:
            verifying = tokens.from_jwk(member)
        except ValueError as error:
            raise KeySetInvalid(cause=str(error)) from error
        if not KID.fullmatch(verifying.kid):
            raise KeySetInvalid(cause="A kid is not two small hex digits.")
        if verifying.kid in known:
            continue
        known.add(verifying.kid)
        key = SigningKey(
            id=new_id(),
            issuer=issuer,
            kid=verifying.kid,
            public_jwk=tokens.to_jwk(verifying),
            published_at=work.now,
            active_from=work.now,
        )
        work.session.add(key)
        added.append(key)
    audit.record(
        work,
        "keys.trusted",
        subject_kind="issuer",
        subject_id=issuer,
        details={"kids": [key.kid for key in added]},
    )
    return added


def _create(work: Work, keys: Sequence[SigningKey], *, at_once: bool) -> SigningKey:
    taken = {key.kid for key in keys}
    kid = next((f"{number:02x}" for number in range(1, KIDS) if f"{number:02x}" not in taken), None)
    if kid is None:
        raise KeysExhausted
    pair = tokens.generate_es256(kid)
    key = SigningKey(
        id=new_id(),
        issuer=work.settings.issuer,
        kid=kid,
        public_jwk=tokens.to_jwk(pair.verifying),
        sealed_private=work.vault.seal(
            tokens.to_pem(pair),
            table="signing_keys",
            column="sealed_private",
            row=f"{work.settings.issuer}/{kid}",
        ),
        published_at=work.now,
        active_from=work.now if at_once else work.now + PUBLISHED_AHEAD,
    )
    work.session.add(key)
    audit.record(work, "keys.created", subject_kind="signing_key", subject_id=f"{work.settings.issuer}/{kid}")
    return key
