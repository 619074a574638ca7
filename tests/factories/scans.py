"""A gate in working order: a compound, an enrolled device, a guard on shift, a verified courier."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.models.accounts import Account
from app.models.couriers import Courier, CourierState
from app.models.employers import Employer
from app.runtime import Runtime
from app.services.compounds.register import Position
from app.services.keys.lifecycle import create_first_key
from app.work import Actor, begin_work
from tests.factories.accounts import sign_in
from tests.factories.compounds import make_compound
from tests.factories.couriers import made_up_id, make_courier
from tests.factories.devices import device_token, make_device, make_shift
from tests.factories.employers import make_employer

DISTRICT = "500104"
"""Dadukou, where the pilot was."""


@dataclass(frozen=True, slots=True)
class WorkingGate:
    """A gate with a guard on shift."""

    compound_id: UUID
    gate_id: UUID
    device_id: UUID
    enrolment_id: UUID
    guard: dict[str, str] = field(repr=False)
    """Headers of the guard."""
    device: dict[str, str] = field(repr=False)
    """Headers of the device itself."""

    def scan(self, code: str, **changed: Any) -> dict[str, Any]:
        """The body of a scan of `code` at this gate."""
        return {
            "scan_id": str(uuid4()),
            "enrolment_id": str(self.enrolment_id),
            "code": code,
            "direction": "in",
            "device_time": "2026-05-11T04:00:00Z",
            **changed,
        }

    def offline(self, code: str, sequence: int, at: datetime, **changed: Any) -> dict[str, Any]:
        """A scan of `code` that the device made alone at `at`, and admitted."""
        return {
            "scan_id": str(uuid4()),
            "sequence": sequence,
            "code": code,
            "direction": "in",
            "device_time": at.isoformat(),
            "verdict": "admit",
            "reason": "verified",
            **changed,
        }


@dataclass(frozen=True, slots=True)
class WorkingCourier:
    """A courier who can show codes."""

    courier: Courier
    headers: dict[str, str] = field(repr=False)


async def open_gate(runtime: Runtime, *, name: str, position: Position | None = None) -> WorkingGate:
    """A compound called `name` with one gate, and a guard on shift there; committed."""
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        await create_first_key(work)
        seen = await make_compound(work, area=DISTRICT, name=name, position=position)
        gate = seen.gates[0]
        device, enrolment, _ = await make_device(work, gate=gate)
        on_shift = await make_shift(work, device=device, enrolment=enrolment, gate=gate)
        token = await device_token(work, device=device)
        return WorkingGate(
            seen.compound.id,
            gate.id,
            device.id,
            enrolment.id,
            on_shift.headers,
            {"Authorization": f"Bearer {token}"},
        )


async def bring_courier(
    runtime: Runtime, *, serial: int, state: CourierState = CourierState.verified, employer: str = "晨光速运"
) -> WorkingCourier:
    """A courier of `employer`, signed in; committed."""
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        from sqlalchemy import select

        found = await work.session.scalar(select(Employer).where(Employer.name == employer))
        courier = await make_courier(
            work,
            name="甄试验",
            document=made_up_id(serial),
            phone=f"199{serial:08d}",
            employer=found or await make_employer(work, name=employer),
            state=state,
        )
        account = await work.session.get_one(Account, courier.account_id)
        return WorkingCourier(courier, await sign_in(work, account=account))


async def mint(client: httpx.AsyncClient, courier: WorkingCourier, count: int = 1) -> list[str]:
    """The texts of fresh codes."""
    reply = await client.post("/v1/codes", json={"count": count}, headers=courier.headers)
    assert reply.status_code == 201, reply.text
    return [item["text"] for item in reply.json()["items"]]
