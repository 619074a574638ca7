"""Shared devices at the same instant: one code by many, one PIN guessed at by many, and what is kept."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.main import create_app
from app.models.accounts import SignIn
from app.models.devices import Badge, Shift, ShiftSignIn
from app.runtime import Runtime
from app.services.accounts.passwords import hashes
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.factories.settings import make_settings
from tests.factories.shared_devices import (
    PIN,
    Headers,
    SharedGate,
    another_device,
    make_guard,
    of_shift,
    open_shared_gate,
    refreshed,
    set_pin,
    shift_code,
    take_over,
)
from tests.logs import captured_logs
from tests.storage import everything_stored

AT_ONCE = 50


@pytest.fixture
def settings() -> Settings:
    """Without limits by address, so that only the lock of the badge stops anybody."""
    return make_settings(rate_limits=False, access_token_seconds=3600)


@pytest.fixture
async def runtime(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock
) -> AsyncIterator[Runtime]:
    """On a database with sessions of its own."""
    runtime = Runtime.of(settings, secrets, database=own_database, clock=clock)
    yield runtime
    await runtime.close()


@pytest.fixture
async def gate(runtime: Runtime) -> SharedGate:
    return await open_shared_gate(runtime, name="翠湖苑")


@pytest.fixture
async def guard(runtime: Runtime, gate: SharedGate) -> Headers:
    return (await make_guard(runtime, gate.seen))[0]


async def kept(runtime: Runtime) -> tuple[int, int]:
    """How many shifts were ever started, and how many sign-ins made for one are alive."""
    async with runtime.database.session(write=False) as session:
        alive = (
            select(func.count())
            .select_from(ShiftSignIn)
            .join(SignIn, SignIn.id == ShiftSignIn.sign_in_id)
            .where(SignIn.ended_at.is_(None))
        )
        started = await session.scalar(select(func.count()).select_from(Shift))
        return started or 0, await session.scalar(alive) or 0


async def test_a_code_redeemed_by_fifty_at_once_starts_one_shift(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    """All by the device that is first are answered alike; all by the other are refused."""
    devices = [gate.device, await another_device(runtime, gate)]
    code = await shift_code(client, guard)
    replies = await asyncio.gather(
        *(take_over(client, devices[turn % 2], code=code) for turn in range(AT_ONCE))
    )
    assert Counter(reply.status_code for reply in replies) == {201: AT_ONCE // 2, 409: AT_ONCE // 2}
    taken = [reply.json() for reply in replies if reply.status_code == 201]
    assert len({answer["shift"]["id"] for answer in taken}) == 1
    assert len({answer["tokens"]["refresh_token"] for answer in taken}) == 1
    assert await kept(runtime) == (1, 1)
    headers = {"Authorization": f"Bearer {taken[-1]['tokens']['access_token']}"}
    assert (await client.get("/v1/shifts/current", headers=headers)).status_code == 200


async def test_of_fifty_wrong_pins_at_once_five_are_checked(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers, clock: SettableClock
) -> None:
    badge = await set_pin(client, gate, guard)
    before = hashes.computed
    replies = await asyncio.gather(
        *(take_over(client, gate.device, badge=badge, pin=f"{number:06}") for number in range(AT_ONCE))
    )
    codes = Counter(reply.json()["code"] for reply in replies)
    assert codes == {"pin_refused": 5, "pin_locked": AT_ONCE - 5}
    assert hashes.computed - before == 5

    locked = await take_over(client, gate.device, badge=badge, pin=PIN)
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "900")
    # The guard is not shut out: a code works, and so does the PIN once it is set anew.
    assert (await take_over(client, gate.device, code=await shift_code(client, guard))).status_code == 201
    assert await set_pin(client, gate, guard, "739120") == badge
    assert (await take_over(client, gate.device, badge=badge, pin=PIN)).json()["code"] == "pin_refused"
    clock.advance(minutes=1)
    assert (await take_over(client, gate.device, badge=badge, pin="739120")).status_code == 201


async def test_a_lock_ends_and_a_success_forgets(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers, clock: SettableClock
) -> None:
    badge = await set_pin(client, gate, guard)
    for _ in range(2):
        for _ in range(4):
            reply = await take_over(client, gate.device, badge=badge, pin="999111")
            assert reply.json()["code"] == "pin_refused"
        assert (await take_over(client, gate.device, badge=badge, pin=PIN)).status_code == 201
    for _ in range(5):
        await take_over(client, gate.device, badge=badge, pin="999111")
    assert (await take_over(client, gate.device, badge=badge, pin=PIN)).status_code == 429
    clock.advance(minutes=15)
    assert (await take_over(client, gate.device, badge=badge, pin=PIN)).status_code == 201


async def test_whether_a_badge_exists_cannot_be_told(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    """The same answers, and the same hashing work, from the first failure through the lock."""
    other = await open_shared_gate(runtime, name="另一个")
    badge = await set_pin(client, gate, guard)
    assert await set_pin(client, other, (await make_guard(runtime, other.seen))[0]) == badge
    for _ in range(6):
        seen = []
        for number in (badge, badge + 1, 99_999):
            before = hashes.computed
            reply = await take_over(client, gate.device, badge=number, pin="999111")
            body = {name: v for name, v in reply.json().items() if name not in {"instance", "request_id"}}
            seen.append((reply.status_code, body, reply.headers.get("retry-after"), hashes.computed - before))
        assert all(answer == seen[0] for answer in seen)
    # The same number next door is another badge.
    assert (await take_over(client, other.device, badge=badge, pin=PIN)).status_code == 201


async def test_no_login_that_anybody_types_locks_a_badge(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers
) -> None:
    badge = await set_pin(client, gate, guard)
    for _ in range(6):
        body = {"login": f"{gate.compound_id} {badge}", "password": "guess", "client": "desk"}
        reply = await client.post("/v1/sign-ins/staff", json=body)
    assert reply.json()["code"] == "sign_in_locked"
    assert (await take_over(client, gate.device, badge=badge, pin=PIN)).status_code == 201


async def test_a_right_pin_typed_fifty_times_at_once_starts_one_shift(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    """Attempts count before they are checked, so that some may be locked out; none fails otherwise."""
    badge = await set_pin(client, gate, guard)
    replies = await asyncio.gather(
        *(take_over(client, gate.device, badge=badge, pin=PIN) for _ in range(AT_ONCE))
    )
    statuses = Counter(reply.status_code for reply in replies)
    assert statuses.keys() <= {201, 429}
    assert statuses[201] >= 1
    taken = [reply.json() for reply in replies if reply.status_code == 201]
    assert len({answer["shift"]["id"] for answer in taken}) == 1
    assert await kept(runtime) == (1, 1)


async def test_of_twenty_guards_at_once_one_is_on_shift_and_signed_in(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate
) -> None:
    guards = [(await make_guard(runtime, gate.seen))[0] for _ in range(20)]
    codes = [await shift_code(client, guard) for guard in guards]
    replies = await asyncio.gather(*(take_over(client, gate.device, code=code) for code in codes))
    assert {reply.status_code for reply in replies} == {201}
    seen = Counter(
        [(await client.get("/v1/shifts/current", headers=of_shift(reply))).status_code for reply in replies]
    )
    assert seen == {200: 1, 401: 19}
    assert await kept(runtime) == (20, 1)


async def test_who_is_relieved_while_refreshing_is_signed_out(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    next_guard, _ = await make_guard(runtime, gate.seen)
    for relieved, relieving in [(guard, next_guard), (next_guard, guard)] * 3:
        before = await take_over(client, gate.device, code=await shift_code(client, relieved))
        code = await shift_code(client, relieving)
        renewed, after = await asyncio.gather(
            refreshed(client, before), take_over(client, gate.device, code=code)
        )
        assert after.status_code == 201
        assert renewed.status_code in {200, 401}
        tokens = [before.json()["tokens"]["access_token"]]
        if renewed.status_code == 200:
            tokens.append(renewed.json()["access_token"])
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}"}
            assert (await client.get("/v1/shifts/current", headers=headers)).status_code == 401
        assert (await client.get("/v1/shifts/current", headers=of_shift(after))).status_code == 200
        assert (await kept(runtime))[1] == 1


async def test_fifty_guards_at_once_get_fifty_badges(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate
) -> None:
    guards = [(await make_guard(runtime, gate.seen))[0] for _ in range(25)]
    badges = await asyncio.gather(*(set_pin(client, gate, guard) for guard in [*guards, *guards]))
    assert sorted(badges[:25]) == list(range(1, 26))
    assert badges[25:] == badges[:25]
    async with runtime.database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(Badge)) == 25


@pytest.mark.parametrize("by", ["code", "pin"])
async def test_a_device_lost_during_a_take_over_leaves_nobody_signed_in(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers, by: str
) -> None:
    proof: dict[str, Any] = (
        {"code": await shift_code(client, guard)}
        if by == "code"
        else {"badge": await set_pin(client, gate, guard), "pin": PIN}
    )
    path, body = f"/v1/devices/{gate.device_id}/loss", {"reason": "被盗"}
    replies = await asyncio.gather(
        take_over(client, gate.device, **proof),
        client.post(path, json=body, headers=gate.manager),
        take_over(client, gate.device, **proof),
    )
    assert replies[1].status_code == 204
    assert {reply.status_code for reply in replies[::2]} <= {201, 401, 409}
    assert (await kept(runtime))[1] == 0
    for reply in replies[::2]:
        if reply.status_code == 201:
            assert (await client.get("/v1/shifts/current", headers=of_shift(reply))).status_code == 401


async def test_one_who_loses_the_role_during_a_take_over_is_signed_out(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate
) -> None:
    guard, account_id = await make_guard(runtime, gate.seen)
    code, badge = await shift_code(client, guard), await set_pin(client, gate, guard)
    (held,) = (
        item
        for item in (await client.get("/v1/grants", headers=gate.manager)).json()["items"]
        if item["account_id"] == str(account_id)
    )
    replies = await asyncio.gather(
        take_over(client, gate.device, code=code),
        client.delete(f"/v1/grants/{held['id']}", headers=gate.manager),
        take_over(client, gate.device, badge=badge, pin=PIN),
        client.put(gate.pin_path, json={"pin": "739120"}, headers=guard),
    )
    assert replies[1].status_code == 204
    assert {reply.status_code for reply in replies} <= {200, 201, 204, 403, 404, 409}
    assert (await kept(runtime))[1] == 0


async def test_no_code_pin_or_token_is_stored_or_logged(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock, tmp_path: Path
) -> None:
    with captured_logs() as logs:
        runtime = Runtime.of(settings, secrets, database=own_database, clock=clock)
        gate = await open_shared_gate(runtime, name="翠湖苑")
        guard, _ = await make_guard(runtime, gate.seen)
        transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
            code, badge = await shift_code(client, guard), await set_pin(client, gate, guard)
            taken = [
                await take_over(client, gate.device, badge=badge, pin=PIN),
                await take_over(client, gate.device, code=code),
            ]
            await take_over(client, gate.device, badge=badge, pin="739120")
        everything = await everything_stored(own_database, tmp_path)
        await runtime.close()
        written = logs.getvalue().encode()
    tokens = [reply.json()["tokens"] for reply in taken]
    planted = [code, code.replace("-", "")]
    planted += [token[name] for token in tokens for name in ("access_token", "refresh_token")]
    # Six digits stand in many an identifier: here as a word of their own.
    pins = re.compile(rf"(?<![0-9a-zA-Z-])({PIN}|739120)(?![0-9a-zA-Z])".encode())
    assert "翠湖苑".encode() in everything
    assert b"/v1/devices/current/shifts" in written
    assert [text for text in planted if text.encode() in everything + written] == []
    assert pins.findall(everything + written) == []
    assert pins.findall(f'{{"pin":"{PIN}"}}'.encode())
