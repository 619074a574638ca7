"""R4: what is somebody else's is answered like what does not exist, wherever a thing is named by its id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.models.accounts import Account, AccountKind, Role
from app.runtime import Runtime
from app.settings import Settings
from app.work import Actor, Scope, begin_work
from tests.described import Operation, described
from tests.factories.accounts import (
    EVERYWHERE,
    sign_in,
    signed_in,
    within_area,
    within_compound,
    within_employer,
)
from tests.factories.areas import SHAPINGBA, make_area
from tests.factories.belongings import belongings
from tests.factories.compounds import make_compound
from tests.factories.couriers import made_up_id, make_courier
from tests.factories.devices import make_device, make_shift
from tests.factories.employers import make_employer
from tests.factories.scans import bring_courier, open_gate
from tests.factories.settings import make_settings

OPEN_TO_ALL_ACCOUNTS = {"compounds_read", "gates_read", "employers_read"}
"""What every signed-in account may read is nobody's own: couriers look for compounds and employers."""

REACHED = {
    "security_admin": {
        "accounts_read_staff",
        "accounts_reset_staff",
        "accounts_end_staff",
        "accounts_sign_out_everywhere",
        "accounts_revoke",
    },
    "courier": {"codes_speak"},
}
"""By caller, the operations whose objects are no foreign ones to it."""

DIFFERS = {"request_id", "instance"}
"""Members of a problem document that differ from request to request."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One operation, and the places of the ids in it, by the name of what they are of."""

    operation: Operation
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    in_body: tuple[str, ...]


@pytest.fixture
def settings() -> Settings:
    """Hundreds of refusals come from one address here."""
    return make_settings(rate_limits=False)


def probes(known: Mapping[str, UUID]) -> Iterator[Probe]:
    for operation in described():
        if operation.id in OPEN_TO_ALL_ACCOUNTS:
            continue
        in_path, in_query = (
            tuple(
                found["name"]
                for found in operation.parameters(place)
                if found["schema"].get("format") == "uuid"
            )
            for place in ("path", "query")
        )
        body = operation.body["example"] if operation.body else {}
        in_body = tuple(name for name in body if name in known and name != "employer_id")
        if in_path or in_query or in_body:
            yield Probe(operation, in_path, in_query, in_body)


async def send(
    client: httpx.AsyncClient, probe: Probe, ids: Mapping[str, UUID], headers: dict[str, str]
) -> Any:
    """The status and what lasts of the body."""
    operation = probe.operation
    path = operation.path
    for name in probe.in_path:
        path = path.replace(f"{{{name}}}", str(ids[name]))
    path = path.replace("{version}", "1")
    body = dict(operation.body["example"]) if operation.body else None
    if body is not None:
        body |= {name: str(ids[name]) for name in probe.in_body}
    form = "multipart/form-data" in operation.said.get("requestBody", {}).get("content", {})
    reply = await client.request(
        operation.method,
        path,
        params={name: str(ids[name]) for name in probe.in_query},
        json=body,
        files={"file": ("roster.csv", b"name,document_number,phone\n")} if form else None,
        headers=headers,
    )
    assert reply.status_code < 500, (operation.id, reply.text)
    if not reply.content or "json" not in reply.headers.get("content-type", ""):
        return reply.status_code, reply.content
    answer = reply.json()
    return reply.status_code, {name: value for name, value in answer.items() if name not in DIFFERS}


async def strangers(runtime: Runtime) -> dict[str, dict[str, str]]:
    """Callers of every kind, none of whom has anything in Dadukou: headers by name."""
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        seen = await make_compound(work, area=SHAPINGBA, name="磁器口")
        gate = seen.gates[0]
        device, enrolment, _ = await make_device(work, gate=gate)
        on_shift = await make_shift(work, device=device, enrolment=enrolment, gate=gate)
        employer = await make_employer(work, name="别家速运")
        other = await make_courier(
            work, name="于验证", document=made_up_id(77), phone="19900000077", employer=employer
        )
        area = (await make_area(work, code=SHAPINGBA)).path
        roles: dict[str, tuple[AccountKind, Role, Scope]] = {
            "property_manager": (
                AccountKind.wechat,
                Role.property_manager,
                within_compound(seen.compound.id),
            ),
            "employer_user": (AccountKind.wechat, Role.employer_user, within_employer(employer.id)),
            "registrar": (AccountKind.staff, Role.registrar, within_area(area)),
            "reviewer": (AccountKind.staff, Role.reviewer, within_area(area)),
            **{
                role.value: (AccountKind.staff, role, EVERYWHERE)
                for role in (Role.operator, Role.security_admin, Role.auditor, Role.analyst, Role.organizer)
            },
        }
        return {
            "anonymous": {},
            "newcomer": await signed_in(work, kind=AccountKind.wechat, grants=[]),
            "courier": await sign_in(work, account=await work.session.get_one(Account, other.account_id)),
            "guard": on_shift.headers,
            "device": await sign_in(work, account=await work.session.get_one(Account, device.account_id)),
            **{
                name: await signed_in(work, kind=kind, grants=[(role, scope)])
                for name, (kind, role, scope) in roles.items()
            },
        }


async def test_foreign_and_absent_are_one_answer(client: httpx.AsyncClient, runtime: Runtime) -> None:
    gate = await open_gate(runtime, name="翠湖苑")
    foreign = await belongings(runtime, client, gate, await bring_courier(runtime, serial=1))
    callers = await strangers(runtime)
    absent = dict.fromkeys(foreign, uuid4())
    told_apart = []
    for probe in probes(foreign):
        assert {*probe.in_path, *probe.in_query} <= foreign.keys(), (
            f"{probe.operation.id}: no such thing is made"
        )
        for caller, headers in callers.items():
            theirs = await send(client, probe, foreign, headers)
            nothing = await send(client, probe, absent, headers)
            reached = probe.operation.id in REACHED.get(caller, ())
            if (theirs == nothing) is reached:
                told_apart.append(f"{probe.operation.id} as {caller}: {theirs} / {nothing}")
    assert told_apart == []


def test_every_route_with_an_id_is_probed() -> None:
    named = {
        operation.id
        for operation in described()
        if any(found["schema"].get("format") == "uuid" for found in operation.parameters("path"))
    }
    assert {probe.operation.id for probe in probes({})} >= named - OPEN_TO_ALL_ACCOUNTS
    assert named >= OPEN_TO_ALL_ACCOUNTS
