"""One kind of refusal, whoever refuses."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query

from app.api.body import DEEPEST, JsonRoute
from app.api.docs import as_openapi_30, install_docs
from app.api.problems import install_problem_handlers, problem_responses
from app.api.schemas.base import Id, Instant, Integer, Line, Request, Response
from app.api.walls import WallSettings, install_walls
from app.errors import NotFound, Problem, Text, TooManyRequests, Unauthenticated
from app.metrics import Metrics

PLANTED = "509999199001011234"


class Note(Request):
    """What is written down."""

    title: Annotated[str, Line(1, 20)]
    """One line."""
    number: Integer | None = None
    at: Instant | None = None


class Noted(Response):
    """What was written down."""

    title: str
    """One line."""


class SeatTaken(Problem):
    """Somebody sits there."""

    status = 409
    code = "seat_taken"
    title = Text("座位已占", "Seat taken")
    message = Text("{place}号座位已有人。", "Seat {place} is taken.")


def _app() -> FastAPI:
    router = APIRouter(prefix="/v1", route_class=JsonRoute)

    @router.post("/notes", responses=problem_responses(body=True))
    async def write_note(note: Note) -> Noted:
        return Noted(title=note.title)

    @router.get("/notes/{note}", responses=problem_responses(NotFound))
    async def read_note(note: Id, limit: Annotated[Integer, Query()] = 1) -> Noted:  # noqa: ARG001
        raise NotFound

    @router.get("/notes")
    async def list_notes() -> Noted:
        raise Unauthenticated

    @router.get("/seats")
    async def take_seat() -> Noted:
        raise SeatTaken(place=7, extensions={"free": [8], "status": 200})

    @router.get("/often")
    async def ask_often() -> Noted:
        raise TooManyRequests(retry_after=30)

    @router.get("/broken")
    async def break_down() -> Noted:
        raise RuntimeError(PLANTED)

    @router.get("/away")
    async def ask_absent() -> Noted:
        raise ConnectionRefusedError(PLANTED)

    app = FastAPI(docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    install_docs(app)
    install_walls(
        app,
        settings=WallSettings(body_limit=20_000),
        metrics=Metrics(),
        outages=[lambda exc: isinstance(exc, ConnectionError)],
    )
    app.include_router(router)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(_app()), base_url="http://test", headers={"accept-language": "en"}
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/v1/notes", 405, "method_not_allowed"),
        ("GET", "/v1/notes", 401, "unauthenticated"),
        ("GET", "/v1/notes/1", 422, "malformed_request"),
        ("GET", "/v1/notes/01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58", 404, "not_found"),
        ("GET", "/v1/notes/01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58?limit=x", 422, "malformed_request"),
        ("GET", "/v1/seats", 409, "seat_taken"),
        ("GET", "/v1/often", 429, "too_many_requests"),
        ("GET", "/v1/broken", 500, "internal_error"),
        ("GET", "/v1/away", 503, "unavailable"),
    ],
)
async def test_every_refusal_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["instance"] == f"urn:request:{problem['request_id']}"
    assert PLANTED not in answer.text
    if status in {404, 409}:
        shown = await client.get(problem["type"])
        assert shown.status_code == 200 if code != "seat_taken" else shown.json()["detail"]["en"]


async def test_headers_tell_what_to_do_next(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/v1/notes")).headers["allow"] == "GET, POST"
    assert (await client.get("/v1/notes")).headers["www-authenticate"] == "Bearer"
    assert (await client.get("/v1/often")).headers["retry-after"] == "30"
    assert (await client.get("/v1/away")).headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("accepted", "detail"),
    [
        ("en-GB,en;q=0.9", "Seat 7 is taken."),
        ("zh-CN,zh;q=0.9,en;q=0.8", "7号座位已有人。"),
        ("en;q=0.1, zh-Hant;q=0.2", "7号座位已有人。"),
        ("fr", "7号座位已有人。"),
        ("fr, en;q=0.1", "Seat 7 is taken."),
        ("en;q=0", "7号座位已有人。"),
        ("en;q=nan", "7号座位已有人。"),
        (";;,=,q=", "7号座位已有人。"),
    ],
)
async def test_speaks_the_language_of_the_reader(
    client: httpx.AsyncClient, accepted: str, detail: str
) -> None:
    answer = await client.get("/v1/seats", headers={"accept-language": accepted})
    assert answer.json()["detail"] == detail
    assert answer.json()["free"] == [8]
    assert answer.json()["status"] == 409


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b'{"title": "a"}', "application/json", 200, None),
        (b'{"title": "a"}', "Application/JSON; charset=utf-8", 200, None),
        (b'{"title": "a"}', "text/plain", 415, "unsupported_media_type"),
        (b'{"title": "a"}', "application/problem+json", 415, "unsupported_media_type"),
        (b"title=a", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"", "application/json", 422, "malformed_request"),
        (b"null", "application/json", 422, "malformed_request"),
        (b"[]", "application/json", 422, "malformed_request"),
        (b'"title"', "application/json", 422, "malformed_request"),
        (b'{"title": NaN}', "application/json", 400, "unreadable_body"),
        (b'{"title": 1e999}', "application/json", 400, "unreadable_body"),
        (b'{"title": "\\ud800"}', "application/json", 400, "unreadable_body"),
        (b'{"title": "\\u0000"}', "application/json", 422, "malformed_request"),
        (b'{"title": "\xff"}', "application/json", 400, "unreadable_body"),
        (b'\xef\xbb\xbf{"title": "a"}', "application/json", 400, "unreadable_body"),
        (b'{"title": "a", "number": 9007199254740991}', "application/json", 200, None),
        (b'{"title": "a", "number": 9223372036854775808}', "application/json", 422, "malformed_request"),
        (b'{"title": "a", "number": 1.0}', "application/json", 422, "malformed_request"),
        (b'{"title": "a", "at": 0}', "application/json", 422, "malformed_request"),
        (b"[" * DEEPEST + b"]" * DEEPEST, "application/json", 422, "malformed_request"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "application/json", 400, "unreadable_body"),
        (b'{"":' * 5000, "application/json", 400, "unreadable_body"),
        (b'{"title": "' + b"[{" * 1000 + b'"}', "application/json", 422, "malformed_request"),
        (b'{"title": "' + b"a" * 20_000 + b'"}', "application/json", 413, "content_too_large"),
    ],
    ids=range(24),
)
async def test_bodies_are_json_or_refused(
    client: httpx.AsyncClient, body: bytes, kind: str, status: int, code: str | None
) -> None:
    answer = await client.post("/v1/notes", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_faults_are_named_without_their_values(client: httpx.AsyncClient) -> None:
    body = {"title": 5, "number": PLANTED, "surplus": PLANTED, PLANTED: 1}
    answer = await client.post("/v1/notes", json=body)
    assert PLANTED not in answer.text
    assert answer.json()["errors"] == [
        {"in": "body", "pointer": "/title", "code": "string_type", "detail": "Must be a string."},
        {"in": "body", "pointer": "/number", "code": "int_type", "detail": "Must be an integer."},
        {
            "in": "body",
            "pointer": "/surplus",
            "code": "extra_forbidden",
            "detail": "There is no such field.",
        },
        {"in": "body", "pointer": "", "code": "extra_forbidden", "detail": "There is no such field."},
    ]


async def test_a_thousand_faults_make_a_short_answer(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/notes", json={f"f{number}": 1 for number in range(1000)})
    assert len(answer.json()["errors"]) == 20


async def test_no_json_document_breaks_it(client: httpx.AsyncClient, test_data: Path) -> None:
    documents = sorted((test_data / "vectors/json/test_parsing").glob("*.json"))
    assert len(documents) > 300
    answers = {}
    for path in documents:
        for body in (path.read_bytes(), b'{"title": ' + path.read_bytes() + b"}"):
            answer = await client.post(
                "/v1/notes", content=body, headers={"content-type": "application/json"}
            )
            answers[path.name] = answer.status_code
            assert answer.status_code < 500, path.name
            if path.name.startswith("n_"):
                assert answer.status_code >= 400, path.name
            if path.name.startswith("y_"):
                assert answer.status_code in {200, 400, 422}, path.name
    assert answers["y_string_in_array.json"] == 422
    assert answers["n_structure_100000_opening_arrays.json"] in {400, 413}


async def test_no_naughty_string_breaks_it(client: httpx.AsyncClient, test_data: Path) -> None:
    naughty = json.loads((test_data / "vectors/strings/blns.json").read_text("utf-8"))
    assert len(naughty) > 500
    for value in naughty:
        written = await client.post("/v1/notes", json={"title": value})
        assert written.status_code in {200, 422}, value
        if written.status_code == 200:
            assert written.json()["title"].isprintable() or max(written.json()["title"]) >= "\u200b"
        asked = await client.get("/v1/notes/x", params={"limit": value})
        assert asked.status_code == 422, value
        named = await client.get("/v1/seats", headers={"accept-language": value.encode().hex()})
        assert named.status_code == 409


async def test_the_documentation_needs_nothing_from_outside(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in page.text
    for name in ("docs/start.js", "docs/assets/swagger-ui-bundle.js", "docs/assets/swagger-ui.css"):
        assert name in page.text
        assert (await client.get(f"/{name}")).status_code == 200
    assert (await client.get("/docs/assets/..%2F__init__.py")).status_code == 404
    assert (await client.get("/docs/assets/index.html")).status_code == 422
    spoken = (await client.get("/docs/openapi.json")).json()
    assert spoken["openapi"] == "3.0.3"
    assert '"null"' not in json.dumps(spoken["components"]["schemas"]["Note"])
    assert "ProblemDocument" in spoken["components"]["schemas"]


def test_openapi_30_says_the_same_in_older_words() -> None:
    assert as_openapi_30(
        {
            "openapi": "3.1.0",
            "schema": {
                "properties": {
                    "const": {"const": "a"},
                    "examples": {"anyOf": [{"type": "string", "examples": ["x"]}, {"type": "null"}]},
                    "n": {"type": ["integer", "null"], "exclusiveMinimum": 0},
                }
            },
        }
    ) == {
        "openapi": "3.0.3",
        "schema": {
            "properties": {
                "const": {"enum": ["a"]},
                "examples": {"type": "string", "example": "x", "nullable": True},
                "n": {"type": "integer", "nullable": True, "minimum": 0, "exclusiveMinimum": True},
            }
        },
    }
