"""A deployment to measure: a fresh database, couriers, gates with guards on shift, a running server."""

import asyncio
import os
import socket
import subprocess
import sys
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
from bench.load import post
from tests.factories.scans import bring_courier, open_gate

COURIERS = 400
GATES = 64
"""As many guards scan at a time: one connection each."""
SLOTS = 50
"""Codes of one courier that are valid at the same time, one made each second."""
MOST_SCANS = COURIERS * SLOTS
"""Scans of one run, each of a code of its own."""
HUIXIN = str(Path(sys.executable).with_name("huixin"))
"""The command as it is installed."""
STARTS_WITHIN = 30
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate's enrolment and its guard's access token."""

    enrolment: str
    token: str = field(repr=False)


class Ground:
    """What a load is made from: gates with guards on shift, couriers with handles, the key that signs."""

    def __init__(
        self, gates: Sequence[Gate], handles: Sequence[bytes], key: SigningKey, deployment: Deployment
    ) -> None:
        self.gates = gates
        self._handles = handles
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

    def _requests(self, count: int, request: Callable[[Gate, str], bytes]) -> list[list[bytes]]:
        if count > MOST_SCANS:
            raise ValueError(count)
        latest = int(time.time()) + 4
        self._runs += 1
        made: list[list[bytes]] = [[] for _ in self.gates]
        for turn in range(count):
            courier, slot = divmod(turn, SLOTS)
            code = codes.sign_code(
                iss=self._deployment.settings.issuer,
                sub=self._handles[courier],
                iat=latest - slot,
                ttl=LIFE_UNITS + self._runs,  # no run may meet the codes of another
                jti_key=self._deployment.secrets.jti_key.get_secret_value(),
                key=self._key,
            )
            text = codes.symbol_text(code, self._deployment.settings.link_prefix)
            made[turn % len(made)].append(request(self.gates[turn % len(made)], text))
        return made


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    processes: Sequence[psutil.Process]
    started_within: float
    """Seconds from the command to the first answer."""

    def memory(self) -> int:
        """The largest resident set among its worker processes, in bytes."""
        return max(process.memory_info().rss for process in self.processes)


@contextmanager
def deployment(folder: Path, database_url: str) -> Iterator[tuple[dict[str, str], Ground]]:
    """Sets up a deployment by its own command, and what a load needs; its environment, and the ground."""
    environment = os.environ | {
        "HUIXIN_DATABASE_URL": database_url,
        "HUIXIN_SECRETS_FILE": str(folder / "secrets.json"),
        "HUIXIN_ENVIRONMENT": "test",
        "HUIXIN_ACCESS_TOKEN_SECONDS": "3600",
        "HUIXIN_RATE_LIMITS": "false",
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
        gates.append(Gate(str(gate.enrolment_id), gate.guard["Authorization"].removeprefix("Bearer ")))
    handles = []
    couriers = [(await bring_courier(runtime, serial=number)).courier.id for number in range(COURIERS)]
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("bench")
    ) as work:
        today = service_day(work.now, settings.zone)
        for day in (today, today + timedelta(days=1)):
            for courier in couriers:
                handle = day_handle(work, day, courier)
                work.session.add(DayHandle(day=day, handle=handle, courier_id=courier))
                if day == today:
                    handles.append(handle)
        key = runtime.ring.signing(await load_key_states(work.session, work.now), settings.issuer)
    await runtime.close()
    return Ground(gates, handles, key, runtime.deployment)


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
        yield Server(port, process.children(recursive=True) if workers > 1 else [process], started)
    finally:
        process.terminate()
        process.wait(30)
