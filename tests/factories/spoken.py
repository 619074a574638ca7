"""Spoken codes, as couriers ask for them and others guess them."""

import httpx

from tests.factories.scans import WorkingCourier, WorkingGate


async def ask(client: httpx.AsyncClient, courier: WorkingCourier, gate: WorkingGate) -> httpx.Response:
    return await client.post("/v1/codes/spoken", json={"gate_id": str(gate.gate_id)}, headers=courier.headers)


async def digits_for(client: httpx.AsyncClient, courier: WorkingCourier, gate: WorkingGate) -> str:
    reply = await ask(client, courier, gate)
    assert reply.status_code == 201, reply.text
    digits: str = reply.json()["digits"]
    return digits


def wrong(number: int, *digits: str) -> str:
    """The `number`-th digits that are none of `digits`."""
    return [text for each in range(100) if (text := f"{each:06}") not in digits][number]
