"""A deployment to measure: a fresh database, couriers, gates with guards on shift, a running server."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
import psutil

from app.clock import service_day
from app.models.couriers import DayHandle
from app.runtime import Runtime
from app.services.codes import format as codes
from app.services.codes.minting import LIFE_UNITS, day_handle
from app.services.keys.ring import load_key_states
from app.services.tokens import SigningKey
from app.settings import Environment, Secrets, Settings
from app.work import Actor, Deployment, begin_work
from bench import load
from bench.load import post
from tests.databases import postgres_server
from tests.factories.scans import bring_courier, open_gate

GATES = 128
"""As many guards scan at a time: one connection each. A sixth of a district's 756 compounds."""
COURIERS = 6 * GATES
"""Each goes to one gate only: who is at two compounds within seconds is another case, and a rare one."""
SLOTS = 50
"""Codes of one courier that are valid at the same time, one made each second."""
MOST_SCANS = COURIERS * SLOTS
"""Scans of one run, each of a code of its own."""
HUIXIN = str(Path(sys.executable).with_name("huixin"))
"""The command as it is installed."""
STARTS_WITHIN = 120
"""Seconds; a server that takes longer will not start any more. How long it took is reported."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate, its enrolment, and the access tokens of its guard and of the device itself."""

    compound: str
    gate: str
    enrolment: str
    token: str = field(repr=False)
    device: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Carrier:
    """A courier's access token, and the handle of today that is in the codes."""

    token: str = field(repr=False)
    handle: bytes


class Ground:
    """What a load is made from: gates with guards on shift, couriers with handles, the key that signs."""

    def __init__(
        self,
        gates: Sequence[Gate],
        couriers: Sequence[Carrier],
        key: SigningKey,
        deployment: Deployment,
    ) -> None:
        self.gates = gates
        self.couriers = couriers
        self._key = key
        self._deployment = deployment
        self._runs = 0

    def scans(self, count: int) -> list[list[bytes]]:
        """`count` scans of fresh codes that were just minted, spread over the gates."""

        def request(gate: Gate, code: str) -> bytes:
            body = {
                "scan_id": str(uuid4()),
                "enrolment_id": gate.enrolment,
                "code": code,
                "direction": "in",
                "device_time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
            return post("/v1/scans", orjson.dumps(body), gate.token)

        return self._requests(count, request)

    def examinations(self, count: int) -> list[list[bytes]]:
        """The same without the database: authentication, signature check, reply."""
        return self._requests(
            count,
            lambda gate, code: post("/v1/codes/examinations", orjson.dumps({"code": code}), gate.token),
        )

    def uploads(self, count: int, size: int) -> list[list[bytes]]:
        """`count` uploads, each of `size` scans that a device made alone and admitted, of fresh codes."""
        made: dict[Gate, list[str]] = {gate: [] for gate in self.gates}

        def note(gate: Gate, code: str) -> bytes:
            made[gate].append(code)
            return b""

        self._requests(count * size, note)
        codes_made = [code for each in made.values() for code in each]
        uploads = []
        for turn in range(count):
            gate, at = self.gates[turn % len(self.gates)], f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            scans = [
                {
                    "scan_id": str(uuid4()),
                    "sequence": self._runs * MOST_SCANS + number,
                    "code": code,
                    "direction": "in",
                    "device_time": at,
                    "verdict": "admit",
                    "reason": "verified",
                }
                for number, code in enumerate(codes_made[turn * size : (turn + 1) * size])
            ]
            path = f"/v1/enrolments/{gate.enrolment}/scans"
            uploads.append([post(path, orjson.dumps({"scans": scans}), gate.device)])
        return uploads

    def _requests(self, count: int, request: Callable[[Gate, str], bytes]) -> list[list[bytes]]:
        if count > MOST_SCANS:
            raise ValueError(count)
        latest = int(time.time()) + 4
        self._runs += 1
        made: list[list[bytes]] = [[] for _ in self.gates]
        for turn in range(count):
            slot, courier = divmod(turn, COURIERS)
            (code,) = codes.sign_codes(
                [(self.couriers[courier].handle, latest - slot)],
                iss=self._deployment.settings.issuer,
                ttl=LIFE_UNITS + self._runs,  # no run may meet the codes of another
                jti_key=self._deployment.secrets.jti_key.get_secret_value(),
                key=self._key,
            )
            text = code.symbol_text(self._deployment.settings.link_prefix)
            made[turn % len(made)].append(request(self.gates[turn % len(made)], text))
        return made


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    workers: Sequence[psutil.Process]
    """The processes that answer."""
    started_within: float
    """Seconds from the command to the first answer."""

    def memory(self) -> int:
        """The largest resident set among its worker processes, in bytes."""
        return max(process.memory_info().rss for process in self.workers)


@contextmanager
def database(kind: str) -> Iterator[tuple[Path, str]]:
    """A folder of its own and the URL of an empty database of `kind`."""
    with tempfile.TemporaryDirectory(prefix="hxbench") as name:
        folder = Path(name)
        if kind == "sqlite":
            yield folder, f"sqlite+aiosqlite:///{folder / 'bench.db'}"
        else:
            with postgres_server() as url:
                yield folder, url


@contextmanager
def running(kind: str, *, workers: int) -> Iterator[tuple[Server, Ground]]:
    """A server on a fresh deployment of `kind`, warm, and what a load is made from."""
    with (
        database(kind) as (folder, url),
        deployment(folder, url) as (environment, ground),
        server(environment, workers=workers) as served,
    ):
        warm(served, ground)
        yield served, ground


def warm(served: Server, ground: Ground) -> None:
    """What a server has to do once, done: statements planned, keys read, caches filled."""
    load.run(served.port, ground.scans(1000)).require()
    load.run(served.port, ground.examinations(1000)).require()


@contextmanager
def deployment(folder: Path, database_url: str) -> Iterator[tuple[dict[str, str], Ground]]:
    """Sets up a deployment by its own command, and what a load needs; its environment, and the ground."""
    environment = os.environ | {
        "HUIXIN_DATABASE_URL": database_url,
        "HUIXIN_SECRETS_FILE": str(folder / "secrets.json"),
        "HUIXIN_ENVIRONMENT": "test",
        "HUIXIN_ACCESS_TOKEN_SECONDS": "3600",
        "HUIXIN_LINK_PREFIX": "https://hx.example.cn/c/",
    }
    subprocess.run([HUIXIN, "init"], env=environment, check=True, capture_output=True)  # noqa: S603
    yield environment, asyncio.run(_ground(folder, database_url))


async def _ground(folder: Path, database_url: str) -> Ground:
    settings = Settings(
        environment=Environment.test,
        database_url=database_url,
        secrets_file=folder / "secrets.json",
        link_prefix="https://hx.example.cn/c/",
        access_token_seconds=3600,
        _env_file=None,
    )
    runtime = Runtime.of(settings, Secrets.read(settings.secrets_file))
    gates = []
    for number in range(GATES):
        gate = await open_gate(runtime, name=f"小区{number:03}")
        compound, gate_id, enrolment = map(str, (gate.compound_id, gate.gate_id, gate.enrolment_id))
        gates.append(Gate(compound, gate_id, enrolment, _token(gate.guard), _token(gate.device)))
    working = [await bring_courier(runtime, serial=number) for number in range(COURIERS)]
    couriers = []
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("bench")
    ) as work:
        today = service_day(work.now, settings.zone)
        for each in working:
            handles = {
                day: day_handle(work, day, each.courier.id) for day in (today, today + timedelta(days=1))
            }
            for day, handle in handles.items():
                work.session.add(DayHandle(day=day, handle=handle, courier_id=each.courier.id))
            couriers.append(Carrier(_token(each.headers), handles[today]))
        key = runtime.ring.signing(await load_key_states(work.session, work.now), settings.issuer)
    await runtime.close()
    return Ground(gates, couriers, key, runtime.deployment)


def _token(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


@contextmanager
def server(environment: dict[str, str], *, workers: int) -> Iterator[Server]:
    """`huixin serve` with so many workers on a free port, stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    process = psutil.Popen(
        [HUIXIN, "serve", "--port", str(port), "--workers", str(workers)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - begun < STARTS_WITHIN:
            with suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=1).raise_for_status()
                break
            time.sleep(0.02)
        else:
            raise TimeoutError("the server did not start")
        started = time.perf_counter() - begun
        time.sleep(1)  # until the other workers listen too
        yield Server(port, process.children() if workers > 1 else [process], started)
    finally:
        process.terminate()
        process.wait(30)
