"""The reference scanner at a gate: with the network, without it, and when it comes back."""

import ast
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from typing_extensions import override

from app.models.compounds import Gate
from app.models.couriers import Courier, CourierState
from app.models.scans import Scan
from app.runtime import Runtime
from app.services.couriers.states import change_state
from app.services.keys.lifecycle import list_keys, withdraw_key
from app.settings import Settings
from app.work import Work
from tests.clocks import SettableClock
from tests.factories.devices import invite, make_device, make_shift
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint, open_gate
from tests.factories.settings import make_settings
from tests.factories.work import seeding
from tests.scanner.code import read_code
from tests.scanner.scanner import NoAnswer, Scanner
from tests.scanner.store import Store

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests/rules/golden_codes.json").read_text())
WRONG = timedelta(hours=7)
"""By how much the device's clock is behind."""


class Network(httpx.AsyncBaseTransport):
    """The way to the application, which can be cut before a request or before its reply."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.is_cut = False
        self.loses_replies = 0

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("cut")
        reply = await self.inner.handle_async_request(request)
        if self.loses_replies:
            self.loses_replies -= 1
            await reply.aread()
            raise httpx.ReadTimeout("lost")
        return reply


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens of guards that outlast an outage."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
def network(client: httpx.AsyncClient) -> Network:
    return Network(client._transport)


@pytest.fixture
def wrong_clock(clock: SettableClock) -> Callable[[], datetime]:
    return lambda: clock() - WRONG


@dataclass(frozen=True, slots=True)
class Place:
    """A device that is enrolled at the gate, and the guard on shift there."""

    device_id: str
    secret: str
    enrolment: str
    guard: dict[str, str]


@pytest.fixture
async def place(runtime: Runtime, gate: WorkingGate) -> Place:
    async with seeding(runtime) as work:
        at = await gate_of(work, gate)
        device, enrolment, secret = await make_device(work, gate=at)
        on_shift = await make_shift(work, device=device, enrolment=enrolment, gate=at)
        return Place(str(device.id), secret, str(enrolment.id), on_shift.headers)


@pytest.fixture
async def scanner(
    place: Place,
    network: Network,
    clock: SettableClock,
    wrong_clock: Callable[[], datetime],
    tmp_path: Path,
) -> AsyncIterator[Scanner]:
    """The device of the place, synchronised a second ago."""
    async with httpx.AsyncClient(transport=network, base_url="http://huixin.test") as client:
        scanner = Scanner(client, Store(tmp_path / "scanner.db"), wrong_clock)
        await scanner.enrol(device_id=place.device_id, secret=place.secret, enrolment=place.enrolment)
        assert await scanner.sync()
        clock.advance(seconds=1)
        yield scanner
        scanner.store.close()


async def gate_of(work: Work, gate: WorkingGate) -> Gate:
    return await work.session.get_one(Gate, gate.gate_id)


async def inbox(client: httpx.AsyncClient, gate: WorkingGate) -> list[tuple[str, str, str]]:
    """What the gate is told: verdict and reason of the device, and the reason of the server."""
    reply = await client.get(f"/v1/gates/{gate.gate_id}/differences", headers=gate.guard)
    return [(item["verdict"], item["told"], item["reason"]) for item in reply.json()["items"]]


async def entries(client: httpx.AsyncClient, courier: WorkingCourier) -> list[tuple[str, str | None]]:
    reply = await client.get("/v1/couriers/me/entries", headers=courier.headers)
    return [(item["verdict"], item["outcome"]) for item in reply.json()["items"]]


def test_the_scanner_is_written_without_the_application() -> None:
    """Another firm has the page and nothing else."""
    for path in (ROOT / "tests/scanner").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                package = name.split(".")
                assert package[0] != "app", path
                assert package[0] != "tests" or package[1] == "scanner", path


@pytest.mark.parametrize("sample", GOLDEN["samples"], ids=lambda sample: str(sample["name"]))
def test_it_reads_the_golden_codes(sample: dict[str, Any]) -> None:
    keys = {key["kid"]: key["public_jwk"] for key in GOLDEN["keys"]}
    body = sample["base32"]
    for text in (sample["symbol_text"], body, body.lower(), f"\r\n {sample['symbol_text']}\t"):
        code = read_code(text, [GOLDEN["prefix"]])
        assert code is not None
        assert code.jws == sample["jws"]
        shown = (code.iss, code.kid, code.sub.hex(), code.iat, code.exp, code.jti.hex())
        assert shown == tuple(sample[name] for name in ("iss", "kid", "sub", "iat", "exp", "jti"))
        assert [kid for kid, key in keys.items() if code.is_signed_by(key)] == [sample["kid"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://elsewhere.example.cn/c/" + GOLDEN["samples"][0]["base32"],
        GOLDEN["samples"][0]["base32"][:-1],
        GOLDEN["samples"][0]["base32"][:-1] + "R",  # a spare bit is not zero
        "E" + GOLDEN["samples"][0]["base32"][1:],  # another version
        GOLDEN["samples"][0]["base32"][:-1] + "1",
        "ＣＦＩＡ" + GOLDEN["samples"][0]["base32"][4:],
        " " * 2000,
        "x" * 5000,
        "\x00\ud800",
    ],
)
def test_it_reads_nothing_else(text: str) -> None:
    assert read_code(text, [GOLDEN["prefix"]]) is None


async def test_it_goes_through_an_outage_and_the_gate_learns_what_differs(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    place: Place,
    scanner: Scanner,
    network: Network,
) -> None:
    honest = await bring_courier(runtime, serial=2)
    online, *alone = await mint(client, courier, 4)
    elsewhere, fine = await mint(client, honest, 2)
    shown = await scanner.scan(online, "in", guard=place.guard)
    assert (shown.verdict, shown.reason, shown.alone) == ("admit", "verified", False)

    # The same code is used elsewhere, and the courier suspended, while this device is cut off.
    other = await open_gate(runtime, name="映山里")
    used = await client.post("/v1/scans", json=other.scan(elsewhere), headers=other.guard)
    assert used.json()["verdict"] == "admit"
    network.is_cut = True
    clock.advance(seconds=10)
    async with seeding(runtime) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        await change_state(work, courier=row, to=CourierState.suspended, reason="test")
    clock.advance(seconds=20)
    said = [await scanner.scan(code, "in") for code in (alone[0], elsewhere, online, fine, "no code")]
    assert [(each.verdict, each.reason) for each in said] == [
        ("admit", "verified"),
        ("admit", "verified"),
        ("check", "code_used"),
        ("admit", "verified"),
        ("refuse", "unreadable"),
    ]
    await scanner.give_outcome(said[2].scan_id, "turned_away")
    with pytest.raises(NoAnswer):
        await scanner.bring_in()
    assert len(scanner.store.kept()) == 5

    clock.advance(minutes=5)
    network.is_cut = False
    assert await scanner.sync()
    again = await scanner.scan(alone[1], "in", guard=place.guard)
    assert (again.verdict, again.alone) == ("refuse", False)
    await scanner.bring_in()
    assert (scanner.store.kept(), scanner.troubles) == ([], [])
    assert sorted(await inbox(client, gate)) == [
        ("admit", "verified", "code_used"),
        ("admit", "verified", "suspended"),
        ("check", "code_used", "suspended"),
    ]
    assert await inbox(client, other) == []
    assert len(await entries(client, honest)) == 3


async def test_a_withdrawal_reaches_it_with_the_next_sync(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    courier: WorkingCourier,
    scanner: Scanner,
) -> None:
    honest = await bring_courier(runtime, serial=2)
    first, second = await mint(client, courier, 2)
    (other,) = await mint(client, honest)
    async with seeding(runtime) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        await change_state(work, courier=row, to=CourierState.suspended, reason="test")
    assert scanner.decide(first, "in").verdict == "admit"
    clock.advance(seconds=30)
    await scanner.sync()
    said = [scanner.decide(code, "in") for code in (second, other)]
    assert [each.reason for each in said] == ["handle_withdrawn", "verified"]
    async with seeding(runtime) as work:
        await withdraw_key(work, kid=(await list_keys(work))[0].kid, reason="leaked")
    await scanner.sync()
    assert scanner.decide(other, "in").reason == "unknown_key"


async def test_long_texts_that_somebody_shows_it_hold_nothing_up(
    client: httpx.AsyncClient, courier: WorkingCourier, scanner: Scanner, network: Network
) -> None:
    """Uploads have a largest size, and whoever shows codes to a device decides how long they are."""
    code, *_ = await mint(client, courier)
    network.is_cut = True
    for number in range(60):
        scanner.decide(f"{number}惠" * 5000, "in")
    scanner.decide(code, "in")
    network.is_cut = False
    await scanner.bring_in()
    assert (scanner.store.kept(), scanner.troubles) == ([], [])
    assert await entries(client, courier) == [("admit", None)]


async def test_a_lost_reply_changes_nothing_but_the_time_it_takes(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    place: Place,
    scanner: Scanner,
    network: Network,
) -> None:
    first, second, third = await mint(client, courier, 3)
    network.loses_replies = 1
    shown = await scanner.scan(first, "in", guard=place.guard)
    assert (shown.verdict, shown.alone) == ("admit", True)
    clock.advance(seconds=30)
    network.is_cut = True
    await scanner.scan(second, "out")
    checked = await scanner.scan(second, "in")
    clock.advance(seconds=30)
    await scanner.scan(third, "in")
    network.is_cut = False
    for _ in range(3):
        network.loses_replies = 1
        with pytest.raises(NoAnswer):
            await scanner.bring_in()
    await scanner.bring_in()
    (kept,) = scanner.store.kept()
    assert (kept.scan_id, kept.is_open) == (checked.scan_id, True)
    await scanner.give_outcome(checked.scan_id, "let_in")
    await scanner.bring_in()
    assert (scanner.store.kept(), scanner.troubles) == ([], [])
    assert sorted(await entries(client, courier), key=str) == [
        ("admit", None),
        ("admit", None),
        ("admit", None),
        ("check", "let_in"),
    ]
    assert await inbox(client, gate) == []


async def test_an_outcome_that_has_no_answer_is_brought_in(
    client: httpx.AsyncClient,
    courier: WorkingCourier,
    place: Place,
    scanner: Scanner,
    network: Network,
) -> None:
    (code,) = await mint(client, courier)
    for _ in range(2):
        shown = await scanner.scan(code, "in", guard=place.guard)
    assert (shown.verdict, shown.reason, shown.alone) == ("check", "code_used", False)
    network.is_cut = True
    await scanner.give_outcome(shown.scan_id, "let_in", guard=place.guard)
    network.is_cut = False
    await scanner.bring_in()
    assert (scanner.store.kept(), scanner.troubles) == ([], [])
    assert sorted(await entries(client, courier), key=str) == [("admit", None), ("check", "let_in")]


async def test_what_it_kept_survives_a_crash_but_its_clock_does_not(
    client: httpx.AsyncClient,
    clock: SettableClock,
    courier: WorkingCourier,
    scanner: Scanner,
    wrong_clock: Callable[[], datetime],
    network: Network,
    tmp_path: Path,
) -> None:
    first, second = await mint(client, courier, 2)
    scanner.decide(first, "in")
    clock.advance(seconds=30)
    network.is_cut = True
    scanner.store.close()
    scanner = Scanner(scanner.client, Store(tmp_path / "scanner.db"), wrong_clock)
    assert [scan.sequence for scan in scanner.store.kept()] == [1]
    assert scanner.decide(second, "in").reason == "bundle_stale"
    network.is_cut = False
    assert await scanner.sync()
    assert scanner.decide(second, "out").reason == "verified"
    assert scanner.decide(first, "out").reason == "code_used"
    assert [scan.sequence for scan in scanner.store.kept()] == [1, 2, 3, 4]
    scanner.store.close()


async def test_what_it_made_at_its_old_gate_is_brought_in_there(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    scanner: Scanner,
) -> None:
    old, new = await mint(client, courier, 2)
    scanner.decide(old, "in")
    clock.advance(seconds=30)
    other = await open_gate(runtime, name="映山里")
    async with seeding(runtime) as work:
        invitation = await invite(work, gate=await gate_of(work, other))
    await scanner.take_invitation(invitation)
    assert scanner.decide(new, "in").reason == "bundle_stale"
    assert await scanner.sync()
    assert scanner.bundle is not None
    assert scanner.bundle.gate == str(other.gate_id)
    assert scanner.decide(old, "in").reason == "code_used"
    await scanner.bring_in()
    for scan in scanner.store.kept():
        await scanner.give_outcome(scan.scan_id, "let_in")
    await scanner.bring_in()
    assert (scanner.store.kept(), scanner.troubles) == ([], [])
    assert await inbox(client, gate) == []
    async with runtime.database.session(write=False) as session:
        found = await session.execute(
            select(Scan.gate_id, Scan.sequence).order_by(Scan.sequence, Scan.gate_id)
        )
    assert sorted(map(tuple, found), key=str) == sorted(
        [(gate.gate_id, 1), (other.gate_id, 1), (other.gate_id, 2)], key=str
    )
