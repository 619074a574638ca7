"""What passes the gate is stored and logged without codes, tokens and surnames in plain text (R14)."""

import io
from pathlib import Path

import httpx

from app.database import Database
from app.main import create_app
from app.runtime import Runtime
from app.services.codes.format import parse_code_text
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.scans import bring_courier, mint, open_gate
from tests.logs import captured_logs
from tests.storage import everything_stored

MISTAKEN = "13800138402 at the wrong counter"
"""What a scanner reads where somebody holds out another paper."""


async def test_no_code_token_or_surname_is_stored_or_logged(
    own_database: Database, settings: Settings, secrets: Secrets, tmp_path: Path
) -> None:
    with captured_logs() as logs:
        await _look(own_database, settings, secrets, tmp_path, logs)


async def _look(
    own_database: Database, settings: Settings, secrets: Secrets, tmp_path: Path, logs: io.StringIO
) -> None:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    gate = await open_gate(runtime, name="翠湖苑")
    courier = await bring_courier(runtime, serial=7)
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        (code,) = await mint(client, courier)
        for text in (code, code, MISTAKEN):
            reply = await client.post("/v1/scans", json=gate.scan(text), headers=gate.guard)
            assert reply.status_code == 200
        landed = await client.get(code.replace("https://hx.example.cn", ""))
        metrics = await client.get("/metrics")
    assert landed.status_code == 200
    assert landed.headers["cache-control"] == "no-store"
    base32 = code.rsplit("/", 1)[1]
    read = parse_code_text(code, ["https://hx.example.cn/c/"])
    tokens = [headers["Authorization"].split()[1] for headers in (gate.guard, courier.headers)]
    kept = {
        "database": await everything_stored(own_database, tmp_path),
        "logs": logs.getvalue().encode(),
        "metrics": metrics.content,
        "landing": landed.content,
    }
    planted = [base32.encode(), read.signature, "甄".encode(), MISTAKEN.encode(), *map(str.encode, tokens)]
    assert "翠湖苑".encode() in kept["database"]
    assert b"/c/{code}" in kept["logs"]
    assert [
        (where, secret) for where, content in kept.items() for secret in planted if secret in content
    ] == []
    await runtime.http.aclose()
