"""Planted personal data stand in plain text neither in the database's files nor in the logs (R14)."""

import io
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.database import Database
from app.main import create_app
from app.models.accounts import Role
from app.runtime import Runtime
from app.settings import Secrets, Settings
from app.standin.remote import StandIn
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.couriers import Applicant, arrive, employer_called, list_on_roster, made_up_id, staff
from tests.logs import captured_logs
from tests.storage import everything_stored

DOCUMENT = made_up_id(401)
NAME = "宇文不语"
PHONE = "13800138401"
PLATE = "渝D98765"
PLANTED = (DOCUMENT, NAME, PHONE, PLATE, "宇文")


@pytest.fixture
def settings(wechat_settings: Settings) -> Settings:
    return wechat_settings


async def test_nothing_personal_is_stored_or_logged_in_plain_text(
    own_database: Database, settings: Settings, secrets: Secrets, standin: StandIn, tmp_path: Path
) -> None:
    with captured_logs() as logs:
        await _look(own_database, settings, secrets, standin, tmp_path, logs)


async def _look(
    own_database: Database,
    settings: Settings,
    secrets: Secrets,
    standin: StandIn,
    tmp_path: Path,
    logs: io.StringIO,
) -> None:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    employer = await employer_called(runtime, "晨光速运")
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        first = Applicant(
            client=client,
            standin=standin,
            headers=await arrive(runtime, standin, "yuwen"),
            user="yuwen",
            name=NAME,
            document=DOCUMENT,
            phone=PHONE,
            employer_id=employer.id,
        )
        second = replace(
            first, headers=await arrive(runtime, standin, "yuwen-2"), user="yuwen-2", phone="13800138402"
        )
        tie = {"kind_of_work": "freight", "vehicle": "van", "employer_id": str(employer.id), "plate": PLATE}
        await list_on_roster(runtime, employer, name=NAME, document=DOCUMENT, phone=PHONE)
        assert (await first.register(affiliations=[tie])).json()["state"] == "verified"
        assert (await second.register(affiliations=[tie])).json()["state"] == "pending"
        refused = [
            await second.register(),
            await client.post(f"/v1/couriers/{DOCUMENT}", json={NAME: PHONE}, headers=first.headers),
            await client.get(f"/v1/couriers/{PHONE}", headers=first.headers),
            await first.register(document={"type": "resident_id", "number": DOCUMENT + "0"}),
            await first.register(**{NAME: PHONE}),
        ]
        reviewer = await staff(runtime, Role.reviewer)
        queue = await client.get("/v1/reviews", headers=reviewer)
        (review,) = queue.json()["items"]
        looked = await client.post(
            f"/v1/reviews/{review['id']}/look-up", json={"reason": "核对证件"}, headers=reviewer
        )
        metrics = await client.get("/metrics")
    assert looked.json()["profile"]["document_number"] == DOCUMENT
    assert all(reply.status_code >= 400 for reply in refused)
    stored = await everything_stored(own_database, tmp_path)
    assert "晨光速运".encode() in stored
    logged = logs.getvalue()
    assert any(json.loads(line).get("status") == 202 for line in logged.splitlines())
    said = {
        "database": stored,
        "logs": logged.encode() + logged.encode("unicode_escape"),
        "refusals": b"".join(reply.content for reply in refused),
        "queue": queue.content,
        "metrics": metrics.content,
    }
    found = [
        (where, planted)
        for where, content in said.items()
        for planted in PLANTED
        if not (where == "queue" and planted == "宇文") and planted.encode() in content
    ]
    assert found == []
    await runtime.http.aclose()
