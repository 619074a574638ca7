"""A city of two gates for one run after the other: the application, its devices, and what goes wrong."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from app.database import Database
from app.main import create_app
from app.models.couriers import Courier
from app.models.employers import Employer
from app.runtime import Runtime
from app.services.codes.minting import mint_codes
from app.services.keys.lifecycle import create_first_key
from app.work import Actor, Work, begin_work
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.compounds import make_compound
from tests.factories.couriers import made_up_id, make_courier
from tests.factories.devices import make_device
from tests.factories.employers import make_employer
from tests.factories.scans import DISTRICT
from tests.factories.settings import make_secrets, make_settings
from tests.factories.work import seeding
from tests.offline_model.ear import Ear
from tests.offline_model.model import Model, Place, ShownCode
from tests.scanner.code import read_code
from tests.scanner.scanner import Scanner
from tests.scanner.store import Store

PREFIX = "https://hx.example.cn/c/"
COURIERS = GATES = 2
CODES = 2
"""Of each courier, 30 s apart: few, so that they are used more than once."""


class FailingDatabase(Database):
    """A database whose next transactions fail just before their commit, as often as `failures` says."""

    failures: list[Exception]

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.failures = []

    @override
    @asynccontextmanager
    async def session(self, *, write: bool = True) -> AsyncIterator[AsyncSession]:
        async with super().session(write=write) as session:
            yield session
            if write and self.failures:
                raise self.failures.pop(0)


Hearing = Callable[[httpx.Request, httpx.Response], None]
"""Is told of every answer that the server gave, also of those that get lost."""


class Line(httpx.AsyncBaseTransport):
    """The line between one device and the server: it can be cut, and lose a reply."""

    def __init__(self, inner: httpx.AsyncBaseTransport, hear: Hearing) -> None:
        self._inner = inner
        self._hear = hear
        self.is_cut = False
        self.loses_reply = False

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("cut")
        reply = await self._inner.handle_async_request(request)
        await reply.aread()
        self._hear(request, reply)
        if self.loses_reply:
            raise httpx.ReadTimeout("lost")
        return reply


@dataclass
class DeviceClock:
    """The clock of a device, which somebody may have set wrong."""

    right: Callable[[], datetime]
    shift: timedelta = timedelta()

    def __call__(self) -> datetime:
        return self.right() + self.shift


@dataclass
class Handheld:
    """A device as it is held: what is in it, its line, its clock."""

    scanner: Scanner
    ear: Ear
    line: Line
    client: httpx.AsyncClient
    path: Path
    clock: DeviceClock
    checks: list[str] = field(default_factory=list)
    """Scans whose outcome is to come, as the guard remembers them."""
    sent: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    """Uploads that were sent: enrolment and scans."""

    def switch_off(self) -> None:
        """Ends it in the middle of whatever it does."""
        self.scanner.store.close()

    def restart(self) -> None:
        """Switches it off and on again."""
        self.switch_off()
        self.scanner = Scanner(self.client, Store(self.path), self.clock)


@dataclass
class Run:
    """What one run is made of."""

    model: Model
    gates: list[UUID]
    couriers: list[UUID]
    codes: list[list[str]]
    devices: list[Handheld]


class World:
    """One application and one database for all runs."""

    def __init__(self, url: str, folder: Path) -> None:
        self.clock = SettableClock(NOON)
        self.database = FailingDatabase(url)
        self.runtime = Runtime.of(
            make_settings(access_token_seconds=3600), make_secrets(), database=self.database, clock=self.clock
        )
        self.application = create_app(self.runtime)
        self.folder = folder
        self.runs = 0
        self.withdrawn = 0
        """Keys."""

    async def close(self) -> None:
        await self.runtime.close()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Run]:
        """Fresh gates, couriers, codes and devices."""
        self.runs += 1
        self.clock.advance(hours=2)
        self.database.failures.clear()
        model = Model()
        async with seeding(self.runtime) as work:
            await create_first_key(work)
            names = [f"小区 {self.runs}-{number}" for number in range(GATES)]
            gates = [(await make_compound(work, area=DISTRICT, name=name)).gates[0] for name in names]
            couriers = [await self._courier(work, number) for number in range(COURIERS)]
            enrolled = [await make_device(work, gate=gate) for gate in gates]
        codes = [await self._mint(model, courier, number) for number, courier in enumerate(couriers)]
        model.standing = {number: [(self.clock(), "verified")] for number in range(COURIERS)}
        async with AsyncExitStack() as stack:
            devices = []
            for (device, enrolment, secret), gate in zip(enrolled, gates, strict=True):
                place = str(enrolment.id)
                model.places[place] = Place(str(gate.id), self.clock())
                ear = Ear(model, self.clock, place)
                held = await self._hand_out(stack, ear, device.id)
                await held.scanner.enrol(device_id=str(device.id), secret=secret, enrolment=place)
                devices.append(held)
            yield Run(model, [gate.id for gate in gates], [c.id for c in couriers], codes, devices)

    async def _courier(self, work: Work, number: int) -> Courier:
        serial = self.runs * COURIERS + number
        employer = await work.session.scalar(select(Employer).limit(1))
        return await make_courier(
            work,
            name="甄试验",
            document=made_up_id(serial % 1000, birth=f"{1950 + serial // 1000:04}0307"),
            phone=f"199{serial:08d}",
            employer=employer or await make_employer(work, name="晨光速运"),
        )

    async def _hand_out(self, stack: AsyncExitStack, ear: Ear, device_id: UUID) -> Handheld:
        transport = httpx.ASGITransport(app=self.application, raise_app_exceptions=False)
        line = Line(transport, ear.hear)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=line, base_url="http://huixin.test")
        )
        path = self.folder / f"{device_id}.db"
        clock = DeviceClock(self.clock)
        held = Handheld(Scanner(client, Store(path), clock), ear, line, client, path, clock)
        stack.callback(path.unlink)
        stack.callback(held.switch_off)
        return held

    async def _mint(self, model: Model, courier: Courier, number: int) -> list[str]:
        actor = Actor("wechat", courier.account_id)

        def open_work(*, write: bool) -> Any:
            return begin_work(
                self.database, self.runtime.deployment, now=self.clock(), actor=actor, write=write
            )

        minted = await mint_codes(open_work, count=CODES, ring=self.runtime.ring)
        for each in minted:
            read = read_code(each.text, [PREFIX])
            assert read is not None
            model.codes[each.text] = ShownCode(number, read.kid, each.valid_from, each.valid_until)
        return [each.text for each in minted]
