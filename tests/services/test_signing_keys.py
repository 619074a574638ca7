"""Signing keys come and go without a moment in which none signs."""

from datetime import timedelta

import pytest

from app.runtime import Runtime
from app.services.keys.lifecycle import create_first_key, list_keys, rotate_keys, withdraw_key
from app.services.keys.ring import load_key_states
from app.services.keys.rules import LAST_CODE, PUBLISHED_AHEAD, signing_now
from tests.clocks import SettableClock
from tests.factories.work import seeding

AROUND_THE_CHANGE = (timedelta(0), PUBLISHED_AHEAD, PUBLISHED_AHEAD + LAST_CODE)


@pytest.fixture(autouse=True)
async def first(runtime: Runtime) -> None:
    async with seeding(runtime) as work:
        await create_first_key(work)


async def signers(runtime: Runtime, *, at: tuple[timedelta, ...]) -> list[str | None]:
    """The kid that signs at each of these distances from now."""
    async with seeding(runtime) as work:
        keys = [(work.now + ahead, await list_keys(work)) for ahead in at]
        found = [signing_now(known, work.settings.issuer, moment) for moment, known in keys]
    return [key.kid if key else None for key in found]


async def published(runtime: Runtime) -> list[str]:
    async with seeding(runtime) as work:
        states = await load_key_states(work.session, work.now)
        return [key["kid"] for key in states.key_set(work.settings.issuer)["keys"]]


async def test_a_rotation_publishes_first_and_signs_a_day_later(
    runtime: Runtime, clock: SettableClock
) -> None:
    async with seeding(runtime) as work:
        assert (await rotate_keys(work)).kid == "02"
    assert await signers(runtime, at=AROUND_THE_CHANGE) == ["01", "02", "02"]
    assert await published(runtime) == ["01", "02"]
    clock.advance(seconds=(PUBLISHED_AHEAD + LAST_CODE).total_seconds())
    assert await published(runtime) == ["02"]


@pytest.mark.parametrize(
    ("kid", "signing"), [("01", ["02", "02", "02"]), ("02", ["01", "01", "01"])], ids=["present", "next"]
)
async def test_whichever_key_of_a_rotation_is_withdrawn_the_other_signs_on(
    runtime: Runtime, kid: str, signing: list[str]
) -> None:
    async with seeding(runtime) as work:
        await rotate_keys(work)
    async with seeding(runtime) as work:
        await withdraw_key(work, kid=kid, reason="leaked")
    assert await signers(runtime, at=AROUND_THE_CHANGE) == signing
    assert kid not in await published(runtime)


async def test_the_last_key_withdrawn_is_replaced_at_once(runtime: Runtime) -> None:
    async with seeding(runtime) as work:
        await withdraw_key(work, kid="01", reason="leaked")
    assert await signers(runtime, at=AROUND_THE_CHANGE) == ["02", "02", "02"]
