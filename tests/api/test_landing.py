"""What stands behind a code's link: a page that does nothing, and WeChat's domain check file."""

import json
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import func, select

from app.main import create_app
from app.models.scans import CodeUse, Scan
from app.runtime import Runtime
from tests.factories.scans import bring_courier, mint, open_gate
from tests.factories.settings import make_settings
from tests.logs import captured_logs

CHECK = {"check_file": "a1B2c3D4e5.txt", "check_content": "0f1e2d3c4b5a"}


@pytest.fixture
def checked(runtime: Runtime) -> httpx.AsyncClient:
    """A client of a deployment to which WeChat has handed out a check file."""
    deployment = replace(runtime.deployment, settings=make_settings(wechat=CHECK))
    transport = httpx.ASGITransport(app=create_app(replace(runtime, deployment=deployment)))
    return httpx.AsyncClient(transport=transport, base_url="http://huixin.test")


async def test_the_link_of_a_code_opens_a_page_that_uses_keeps_and_logs_nothing(
    runtime: Runtime,
) -> None:
    gate = await open_gate(runtime, name="翠湖苑")
    with captured_logs() as logs:
        transport = httpx.ASGITransport(app=create_app(runtime))
        client = httpx.AsyncClient(transport=transport, base_url="http://huixin.test")
        (text,) = await mint(client, await bring_courier(runtime, serial=1))
        code = text.rpartition("/")[2]
        page = await client.get(f"/c/{code}")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "script" not in page.text
    assert code not in page.text + str(page.headers)
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    assert [line["route"] for line in lines if line["event"] == "request"] == ["/v1/codes", "/c/{code}"]
    assert code not in logs.getvalue()
    async with runtime.database.session(write=False) as session:
        for model in (Scan, CodeUse):
            assert await session.scalar(select(func.count()).select_from(model)) == 0
    reply = await client.post("/v1/scans", json=gate.scan(text), headers=gate.guard)
    assert reply.json()["verdict"] == "admit"
    await client.aclose()


async def test_the_domain_check_file_is_served_verbatim_beneath_the_link_prefix(
    checked: httpx.AsyncClient,
) -> None:
    async with checked:
        served = await checked.get(f"/c/{CHECK['check_file']}")
        other = await checked.get("/c/a1B2c3D4e6.txt")
    assert served.headers["content-type"].startswith("text/plain")
    assert served.text == CHECK["check_content"]
    assert CHECK["check_content"] not in other.text
