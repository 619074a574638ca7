"""Couriers passing gates, and those who read of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from app.ids import new_id
from app.models.accounts import AccountKind, Role
from app.models.scans import Direction, Scan, Verdict
from app.runtime import Runtime
from app.services.scans.reasons import Reason
from app.work import Work
from tests.factories.accounts import signed_in, within_compound
from tests.factories.scans import WorkingCourier, WorkingGate, mint
from tests.factories.work import seeding


async def manager_of(runtime: Runtime, gate: WorkingGate) -> dict[str, str]:
    """The headers of a property manager of the gate's compound; committed."""
    async with seeding(runtime) as work:
        return await signed_in(
            work,
            kind=AccountKind.wechat,
            grants=[(Role.property_manager, within_compound(gate.compound_id))],
        )


async def pass_gate(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier, direction: str = "in"
) -> dict[str, Any]:
    """Shows a fresh code at a gate, online: the body of the scan and its answer together."""
    (code,) = await mint(client, courier)
    body = gate.scan(code, direction=direction)
    reply = await client.post("/v1/scans", json=body, headers=gate.guard)
    assert reply.status_code == 200, reply.text
    return {**body, **reply.json()}


async def take_back(client: httpx.AsyncClient, gate: WorkingGate, scan: dict[str, Any]) -> None:
    """Annuls a scan that was made at the gate."""
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{scan['scan_id']}/annulment"
    reply = await client.put(path, json={"reason": "误扫"}, headers=gate.guard)
    assert reply.status_code == 200, reply.text


async def decide(client: httpx.AsyncClient, gate: WorkingGate, scan: dict[str, Any], outcome: str) -> None:
    """Says what the guard did after a check at the gate."""
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{scan['scan_id']}/outcome"
    reply = await client.put(path, json={"outcome": outcome}, headers=gate.guard)
    assert reply.status_code == 200, reply.text


async def make_visit(work: Work, gate: WorkingGate, *, at: datetime) -> UUID:
    """An entry with another city's code, as it is stored: its courier is not known here."""
    scan = Scan(
        id=new_id(at),
        recorded_at=at,
        happened_at=at,
        scan_id=new_id(),
        enrolment_id=gate.enrolment_id,
        gate_id=gate.gate_id,
        compound_id=gate.compound_id,
        account_id=new_id(),
        direction=Direction.entry,
        device_time=at,
        issuer="1100",
        kid="01",
        subject=bytes(8),
        jti=bytes(6),
        issued_at=at,
        ttl=12,
        verdict=Verdict.admit,
        reason=Reason.other_city,
        language="zh",
        doubtful=False,
    )
    work.session.add(scan)
    await work.session.flush()
    return scan.id
