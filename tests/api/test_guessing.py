"""Passwords cannot be guessed, and no answer tells which logins exist."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.database import Database
from app.main import create_app
from app.models.accounts import Attempts, Role
from app.runtime import Runtime
from app.services.accounts.passwords import hashes
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, Work, begin_work
from tests.clocks import SettableClock
from tests.factories.accounts import EVERYWHERE, make_staff, one_time_password
from tests.factories.settings import make_settings

PASSWORD = "seven grey herons wait"
REGISTRAR = ((Role.registrar, EVERYWHERE),)


async def attempt(
    client: httpx.AsyncClient, login: str, password: str, totp: str | None = None
) -> httpx.Response:
    body: dict[str, Any] = {"login": login, "password": password, "client": "desk"}
    return await client.post("/v1/sign-ins/staff", json=body | ({"totp": totp} if totp else {}))


def told(reply: httpx.Response) -> tuple[Any, ...]:
    """All that a caller learns from an answer, but for what names the request itself."""
    body = {name: value for name, value in reply.json().items() if name not in {"instance", "request_id"}}
    headers = {name for name in reply.headers if name not in {"x-request-id", "content-length"}}
    return (reply.status_code, body, headers, reply.headers.get("retry-after"))


async def test_five_wrong_lock_out_the_right_one(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    _, secret = await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    for _ in range(5):
        reply = await attempt(client, "wang.min", "not the password")
        assert (reply.status_code, reply.json()["code"]) == (401, "sign_in_refused")

    locked = await attempt(client, "WANG.MIN ", PASSWORD, one_time_password(secret, clock()))
    assert (locked.status_code, locked.json()["code"]) == (429, "sign_in_locked")
    assert locked.headers["retry-after"] == "900"

    clock.advance(minutes=15)
    right = await attempt(client, "wang.min", PASSWORD, one_time_password(secret, clock()))
    assert right.status_code == 201


async def test_each_further_failure_locks_for_twice_as_long(
    client: httpx.AsyncClient, clock: SettableClock
) -> None:
    waits = []
    for _ in range(5):
        await attempt(client, "nobody", "guess")
    for _ in range(4):
        reply = await attempt(client, "nobody", "guess")
        waits.append(int(reply.headers["retry-after"]))
        clock.advance(seconds=waits[-1])
        await attempt(client, "nobody", "guess")
    assert waits == [900, 1800, 3600, 7200]


async def test_a_success_forgets_the_failures(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    _, secret = await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    for _ in range(2):
        for _ in range(4):
            assert (await attempt(client, "wang.min", "wrong")).status_code == 401
        clock.advance(minutes=1)
        right = await attempt(client, "wang.min", PASSWORD, one_time_password(secret, clock()))
        assert right.status_code == 201


async def test_what_exists_cannot_be_told(client: httpx.AsyncClient, work: Work) -> None:
    """The same answers, and the same hashing work, from the first failure through the lock."""
    await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    ended, _ = await make_staff(work, login="gone.now", password=PASSWORD, grants=())
    ended.ended_at = work.now
    unset, _ = await make_staff(work, login="not.yet", password=PASSWORD, grants=())
    unset.password_hash = None
    await work.session.flush()

    for _ in range(6):
        seen = []
        for login in ("wang.min", "nobody.here", "gone.now", "not.yet"):
            before = hashes.computed
            reply = await attempt(client, login, "guess of the day")
            seen.append((*told(reply), hashes.computed - before))
        assert all(answer == seen[0] for answer in seen)


async def test_without_its_one_time_password_a_right_password_opens_nothing(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    _, secret = await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    missing = await attempt(client, "wang.min", PASSWORD)
    assert (missing.status_code, missing.json()["code"]) == (401, "second_factor_required")
    wrong = await attempt(client, "wang.min", PASSWORD, "000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in_refused")
    # Who knows the password cannot start over by asking without the one-time password.
    for _ in range(3):
        assert (await attempt(client, "wang.min", PASSWORD)).status_code == 401
    locked = await attempt(client, "wang.min", PASSWORD, one_time_password(secret, clock()))
    assert locked.json()["code"] == "sign_in_locked"


@pytest.mark.parametrize(("seconds", "status"), [(-90, 401), (-30, 201), (0, 201), (30, 201), (90, 401)])
async def test_a_phone_may_be_half_a_minute_off(
    client: httpx.AsyncClient, work: Work, clock: SettableClock, seconds: int, status: int
) -> None:
    _, secret = await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    shown = one_time_password(secret, datetime.fromtimestamp(clock().timestamp() + seconds, clock().tzinfo))
    assert (await attempt(client, "wang.min", PASSWORD, shown)).status_code == status


async def test_a_one_time_password_is_used_one_time(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    _, secret = await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    shown = one_time_password(secret, clock())
    assert (await attempt(client, "wang.min", PASSWORD, shown)).status_code == 201
    assert (await attempt(client, "wang.min", PASSWORD, shown)).status_code == 401
    clock.advance(seconds=30)
    fresh = one_time_password(secret, clock())
    assert (await attempt(client, "wang.min", PASSWORD, fresh)).status_code == 201


async def test_many_logins_from_one_place_are_stopped(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    _, secret = await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    for number in range(30):
        assert (await attempt(client, f"login-{number}", "spring2026")).status_code == 401
    stopped = await attempt(client, "wang.min", PASSWORD, one_time_password(secret, clock()))
    assert (stopped.status_code, stopped.json()["code"]) == (429, "too_many_requests")
    assert stopped.headers["retry-after"] == "900"

    clock.advance(minutes=15)
    right = await attempt(client, "wang.min", PASSWORD, one_time_password(secret, clock()))
    assert right.status_code == 201


async def test_successes_do_not_count_against_a_shared_address(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    _, secret = await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    for _ in range(31):
        clock.advance(seconds=30)
        reply = await attempt(client, "wang.min", PASSWORD, one_time_password(secret, clock()))
        assert reply.status_code == 201


async def test_the_counters_name_nobody(client: httpx.AsyncClient, work: Work) -> None:
    await attempt(client, "wang.min", "guess")
    row = (await work.session.scalars(select(Attempts))).one()
    assert row.failures == 1
    assert b"wang" not in row.login_digest


@pytest.fixture
def patient() -> Settings:
    """Without limits by address, so that only the lock of the login stops anybody."""
    return make_settings(rate_limits=False)


async def test_of_fifty_guesses_at_once_five_are_checked(
    own_database: Database, patient: Settings, secrets: Secrets, clock: SettableClock
) -> None:
    deployment = Deployment.of(patient, secrets)
    async with begin_work(own_database, deployment, now=clock(), actor=Actor.command("test")) as work:
        await make_staff(work, login="wang.min", password=PASSWORD, grants=REGISTRAR)
    runtime = Runtime.of(patient, secrets, database=own_database, clock=clock)
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        before = hashes.computed
        replies = await asyncio.gather(*(attempt(client, "wang.min", f"guess {n}") for n in range(50)))
    codes = sorted(reply.json()["code"] for reply in replies)
    assert codes == ["sign_in_locked"] * 45 + ["sign_in_refused"] * 5
    assert hashes.computed - before == 5
    await runtime.http.aclose()
