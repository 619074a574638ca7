"""The walls: limits, names, log lines and measures around every request."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Scope

from app.api.body import JsonRoute
from app.api.client import client_address
from app.api.measures import install_measures
from app.api.problems import install_problem_handlers
from app.api.schemas import base
from app.api.walls import CLIENT, BrokenAnswer, WallSettings, install_walls, remember_account
from app.logs import outline
from app.metrics import Metrics
from tests.logs import captured_logs

PLANTED = ("509999199001011234", "13812345678", "王小明")
"""An ID number of a county that does not exist, a phone number, a name."""

ACCOUNT = UUID("01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58")


class Name(base.Request):
    """A name."""

    name: Annotated[str, base.Line(1, 20)]
    """The name."""


class Site:
    """A small application behind the walls, its metrics and a gate that holds requests back."""

    def __init__(self, settings: WallSettings) -> None:
        self.gate = asyncio.Event()
        self.entered = 0
        self.metrics = Metrics()
        self.app = FastAPI(docs_url=None, redoc_url=None)
        install_problem_handlers(self.app)
        install_walls(self.app, settings=settings, metrics=self.metrics)
        router = APIRouter(prefix="/v1", route_class=JsonRoute)

        @router.get("/wait")
        async def wait() -> str:
            self.entered += 1
            await self.gate.wait()
            return "done"

        @router.get("/c/{code}")
        async def redeem(code: str) -> str:  # noqa: ARG001
            return "seen"

        @router.post("/names")
        async def write_name(name: Name, request: Request) -> int:  # noqa: ARG001
            remember_account(request.scope, ACCOUNT)
            return len(await request.body())

        @router.get("/broken/{name}")
        async def break_down(name: str) -> str:
            raise RuntimeError(name, *PLANTED)

        @router.get("/half")
        async def break_half() -> StreamingResponse:
            async def halves() -> AsyncIterator[bytes]:
                yield b"first"
                raise RuntimeError(PLANTED)

            return StreamingResponse(halves())

        @router.get("/where")
        async def tell_where(request: Request) -> str | None:
            where: str | None = request.scope[CLIENT]
            return where

        self.app.include_router(router)

        @self.app.get("/health/live")
        async def live() -> str:
            return "live"

    def client(self, address: str = "10.0.0.1") -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=(address, 1234)), base_url="http://test"
        )


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything logged while the test runs."""
    with captured_logs("INFO") as stream:
        yield stream


async def test_every_answer_is_named_and_kept_private() -> None:
    async with Site(WallSettings()).client() as client:
        answers = [await client.get(path) for path in ("/health/live", "/nowhere", "/v1/broken/a")]
        taken = await client.get("/health/live", headers={"x-request-id": "gate-7.scan_12"})
        refused = await client.get("/health/live", headers={"x-request-id": 'x" onload="'})
    assert taken.headers["x-request-id"] == "gate-7.scan_12"
    assert len({answer.headers["x-request-id"] for answer in (*answers, refused)}) == 4
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


async def test_log_lines_say_what_happened_and_nothing_about_people(lines: io.StringIO) -> None:
    document, phone, name = PLANTED
    async with Site(WallSettings()).client() as client:
        await client.post("/v1/names", json={"name": name}, headers={"x-request-id": "request-1"})
        await client.get(f"/v1/c/{document}", params={"phone": phone})
        await client.get(f"/v1/broken/{name}", headers={"x-request-id": phone})
        await client.get(f"/{document}")
        await client.request("BREW", "/v1/where")
    logging.getLogger("asyncio").error("Task exception was never retrieved: %s", name)
    logging.getLogger("uvicorn.error").warning("Started, %s", document)
    logging.getLogger("httpx").info("GET https://example/?secret=%s", name)
    written = lines.getvalue()
    for planted in PLANTED:
        assert planted not in written
    assert "10.0.0.1" not in written
    events = [json.loads(line) for line in written.splitlines()]
    first = events[0]
    assert first["event"] == "request"
    assert (first["method"], first["route"], first["status"]) == ("POST", "/v1/names", 200)
    assert first["account"] == str(ACCOUNT)
    assert first["request_id"] == "request-1"
    assert first["milliseconds"] >= 0
    routes = [event["route"] for event in events if event["event"] == "request"]
    assert routes == ["/v1/names", "/v1/c/{code}", "/v1/broken/{name}", "unmatched", "/v1/where"]
    (fault,) = [event for event in events if event["event"] == "unforeseen"]
    assert fault["fault"][0]["type"] == "builtins.RuntimeError"
    assert "break_down" in fault["fault"][0]["frames"][-1]
    assert [event["event"] for event in events[-2:]] == [
        "Task exception was never retrieved: %s",
        "Started, [struck]",
    ]


def test_an_outline_names_causes_but_not_messages() -> None:
    try:
        try:
            raise KeyError(PLANTED[0])  # noqa: TRY301
        except KeyError as cause:
            raise ValueError(PLANTED[1]) from cause
    except ValueError as exc:
        chain = outline(exc)
    assert [link["type"] for link in chain] == ["builtins.ValueError", "builtins.KeyError"]
    assert not any(planted in str(chain) for planted in PLANTED)


async def test_half_an_answer_breaks_the_connection(lines: io.StringIO) -> None:
    async with Site(WallSettings()).client() as client:
        with pytest.raises(BrokenAnswer) as broken:
            await client.get("/v1/half")
    assert broken.value.__suppress_context__
    assert PLANTED[0] not in lines.getvalue()


async def test_measures_carry_templates_only() -> None:
    site = Site(WallSettings())
    async with site.client() as client:
        await client.get("/v1/c/secret-code")
        await client.get("/secret-path")
        await client.request("SECRET", "/v1/where")
    page, kind = site.metrics.exposition()
    text = page.decode()
    assert kind.startswith("text/plain")
    assert 'huixin_http_requests_total{method="GET",route="/v1/c/{code}",status="200"} 1.0' in text
    assert 'huixin_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'method="OTHER",route="/v1/where",status="405"' in text
    assert "huixin_http_requests_under_way 0.0" in text
    assert "secret" not in text.lower()


async def test_only_watchers_see_the_measures() -> None:
    site = Site(WallSettings())
    install_measures(site.app, metrics=site.metrics, watchers=(ip_network("10.0.0.1/32"),))
    async with site.client() as watcher, site.client("10.0.0.2") as other:
        seen = await watcher.get("/metrics")
        assert seen.headers["content-type"].startswith("text/plain; version=")
        assert "huixin_http_requests_under_way 1.0" in seen.text
        assert (await other.get("/metrics")).status_code == 404


async def test_requests_over_the_cap_are_shed_at_once() -> None:
    site = Site(WallSettings(concurrency=2))
    async with site.client() as client:
        waiting = [asyncio.create_task(client.get("/v1/wait")) for _ in range(2)]
        while site.entered < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        shed = await client.get("/v1/wait")
        assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
        assert shed.headers["retry-after"] == "1"
        assert (await client.get("/health/live")).status_code == 200
        site.gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]
        assert (await client.get("/v1/wait")).status_code == 200
    assert site.entered == 3


async def test_bodies_are_limited_by_what_they_say_and_by_what_they_are() -> None:
    settings = WallSettings(body_limit=100, larger_bodies={"/v1/names": 200})

    async def unannounced(size: int) -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"a"

    async with Site(settings).client() as client:
        for path, size, status in (
            ("/v1/wait", 101, 413),
            ("/v1/wait", 100, 405),
            ("/v1/names", 201, 413),
            ("/v1/names", 200, 415),
        ):
            announced = await client.post(path, content=b"a" * size)
            counted = await client.post(path, content=unannounced(size))
            assert (announced.status_code, counted.status_code) == (status, status), (path, size)
        lied = await client.post("/v1/names", content=b"a" * 300, headers={"content-length": "1"})
        assert lied.status_code == 413
        kept = await client.post("/v1/names", json={"name": "a"})
        assert kept.json() == len(b'{"name":"a"}')


async def test_memory_for_bodies_is_bounded_and_given_back() -> None:
    site = Site(WallSettings(body_limit=1000, memory_for_bodies=1500))
    async with site.client() as client:
        for _ in range(5):
            assert (await client.post("/v1/names", content=b"a" * 900)).status_code == 415
        silent, taken = _half_open(site, b"a" * 900)
        await taken.wait()
        assert (await client.post("/v1/names", content=b"a" * 900)).status_code == 503
        silent.cancel()
        await asyncio.gather(silent, return_exceptions=True)
        assert (await client.post("/v1/names", content=b"a" * 900)).status_code == 415


async def test_a_body_that_makes_no_headway_is_cut_off() -> None:
    site = Site(WallSettings(body_seconds=0.05))
    sent: list[Message] = []
    task, _ = _half_open(site, b"{", sent)
    await asyncio.wait_for(task, 2)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_body_that_keeps_its_rate_may_take_longer() -> None:
    site = Site(WallSettings(body_seconds=0.1, body_rate=10))

    async def steady() -> AsyncIterator[bytes]:
        for piece in (b'{"na', b'me":', b' "a"', b"    ", b"   }"):
            await asyncio.sleep(0.05)
            yield piece

    async with site.client() as client:
        answer = await client.post(
            "/v1/names", content=steady(), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 200


def _half_open(
    site: Site, start: bytes, sent: list[Message] | None = None
) -> tuple["asyncio.Task[None]", asyncio.Event]:
    """A request whose body begins with `start` and never goes on."""
    taken = asyncio.Event()
    pieces = [start]
    kept = [] if sent is None else sent

    async def receive() -> Message:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(), "more_body": True}
        taken.set()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        kept.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/names",
        "raw_path": b"/v1/names",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")],
        "client": ("10.0.0.2", 1),
        "server": ("test", 80),
    }

    async def run() -> None:
        await site.app(scope, receive, send)

    return asyncio.create_task(run()), taken


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "client"),
    [
        ("203.0.113.9", [], [], "203.0.113.9"),
        ("203.0.113.9", ["1.1.1.1"], [], "203.0.113.9"),
        ("203.0.113.9", ["1.1.1.1"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1"], ["10.0.0.0/8"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6, 1.1.1.1"], ["10.0.0.0/8"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6", "1.1.1.1, 10.0.0.2"], ["10.0.0.0/8"], "1.1.1.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], ["10.0.0.0/8"], "10.0.0.3"),
        ("10.0.0.1", ["1.1.1.1, unknown"], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", [""], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1:4711"], ["10.0.0.0/8"], "1.1.1.1"),
        ("::ffff:10.0.0.1", ['"[2001:db8::1]:4711"'], ["10.0.0.0/8"], "2001:db8::1"),
        ("::1", ["2001:db8::1"], ["::1/128"], "2001:db8::1"),
        (None, ["1.1.1.1"], ["10.0.0.0/8"], None),
        ("testclient", ["1.1.1.1"], ["10.0.0.0/8"], None),
    ],
)
def test_only_trusted_proxies_say_for_whom_they_speak(
    peer: str | None, forwarded: list[str], trusted: list[str], client: str | None
) -> None:
    address = (peer, 1) if peer else None
    assert client_address(address, forwarded, map(ip_network, trusted)) == client


async def test_the_scope_holds_the_client() -> None:
    site = Site(WallSettings(trusted_proxies=(ip_network("10.0.0.0/8"),)))
    async with site.client() as client:
        answer = await client.get("/v1/where", headers={"x-forwarded-for": "1.1.1.1"})
    assert answer.json() == "1.1.1.1"


async def test_browsers_may_call_only_from_where_they_are_let() -> None:
    origin = {"origin": "https://huixin.example"}
    async with Site(WallSettings()).client() as client:
        answer = await client.get("/health/live", headers=origin)
        assert not [name for name in answer.headers if name.startswith("access-control")]
    async with Site(WallSettings(allowed_origins=("https://huixin.example",))).client() as client:
        assert (await client.get("/health/live", headers=origin)).headers[
            "access-control-allow-origin"
        ] == origin["origin"]
        elsewhere = await client.get("/health/live", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in elsewhere.headers
