"""A gate whose guards share a handheld: its compound, the handheld, guards on their own phones."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from app.models.accounts import AccountKind, Role
from app.runtime import Runtime
from app.services.compounds.sight import SeenCompound
from app.services.keys.lifecycle import create_first_key
from tests.factories.accounts import make_account, sign_in, within_compound
from tests.factories.areas import DADUKOU
from tests.factories.compounds import make_compound
from tests.factories.devices import device_headers, make_device
from tests.factories.work import seeding

Headers = dict[str, str]
PIN = "480915"


@dataclass(frozen=True, slots=True)
class SharedGate:
    """A gate with an enrolled handheld and nobody on shift."""

    seen: SeenCompound
    device_id: UUID
    enrolment_id: UUID
    device: Headers = field(repr=False)
    """Headers of the handheld."""
    manager: Headers = field(repr=False)
    """Headers of the compound's property manager."""

    @property
    def compound_id(self) -> UUID:
        return self.seen.id

    @property
    def pin_path(self) -> str:
        """Where a guard sets the PIN for this compound."""
        return f"/v1/compounds/{self.compound_id}/guards/me/pin"


async def open_shared_gate(runtime: Runtime, *, name: str) -> SharedGate:
    """A compound called `name` with two gates, and a handheld at the first; committed."""
    async with seeding(runtime) as work:
        await create_first_key(work)
        seen = await make_compound(work, area=DADUKOU, name=name, gates=["东门", "西门"])
        device, enrolment, _ = await make_device(work, gate=seen.gates[0], name="东门手持机")
        headers = await device_headers(work, device=device)
    manager, _ = await make_guard(runtime, seen, role=Role.property_manager)
    return SharedGate(seen, device.id, enrolment.id, headers, manager)


async def another_device(runtime: Runtime, gate: SharedGate) -> Headers:
    """The headers of a second handheld, at the second gate."""
    async with seeding(runtime) as work:
        device, _, _ = await make_device(work, gate=gate.seen.gates[1], name="西门手持机")
        return await device_headers(work, device=device)


async def make_guard(
    runtime: Runtime, seen: SeenCompound, *, role: Role = Role.guard
) -> tuple[Headers, UUID]:
    """The headers of a guard's own mini-program, and the account."""
    async with seeding(runtime) as work:
        account = await make_account(work, kind=AccountKind.wechat, grants=[(role, within_compound(seen.id))])
        return await sign_in(work, account=account), account.id


async def shift_code(client: httpx.AsyncClient, guard: Headers) -> str:
    """A fresh code of the guard's."""
    reply = await client.post("/v1/shift-codes", headers=guard)
    assert reply.status_code == 201, reply.text
    code: str = reply.json()["code"]
    return code


async def set_pin(client: httpx.AsyncClient, gate: SharedGate, guard: Headers, pin: str = PIN) -> int:
    """Sets the guard's PIN; returns the badge."""
    reply = await client.put(gate.pin_path, json={"pin": pin}, headers=guard)
    assert reply.status_code == 200, reply.text
    badge: int = reply.json()["badge"]
    return badge


async def take_over(client: httpx.AsyncClient, device: Headers, **proof: Any) -> httpx.Response:
    """A device is taken over by a code, or badge and PIN."""
    return await client.post("/v1/devices/current/shifts", json=proof, headers=device)


def of_shift(reply: httpx.Response) -> Headers:
    """The headers of the sign-in that a take-over made."""
    assert reply.status_code == 201, reply.text
    return {"Authorization": f"Bearer {reply.json()['tokens']['access_token']}"}


async def refreshed(client: httpx.AsyncClient, taken: httpx.Response) -> httpx.Response:
    """The answer to the refresh token that a take-over gave."""
    token = taken.json()["tokens"]["refresh_token"]
    return await client.post("/v1/tokens", json={"refresh_token": token})


async def assert_over(client: httpx.AsyncClient, gate: SharedGate, taken: httpx.Response) -> None:
    """What a take-over made opens nothing any more."""
    headers = of_shift(taken)
    assert (await client.get("/v1/shifts/current", headers=headers)).status_code == 401
    assert (await refreshed(client, taken)).status_code == 401
    scan = await client.post("/v1/scans", json=scan_of(gate, "not a code"), headers=headers)
    assert (scan.status_code, scan.json()["code"]) == (409, "no_shift")


def scan_of(gate: SharedGate, code: str) -> dict[str, Any]:
    """The body of a scan at the gate."""
    return {
        "scan_id": "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58",
        "enrolment_id": str(gate.enrolment_id),
        "code": code,
        "direction": "in",
        "device_time": "2026-05-11T04:00:00Z",
    }
