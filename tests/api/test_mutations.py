"""R1 over HTTP: nothing that was made of a valid code or sign-in token without its key is accepted."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from random import Random

import httpx
import pytest

from app.database import Database
from app.services.codes import format as code_format
from app.services.codes.format import UnreadableCode
from app.settings import Secrets, Settings
from tests.factories.codes import base32, symbol_text
from tests.factories.scans import WorkingGate, bring_courier, mint, open_gate
from tests.mutations import ORDER, mutations_of_code, mutations_of_token
from tests.processes import Process, start_processes

AT_ONCE = 50
"""Requests under way: scans that arrive together share a commit."""

UNPROVEN = {"unreadable", "forged", "unknown_key", "unknown_issuer"}
"""Reasons that are given before anything that the code says is believed."""

HOW_MANY = pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.long)])


@pytest.fixture
async def process(own_database: Database, settings: Settings, secrets: Secrets) -> AsyncIterator[Process]:
    async with start_processes(own_database, settings, secrets, count=1) as (started,):
        yield started


@pytest.fixture
async def gate(process: Process) -> WorkingGate:
    return await open_gate(process.runtime, name="翠湖苑")


def chunks(mutated: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(mutated), AT_ONCE):
        yield mutated[start : start + AT_ONCE]


def same_code(text: str, prefixes: tuple[str, ...], code: code_format.Code) -> bool:
    """Whether `text` only spells the code in another way that the format allows."""
    try:
        return code_format.parse_code_text(text, prefixes) == code
    except UnreadableCode:
        return False


@HOW_MANY
async def test_no_mutation_of_a_code_opens_a_gate_or_counts_as_genuine(
    process: Process, gate: WorkingGate, count: int
) -> None:
    client, prefixes = process.client, process.runtime.settings.link_prefixes
    text, other = [
        (await mint(client, await bring_courier(process.runtime, serial=serial)))[0] for serial in (1, 2)
    ]
    code = code_format.parse_code_text(text, prefixes)
    (published,) = (await client.get("/.well-known/jwks.json")).json()["keys"]
    makers = mutations_of_code(
        text,
        code_format.expand(code),
        prefix=prefixes[0],
        other=code_format.parse_code_text(other, prefixes),
        published=published,
    )
    random = Random(20260511)
    mutated: list[str] = []
    while len(mutated) < count:
        candidate = makers[len(mutated) % len(makers)](random)
        if not same_code(candidate, prefixes, code):
            mutated.append(candidate)

    async def scanned(candidate: str) -> tuple[str, str]:
        reply = await client.post("/v1/scans", json=gate.scan(candidate), headers=gate.guard)
        assert reply.status_code == 200, (candidate, reply.text)
        return reply.json()["verdict"], reply.json()["reason"]

    async def examined(candidate: str) -> str | None:
        reply = await client.post("/v1/codes/examinations", json={"code": candidate}, headers=gate.guard)
        assert reply.status_code == 200, (candidate, reply.text)
        proof: str | None = reply.json()["proof"]
        return proof

    verdicts: Counter[tuple[str, str]] = Counter()
    proofs: Counter[str | None] = Counter()
    for part in chunks(mutated):
        verdicts.update(await asyncio.gather(*map(scanned, part)))
        proofs.update(await asyncio.gather(*map(examined, part)))
    assert {verdict for verdict, _ in verdicts} == {"refuse"}, verdicts
    assert {reason for _, reason in verdicts} == UNPROVEN, verdicts
    assert proofs.keys() == {None, "forged", "unknown_key", "unknown_issuer"}, proofs
    assert await scanned(text) == ("admit", "verified")


async def test_another_signature_and_other_spellings_are_the_same_code(
    process: Process, gate: WorkingGate
) -> None:
    """ECDSA takes n - s for s: whoever knows a code can sign it again, and gains nothing by it."""
    client, prefixes = process.client, process.runtime.settings.link_prefixes
    (text,) = await mint(client, await bring_courier(process.runtime, serial=1))
    code = code_format.parse_code_text(text, prefixes)
    r, s = code.signature[:32], int.from_bytes(code.signature[32:], "big")
    resigned = code_format.Code(
        code.iss, code.kid, code.sub, code.iat, code.ttl, code.jti, r + (ORDER - s).to_bytes(32, "big")
    )
    spellings = [
        symbol_text(resigned, prefixes[0]),
        code_format.expand(resigned),
        code_format.expand(code),
        text.lower(),
        f"]Q1 {base32(code)}\r\n",
    ]
    body = gate.scan(text)
    first = (await client.post("/v1/scans", json=body, headers=gate.guard)).json()
    assert first["verdict"] == "admit"
    for spelling in spellings:
        again = await client.post("/v1/scans", json=body | {"code": spelling}, headers=gate.guard)
        assert again.json() == first | {"repeated": True}, spelling
        used = await client.post("/v1/scans", json=gate.scan(spelling), headers=gate.guard)
        assert (used.json()["verdict"], used.json()["reason"]) == ("check", "code_used"), spelling


@HOW_MANY
async def test_no_mutation_of_a_sign_in_token_signs_in(
    process: Process, gate: WorkingGate, count: int
) -> None:
    client = process.client
    token = gate.guard["Authorization"].removeprefix("Bearer ")
    (published,) = (await client.get("/.well-known/jwks.json")).json()["keys"]
    makers = mutations_of_token(token, published=published)
    random = Random(20260512)
    mutated: list[str] = []
    while len(mutated) < count:
        candidate = makers[len(mutated) % len(makers)](random)
        if candidate.strip() != token:
            mutated.append(candidate)

    async def asked(candidate: str) -> httpx.Response:
        return await client.get("/v1/me", headers={"authorization": f"Bearer {candidate}"})

    statuses: Counter[tuple[int, str]] = Counter()
    for part in chunks(mutated):
        for reply in await asyncio.gather(*map(asked, part)):
            statuses[reply.status_code, reply.json()["code"]] += 1
    assert statuses == {(401, "unauthenticated"): count}
    assert (await asked(token)).status_code == 200


async def test_codes_and_sign_in_tokens_do_not_stand_in_for_each_other(
    process: Process, gate: WorkingGate
) -> None:
    client, prefixes = process.client, process.runtime.settings.link_prefixes
    (text,) = await mint(client, await bring_courier(process.runtime, serial=1))
    jws = code_format.expand(code_format.parse_code_text(text, prefixes))
    for code in (text, jws, text.removeprefix(prefixes[0])):
        reply = await client.get("/v1/me", headers={"authorization": f"Bearer {code}"})
        assert reply.status_code == 401
    token = gate.guard["Authorization"].removeprefix("Bearer ")
    for spelled in (token, prefixes[0] + token):
        reply = await client.post("/v1/scans", json=gate.scan(spelled), headers=gate.guard)
        assert (reply.json()["verdict"], reply.json()["reason"]) == ("refuse", "unreadable")
