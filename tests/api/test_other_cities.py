"""Codes of other cities at a gate: known once their keys are trusted, and no reason to open by themselves."""

import httpx
import pytest
from joserfc.jwk import ECKey

from app.runtime import Runtime
from app.services import tokens
from app.services.keys.errors import KeySetInvalid
from app.services.keys.lifecycle import trust_issuer, withdraw_key
from tests.factories.codes import base32, sign_code
from tests.factories.gate_rules import condition, kinds, make_rules
from tests.factories.scans import WorkingGate
from tests.factories.work import seeding

ELSEWHERE = "5001"
"""No city has this code."""


@pytest.fixture
def key() -> ECKey:
    """The signing key of the other city, made by an independent library."""
    return ECKey.generate_key("P-256", {"kid": "0a"})


@pytest.fixture
async def trusted(runtime: Runtime, key: ECKey) -> None:
    async with seeding(runtime) as work:
        await trust_issuer(work, issuer=ELSEWHERE, key_set={"keys": [key.as_dict(private=False)]})


def code_of(runtime: Runtime, key: ECKey, *, issued: int = 0) -> str:
    """A code that the other city made `issued` seconds from now."""
    signing = tokens.from_pem(key.as_pem(private=True), "0a")
    iat = int(runtime.clock().timestamp()) + issued
    code = sign_code(iss=ELSEWHERE, sub=b"stranger", iat=iat, ttl=12, jti_key=bytes(32), key=signing)
    return base32(code)


async def verdict(client: httpx.AsyncClient, gate: WorkingGate, code: str) -> tuple[str, str]:
    reply = await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert answer["identity"] is None
    return answer["verdict"], answer["reason"]


async def test_a_city_that_nobody_trusts_is_unknown(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, key: ECKey
) -> None:
    assert await verdict(client, gate, code_of(runtime, key)) == ("refuse", "unknown_issuer")


@pytest.mark.usefixtures("trusted")
async def test_a_trusted_citys_code_is_checked_once(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, key: ECKey
) -> None:
    code = code_of(runtime, key)
    assert await verdict(client, gate, code) == ("check", "other_city")
    assert await verdict(client, gate, code) == ("check", "code_used")
    assert await verdict(client, gate, code_of(runtime, key, issued=-300)) == ("refuse", "expired")


@pytest.mark.usefixtures("trusted")
async def test_conditions_hold_for_whoever_comes(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, key: ECKey
) -> None:
    """Of a courier of another city nobody knows the work, so only what is said to all is said."""
    on_trucks = condition("货车走北门", vehicles=["truck"])
    await make_rules(runtime, gate, [kinds("parcel_delivery"), condition("步行入内"), on_trucks])
    reply = await client.post("/v1/scans", json=gate.scan(code_of(runtime, key)), headers=gate.guard)
    assert (reply.json()["reason"], reply.json()["conditions"]) == ("other_city", ["步行入内"])


@pytest.mark.usefixtures("trusted")
async def test_a_key_of_the_same_name_opens_nothing(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate
) -> None:
    other = ECKey.generate_key("P-256", {"kid": "0a"})
    assert await verdict(client, gate, code_of(runtime, other)) == ("refuse", "forged")
    async with seeding(runtime) as work:
        key_set = {"keys": [other.as_dict(private=False)]}
        assert await trust_issuer(work, issuer=ELSEWHERE, key_set=key_set) == []
    assert await verdict(client, gate, code_of(runtime, other)) == ("refuse", "forged")


@pytest.mark.usefixtures("trusted")
async def test_a_key_withdrawn_here_stays_withdrawn(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, key: ECKey
) -> None:
    async with seeding(runtime) as work:
        await withdraw_key(work, kid="0a", reason="leaked", issuer=ELSEWHERE)
        await trust_issuer(work, issuer=ELSEWHERE, key_set={"keys": [key.as_dict(private=False)]})
    assert await verdict(client, gate, code_of(runtime, key)) == ("refuse", "key_withdrawn")


async def test_trust_in_ones_own_name_is_refused(runtime: Runtime, key: ECKey) -> None:
    async with seeding(runtime) as work:
        with pytest.raises(KeySetInvalid):
            await trust_issuer(work, issuer="5000", key_set={"keys": [key.as_dict(private=False)]})
