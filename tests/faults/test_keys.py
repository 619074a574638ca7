"""Keys come and go under load without one failed request: R17."""

import asyncio
import itertools
import os
import sys
from collections.abc import Sequence

import pytest
from pydantic import SecretBytes

from app.services.keys.lifecycle import rotate_keys
from app.settings import Secrets
from tests.factories.work import seeding
from tests.faults.crowds import Crowd, assert_kept
from tests.faults.grounds import Ground
from tests.faults.inside import Inside, served_inside
from tests.faults.lines import Line
from tests.faults.servers import COMMAND

WRITERS = 8
READERS = 4
BETWEEN = 40
"""Scans from one change to the next."""


async def huixin(ground: Ground, *arguments: str) -> None:
    """Runs a command of the deployment, as its operator does."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, env=ground.environment, stdout=asyncio.subprocess.PIPE, stderr=sys.stderr
    )
    await process.communicate()
    assert process.returncode == 0


def assert_no_request_failed(crowd: Crowd) -> None:
    assert crowd.answers.keys() == {200, 201}, crowd.answers
    assert crowd.broken == 0


async def scan_fresh_codes(ground: Ground, inside: Sequence[Inside]) -> set[tuple[str, str]]:
    """Mints at each server and scans what it minted at each; the verdicts, with their reasons."""
    verdicts = set()
    ways = itertools.product(inside, inside)
    for (minting, scanning), courier in zip(ways, ground.couriers, strict=False):
        gate = ground.gates[0]
        async with Line(minting.port) as there, Line(scanning.port) as here:
            minted = await there.exchange("POST", "/v1/codes", {"count": 1}, courier.headers["Authorization"])
            assert minted.status == 201, minted
            body = gate.scan(minted.json()["items"][0]["text"])
            reply = await here.exchange("POST", "/v1/scans", body, gate.guard["Authorization"])
            assert reply.status == 200, reply
            verdicts.add((reply.json()["verdict"], reply.json()["reason"]))
    return verdicts


async def test_signing_keys_rotate_and_are_withdrawn_under_load(ground: Ground) -> None:
    async with served_inside(ground, ground.database_url, count=2) as inside:
        ports = [each.port for each in inside]
        async with Crowd(ports, ground, writers=WRITERS, readers=READERS) as crowd:
            for command in (
                ("keys", "rotate"),
                ("keys", "rotate", "--now"),
                ("keys", "withdraw", ground.key.kid, "--reason", "test"),
            ):
                await crowd.reach(len(crowd.acknowledged) + BETWEEN)
                await huixin(ground, *command)
                await crowd.reach(len(crowd.acknowledged) + BETWEEN)
        assert_no_request_failed(crowd)
        await assert_kept(crowd, ground.database_url)
        assert await scan_fresh_codes(ground, inside) == {("admit", "verified")}
    # The crowd still shows codes of the key that was withdrawn; they are ours, so noon goes on.
    assert {answer["reason"] for answer in crowd.acknowledged.values()} == {"verified", "key_withdrawn"}


async def test_master_keys_rotate_by_one_process_after_the_other_under_load(ground: Ground) -> None:
    """First every process learns to open what the new key seals, then one after the other seals with it."""
    old = ground.deployment.secrets
    both = {**old.master_keys, 2: SecretBytes(os.urandom(32))}
    learning = old.model_copy(update={"master_keys": both, "sealing_key": 1})
    new = old.model_copy(update={"master_keys": both})
    seen = set()
    for number, pair in enumerate(
        [(old, old), (old, learning), (learning, learning), (learning, new), (new, new)]
    ):
        async with served_inside(ground, ground.database_url, secrets=pair) as inside:
            ports = [each.port for each in inside]
            async with Crowd(ports, ground, writers=WRITERS, readers=READERS) as crowd:
                for each in inside:
                    async with seeding(each.runtime) as work:
                        key = await rotate_keys(work, at_once=True)
                    assert key.sealed_private is not None
                    seen.add((number, key.sealed_private[0]))
                    await crowd.reach(len(crowd.acknowledged) + BETWEEN)
            assert_no_request_failed(crowd)
            assert await scan_fresh_codes(ground, inside) == {("admit", "verified")}
    assert seen == {(0, 1), (1, 1), (2, 1), (3, 1), (3, 2), (4, 2)}


@pytest.mark.parametrize("number", [0, 2, 256])
def test_what_seals_must_be_a_key_that_is_there(secrets: Secrets, number: int) -> None:
    with pytest.raises(ValueError, match="sealing_key"):
        Secrets.model_validate(secrets.model_dump(mode="json", exclude_none=True) | {"sealing_key": number})
