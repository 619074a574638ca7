"""What a load is made from: gates with guards on shift, couriers with handles, and the key that signs."""

import itertools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app.cli.deployment import write_secrets
from app.clock import from_epoch, service_day
from app.database import Database, fetch
from app.models.couriers import DayHandle
from app.models.scans import CodeUse, Scan
from app.runtime import Runtime
from app.services.codes.minting import LIFE_UNITS, day_handle
from app.services.keys.ring import load_key_states
from app.services.tokens import SigningKey
from app.settings import Secrets
from app.work import Deployment
from tests.factories.codes import sign_code, symbol_text
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, open_gate
from tests.factories.settings import make_settings
from tests.factories.work import seeding

GATES = 8
COURIERS = 24
LIVES = 200
"""Lives that a code can have, so that one courier can show as many codes in one second."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Gates and couriers of a deployment, the same number of couriers for each gate."""

    environment: dict[str, str] = field(repr=False)
    """In which `huixin` finds the deployment."""
    database_url: str
    gates: Sequence[WorkingGate]
    couriers: Sequence[WorkingCourier]
    deployment: Deployment = field(repr=False)
    handles: Mapping[date, Sequence[bytes]] = field(repr=False)
    """Of the couriers, by service day."""
    key: SigningKey = field(repr=False)

    def scans(self, gate: int) -> Iterator[dict[str, Any]]:
        """Bodies of scans at one gate, each of a code of its own that was signed just now.

        One iterator for each gate: two of the same gate would show the same codes.
        """
        mine = range(gate, len(self.couriers), len(self.gates))
        settings = self.deployment.settings
        for number in itertools.count():
            now = int(time.time())
            turn, place = divmod(number, len(mine))
            code = sign_code(
                iss=settings.issuer,
                sub=self.handles[service_day(from_epoch(now), settings.zone)][mine[place]],
                iat=now,
                ttl=LIFE_UNITS + turn % LIVES,
                jti_key=self.deployment.secrets.jti_key.get_secret_value(),
                key=self.key,
            )
            yield self.gates[gate].scan(
                symbol_text(code, settings.link_prefix),
                device_time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            )


async def lay_ground(
    database_url: str, folder: Path, secrets: Secrets, *, gates: int = GATES, couriers: int = COURIERS
) -> Ground:
    """Sets up a deployment on a migrated database, its secrets in `folder`."""
    file = folder / "secrets.json"
    write_secrets(file, secrets)
    settings = make_settings(
        database_url=database_url, secrets_file=file, access_token_seconds=3600, rate_limits=False
    )
    runtime = Runtime.of(settings, secrets)
    try:
        opened = [await open_gate(runtime, name=f"小区{number}") for number in range(gates)]
        brought = [await bring_courier(runtime, serial=number) for number in range(couriers)]
        handles: dict[date, list[bytes]] = {}
        async with seeding(runtime) as work:
            today = service_day(work.now, settings.zone)
            for day in (today, today + timedelta(days=1)):
                handles[day] = [day_handle(work, day, each.courier.id) for each in brought]
                work.session.add_all(
                    DayHandle(day=day, handle=handle, courier_id=each.courier.id)
                    for handle, each in zip(handles[day], brought, strict=True)
                )
            key = runtime.ring.signing(await load_key_states(work.session, work.now), settings.issuer)
    finally:
        await runtime.close()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUIXIN_")} | {
        "HUIXIN_DATABASE_URL": database_url,
        "HUIXIN_SECRETS_FILE": str(file),
        "HUIXIN_ENVIRONMENT": "test",
        "HUIXIN_LINK_PREFIX": settings.link_prefix,
        "HUIXIN_ACCESS_TOKEN_SECONDS": "3600",
        "HUIXIN_RATE_LIMITS": "false",
    }
    return Ground(environment, database_url, opened, brought, runtime.deployment, handles, key)


async def stored_scans(database_url: str) -> tuple[list[tuple[str, str, str]], int]:
    """Every stored scan as the device's id, our id and the verdict; and how many codes were used up."""
    database = Database(database_url)
    try:
        async with database.session(write=False) as session:
            rows = await fetch(session, select(Scan.scan_id, Scan.id, Scan.verdict))
            uses = await session.scalar(select(func.count()).select_from(CodeUse))
    finally:
        await database.close()
    return [(str(row.scan_id), str(row.id), row.verdict) for row in rows], uses or 0
