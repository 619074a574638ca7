"""The straight way: the same answers as the ordinary one, and only where nothing is unusual."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.api import codes, compounds, scans
from app.api.straight import StraightWay, straight_routes
from app.api.walls import BodyWall, WallSettings
from app.runtime import Runtime
from app.settings import Settings
from tests.factories.scans import WorkingCourier, WorkingGate, mint
from tests.factories.settings import make_settings

SPELLED = "application/json; charset=utf-8"
"""The same media type, spelled so that the request goes the ordinary way."""

OWN = {"x-request-id", "date"}
"""Headers that differ from answer to answer."""


@pytest.fixture
def settings() -> Settings:
    return make_settings(access_token_seconds=3600)


async def both(
    client: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str]
) -> tuple[httpx.Response, httpx.Response]:
    """One request sent either way."""
    straight, ordinary = [
        await client.post(path, json=body, headers=headers | {"content-type": kind})
        if not isinstance(body, bytes)
        else await client.post(path, content=body, headers=headers | {"content-type": kind})
        for kind in ("application/json", SPELLED)
    ]
    return straight, ordinary


def told(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """Everything that an answer says, but for what is new with every request."""
    body = answer.json()
    for member in ("request_id", "instance"):
        body.pop(member, None)
    headers = {name: value for name, value in answer.headers.items() if name not in OWN}
    return answer.status_code, headers, body


async def test_a_scan_is_answered_alike(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    scan = gate.scan(code)
    first = await client.post("/v1/scans", json=scan, headers=gate.guard)
    assert (first.status_code, first.json()["verdict"]) == (200, "admit")
    straight, ordinary = await both(client, "/v1/scans", scan, gate.guard)
    assert straight.status_code == 200
    assert straight.content == ordinary.content
    assert told(straight) == told(ordinary)
    assert list(straight.headers)[:2] == list(ordinary.headers)[:2]


async def test_an_examination_is_answered_alike(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    for text in (code, "https://pay.example.cn/x"):
        straight, ordinary = await both(client, "/v1/codes/examinations", {"code": text}, gate.guard)
        assert straight.status_code == 200
        assert straight.content == ordinary.content
        assert told(straight) == told(ordinary)


async def test_a_wallet_is_answered_alike(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    straight, ordinary = await both(client, "/v1/codes", {"count": 3}, courier.headers)
    for answer in (straight, ordinary):
        assert answer.status_code == 201
        assert [each.keys() for each in answer.json()["items"]] == [
            {"text", "jws", "valid_from", "valid_until"}
        ] * 3
    assert told(straight)[1] == told(ordinary)[1]
    straight, ordinary = await both(client, "/v1/codes", {"count": 3}, gate.guard)
    assert straight.status_code == 409
    assert told(straight) == told(ordinary)


SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no such enrolment": lambda scan: scan | {"enrolment_id": str(uuid4())},
    "unknown field": lambda scan: scan | {"speed": 1},
    "missing field": lambda scan: {name: scan[name] for name in scan if name != "code"},
    "wrong type": lambda scan: scan | {"scan_id": 7},
    "a list": lambda scan: [scan],
    "null": lambda _: None,
    "no JSON": lambda _: b"{",
    "NaN": lambda _: b'{"code": NaN}',
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_a_refusal_is_worded_alike(
    client: httpx.AsyncClient, gate: WorkingGate, spoil: Callable[[dict[str, Any]], Any], language: str
) -> None:
    headers = gate.guard | {"accept-language": language}
    straight, ordinary = await both(client, "/v1/scans", spoil(gate.scan("no code")), headers)
    assert 400 <= straight.status_code < 500
    assert told(straight) == told(ordinary)


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x.y.z",
        "bearer {}",
        "Bearer  {} ",
        "Basic {}",
        "Bearer {}x",
        "{}",
    ],
)
async def test_a_token_counts_alike(client: httpx.AsyncClient, gate: WorkingGate, token: str | None) -> None:
    true = gate.guard["Authorization"].removeprefix("Bearer ")
    headers = {} if token is None else {"authorization": token.format(true)}
    straight, ordinary = await both(client, "/v1/codes/examinations", {"code": "x"}, headers)
    assert told(straight) == told(ordinary)
    assert straight.status_code == (200 if token in {"bearer {}", "Bearer  {} "} else 401)


async def test_other_methods_and_media_types_are_refused_as_ever(
    client: httpx.AsyncClient, gate: WorkingGate
) -> None:
    assert (await client.get("/v1/scans", headers=gate.guard)).status_code == 405
    text = await client.post("/v1/scans", content=b"{}", headers=gate.guard | {"content-type": "text/plain"})
    assert (text.status_code, text.json()["code"]) == (415, "unsupported_media_type")


async def test_only_a_usual_request_goes_straight(
    application: FastAPI, runtime: Runtime, gate: WorkingGate
) -> None:
    application.state.runtime = runtime
    ordinary: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        ordinary.append(f"{scope['path']} {message.get('body', b'').decode()}")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    way = StraightWay(inner, routes=straight_routes(codes.router.routes, [codes.examine_code]))

    async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = application
        await way(scope, receive, send)

    whole = BodyWall(in_parts, settings=WallSettings())
    path = "/v1/codes/examinations"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(whole), base_url="http://test") as client:
        assert (await client.post(path, json={"code": "x"}, headers=gate.guard)).status_code == 200
        assert ordinary == []
        await client.post(path + "/", json={"code": "x"}, headers=gate.guard)
        await client.post(path, json={"code": "x"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(in_parts), base_url="http://test") as client:
        await client.post(path, json={"code": "x"}, headers=gate.guard)
    # The test's own client says of every body that more may come.
    assert ordinary == [path + '/ {"code":"x"}', path + ' {"code":"x"}', path + ' {"code":"x"}']


async def test_a_route_under_a_root_path_goes_straight_too(
    application: FastAPI, runtime: Runtime, gate: WorkingGate
) -> None:
    application.state.runtime = runtime
    transport = httpx.ASGITransport(application, root_path="/huixin")
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/huixin/v1/codes/examinations", json={"code": "x"}, headers=gate.guard)
    assert (answer.status_code, answer.json()["readable"]) == (200, False)


def test_what_cannot_be_answered_straight_is_refused_at_the_start() -> None:
    for router, endpoint in ((scans.router, scans.own_entries), (codes.router, codes.speak)):
        (route,) = straight_routes(router.routes, [endpoint])
        with pytest.raises(TypeError):
            StraightWay(FastAPI(), routes=[route])
    with pytest.raises(ValueError, match="straight"):
        straight_routes(compounds.router.routes, [scans.make])


async def test_the_routes_called_most_go_straight(
    application: FastAPI, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    """FastAPI leaves its mark on every request that it solved the dependencies of."""
    application.state.runtime = runtime
    for path, body, caller in (
        ("/v1/scans", gate.scan("x"), gate.guard),
        ("/v1/codes/examinations", {"code": "x"}, gate.guard),
        ("/v1/codes", {"count": 1}, courier.headers),
    ):
        marks = []
        for kind in ("application/json", SPELLED):
            scopes: list[Scope] = []

            async def watched(scope: Scope, receive: Receive, send: Send, seen: list[Scope] = scopes) -> None:
                seen.append(scope)
                await application(scope, receive, send)

            transport = httpx.ASGITransport(watched)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as watching:
                headers = caller | {"content-type": kind}
                assert (await watching.post(path, json=body, headers=headers)).is_success
            marks.append("fastapi_inner_astack" in scopes[0])
        assert marks == [False, True]
