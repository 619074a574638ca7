"""The stand-in for WeChat, somebody who registers through it, and whoever meets at a gate."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from app.database import Database
from app.models.accounts import Role
from app.models.employers import Employer
from app.runtime import Runtime
from app.settings import Environment, Secrets, Settings
from app.standin.remote import StandIn
from app.standin.server import run_standin
from tests.factories.couriers import Applicant, arrive, employer_called, list_on_roster, made_up_id, staff
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, open_gate
from tests.factories.settings import make_settings
from tests.processes import Process, start_processes


@pytest.fixture
async def processes(
    own_database: Database, settings: Settings, secrets: Secrets
) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes on one database."""
    async with start_processes(own_database, settings, secrets, count=2) as (first, second):
        yield first, second


@pytest.fixture
async def desk(runtime: Runtime) -> dict[str, str]:
    """A reviewer who registers others."""
    return await staff(runtime, Role.reviewer)


@pytest.fixture
async def reviewer(runtime: Runtime) -> dict[str, str]:
    """Another reviewer, who decides."""
    return await staff(runtime, Role.reviewer)


@pytest.fixture(scope="session")
def standin() -> Iterator[StandIn]:
    """A stand-in of the whole run, on the machine's clock: name its users apart."""
    with run_standin(environment=Environment.test) as running:
        yield running


@pytest.fixture
def wechat_settings(standin: StandIn) -> Settings:
    """Settings whose WeChat is the stand-in; a module's own `settings` may return them."""
    return make_settings(
        wechat={"base_url": standin.base_url, "appid": standin.appid, "secret": standin.secret}
    )


@pytest.fixture
async def employer(runtime: Runtime) -> Employer:
    """An employer that takes part."""
    return await employer_called(runtime, "晨光速运")


@pytest.fixture
async def applicant(
    client: httpx.AsyncClient, runtime: Runtime, standin: StandIn, employer: Employer
) -> Applicant:
    """Somebody who has signed in and not registered yet."""
    return Applicant(
        client=client,
        standin=standin,
        headers=await arrive(runtime, standin, "zhen"),
        user="zhen",
        name="甄实诚",
        document=made_up_id(101),
        phone="13800138101",
        employer_id=employer.id,
    )


@pytest.fixture
async def listed(applicant: Applicant, runtime: Runtime, employer: Employer) -> None:
    """The employer vouches for the applicant."""
    await list_on_roster(
        runtime, employer, name=applicant.name, document=applicant.document, phone=applicant.phone
    )


@pytest.fixture
async def verified(applicant: Applicant, listed: None) -> dict[str, str]:  # noqa: ARG001 - must come first
    """Headers of a courier whom the roster verified."""
    assert (await applicant.register()).json()["state"] == "verified"
    return applicant.headers


@pytest.fixture
async def gate(runtime: Runtime) -> WorkingGate:
    """A gate with a guard on shift."""
    return await open_gate(runtime, name="翠湖苑")


@pytest.fixture
async def other(runtime: Runtime) -> WorkingGate:
    """A gate of another compound."""
    return await open_gate(runtime, name="映山里")


@pytest.fixture
async def courier(runtime: Runtime) -> WorkingCourier:
    """A verified courier."""
    return await bring_courier(runtime, serial=1)
