"""Uploads of offline scans, and what comes of them, through the API."""

from typing import Any

import httpx

from tests.factories.scans import WorkingCourier, WorkingGate


async def upload(client: httpx.AsyncClient, gate: WorkingGate, *scans: Any) -> list[dict[str, Any]]:
    reply = await client.post(
        f"/v1/enrolments/{gate.enrolment_id}/scans", json={"scans": scans}, headers=gate.device
    )
    assert reply.status_code == 200, reply.text
    results: list[dict[str, Any]] = reply.json()["results"]
    return results


async def bring_in(client: httpx.AsyncClient, gate: WorkingGate, *scans: Any) -> list[dict[str, Any]]:
    """What the server says of scans that are all new to it."""
    results = await upload(client, gate, *scans)
    assert {each["result"] for each in results} == {"stored"}, results
    return [each["scan"] for each in results]


async def differences(client: httpx.AsyncClient, gate: WorkingGate) -> list[tuple[str, str]]:
    reply = await client.get(f"/v1/gates/{gate.gate_id}/differences", headers=gate.guard)
    assert reply.status_code == 200, reply.text
    return sorted((item["scan"], item["reason"]) for item in reply.json()["items"])


async def entries(client: httpx.AsyncClient, courier: WorkingCourier) -> list[dict[str, Any]]:
    reply = await client.get("/v1/couriers/me/entries", headers=courier.headers)
    items: list[dict[str, Any]] = reply.json()["items"]
    return items
