"""R6: nothing that anybody sends brings out a 5xx, and both databases answer it with the same status."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from app.api.openapi import ANY_ACCOUNT
from app.database import Database
from app.models.accounts import AccountKind, Role
from app.settings import Secrets
from app.work import Actor, begin_work
from tests.databases import KINDS, migrated_database
from tests.described import Operation, described
from tests.factories.accounts import EVERYWHERE, signed_in, within_compound, within_employer
from tests.factories.belongings import belongings
from tests.factories.scans import bring_courier, open_gate
from tests.factories.settings import make_settings
from tests.processes import Process, start_processes

SIGNS_IN_AS = {"scans": "guard", "devices": "device", "couriers": "courier", "codes": "courier"}
"""Who calls operations that ask for no role, by tag; a courier where nothing is said."""

AWAY = {"wechat_unavailable", "wechat_failed", "wechat_misconfigured"}
"""Problems of 5xx that say that WeChat is away, as it is in these tests: sockets are closed."""

ENDS_CALLERS = {
    "accounts_sign_out",
    "couriers_leave",
    "devices_report_loss",
    "devices_move",
    "shifts_end",
    "accounts_revoke",
    "accounts_end_staff",
}
"""What ends the standing of a caller comes last."""

PLAIN = {"code": "500104", "form": "svg", "version": "1"}
"""What stands in paths besides ids."""

FEW, WHOLE = "few", pytest.param("whole", marks=pytest.mark.long)
LONE_SURROGATE = ["\ud800"]
"""JSON can spell it, UTF-8 cannot; sent once, whatever the sample holds."""
AMOUNT = pytest.mark.parametrize("amount", [FEW, WHOLE])


@dataclass(frozen=True, slots=True)
class District:
    """The same small district on one of the databases."""

    process: Process
    ids: Mapping[str, UUID]
    callers: Mapping[str, dict[str, str]] = field(repr=False)

    async def send(self, operation: Operation, **parts: Any) -> httpx.Response:
        """Calls `operation` as somebody who may, with ids of things that are there."""
        path = operation.path
        for name, value in parts.pop("path", {}).items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        headers = {**self.headers(operation), **parts.pop("headers", {})}
        url = path.format_map(PLAIN | {name: str(value) for name, value in self.ids.items()})
        return await self.process.client.request(operation.method, url, headers=headers, **parts)

    def headers(self, operation: Operation) -> dict[str, str]:
        if not operation.roles:
            return {}
        if operation.roles == [ANY_ACCOUNT]:
            return self.callers[SIGNS_IN_AS.get(operation.said["tags"][0], "courier")]
        return self.callers[operation.roles[0]]


async def settle(process: Process) -> District:
    """Everything that routes name by id, and a caller of every kind."""
    runtime = process.runtime
    gate = await open_gate(runtime, name="翠湖苑")
    courier = await bring_courier(runtime, serial=1)
    ids = await belongings(runtime, process.client, gate, courier)
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        scopes = {
            Role.property_manager: within_compound(gate.compound_id),
            Role.employer_user: within_employer(ids["employer_id"]),
        }
        callers = {
            role.value: await signed_in(
                work,
                kind=AccountKind.wechat if role in scopes else AccountKind.staff,
                grants=[(role, scopes.get(role, EVERYWHERE))],
            )
            for role in Role
            if role is not Role.guard
        }
    device = gate.guard  # a guard's phone: what is for devices alone is refused, after the body was read
    return District(
        process, ids, {**callers, "guard": gate.guard, "device": device, "courier": courier.headers}
    )


@pytest.fixture
async def districts(
    tmp_path: Path, request: pytest.FixtureRequest, secrets: Secrets
) -> AsyncIterator[list[District]]:
    """The same district on SQLite and on PostgreSQL."""
    async with AsyncExitStack() as stack:
        made = []
        for kind in KINDS:
            server = request.getfixturevalue("postgres") if kind == "postgresql" else None
            url = await stack.enter_async_context(migrated_database(kind, tmp_path, server))
            database = Database(url)
            stack.push_async_callback(database.close)
            settings = make_settings(rate_limits=False, access_token_seconds=3600)
            (process,) = await stack.enter_async_context(
                start_processes(database, settings, secrets, count=1)
            )
            made.append(await settle(process))
        yield made


async def same_on_all(districts: list[District], operation: Operation, what: str, **parts: Any) -> int:
    """The status with which all databases answer, which is no 5xx."""
    replies = await asyncio.gather(*(district.send(operation, **dict(parts)) for district in districts))
    statuses = {reply.status_code for reply in replies}
    assert len(statuses) == 1, (operation.id, what, [reply.text for reply in replies])
    (status,) = statuses
    if status >= 500:
        assert replies[0].json()["code"] in AWAY, (operation.id, what, replies[0].text)
    return status


@pytest.fixture(scope="session")
def naughty(test_data: Path) -> list[str]:
    strings: list[str] = json.loads((test_data / "vectors/strings/blns.json").read_text("utf-8"))
    # What the list cannot hold, since it is a file itself.
    return [*strings, "\x00", "\ud800", "a\u0000b", "\udfff\ud800", "\U0010ffff", "A" * 30_000, "\u202e" * 5]


def in_turn() -> list[Operation]:
    """All operations, those last that end something which others need."""
    return sorted(described(), key=lambda operation: operation.id in ENDS_CALLERS)


def texts(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a body the texts are."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(inner, (*place, name))


def replaced(value: Any, place: tuple[str | int, ...], text: str) -> Any:
    """`value` with `text` at `place`."""
    if not place:
        return text
    first, *rest = place
    inner = replaced(value[first], tuple(rest), text)
    if isinstance(value, dict):
        return {**value, first: inner}
    return [inner if number == first else item for number, item in enumerate(value)]


def some(things: list[Any], amount: str, turn: int, few: int) -> list[Any]:
    """All `things`, or the next `few` of them, so that all get their turn somewhere."""
    if amount != FEW:
        return things
    return [things[(turn * few + number) % len(things)] for number in range(few)]


@AMOUNT
async def test_naughty_strings_in_every_text_of_every_body(
    districts: list[District], naughty: list[str], amount: str
) -> None:
    statuses: Counter[int] = Counter()
    places = [
        (operation, place)
        for operation in in_turn()
        if operation.body
        for place in texts(operation.body["example"])
    ]
    assert len(places) > 50
    for turn, (operation, place) in enumerate(places):
        assert operation.body is not None
        for text in [*some(naughty, amount, turn, 5), *LONE_SURROGATE[turn:]]:
            body = replaced(operation.body["example"], place, text)
            status = await same_on_all(
                districts,
                operation,
                f"{place} {text!r:.60}",
                content=json.dumps(body).encode(),
                headers={"content-type": "application/json"},
            )
            statuses[status] += 1
    assert statuses[200] + statuses[201] + statuses[204] > 0
    assert statuses[422] > 0
    assert statuses[400] > 0  # the lone surrogate


@AMOUNT
async def test_naughty_strings_in_paths_and_queries(
    districts: list[District], naughty: list[str], amount: str
) -> None:
    places = [
        (operation, found["in"], found["name"])
        for operation in in_turn()
        for found in operation.said.get("parameters", [])
        if found["in"] in {"path", "query"}
    ]
    for turn, (operation, place, name) in enumerate(places):
        for text in some([text for text in naughty if text and sendable(text)], amount, turn, 6):
            if place == "path":
                if text.strip("./") == "":  # means another path (RFC 3986, section 5.2.4)
                    continue
                parts: dict[str, Any] = {"path": {name: text}}
            else:
                parts = {"params": {name: text}}
            body = operation.body["example"] if operation.body else None
            await same_on_all(districts, operation, f"{name} {text!r:.60}", json=body, **parts)


def sendable(text: str) -> bool:
    """Whether a URL can hold `text` at all, and in the length that servers take."""
    return len(text) < 4096 and not any("\ud800" <= letter <= "\udfff" for letter in text)


@AMOUNT
async def test_documents_that_test_json_parsers(
    districts: list[District], test_data: Path, amount: str
) -> None:
    documents = sorted((test_data / "vectors/json/test_parsing").glob("*.json"))
    assert len(documents) > 300
    taking = [operation for operation in in_turn() if operation.body]
    for number, document in enumerate(documents):
        for operation in some(taking, amount, number, 2):
            status = await same_on_all(
                districts,
                operation,
                document.name,
                content=document.read_bytes(),
                headers={"content-type": "application/json"},
            )
            # None is a body that any operation takes, so even those that parse are refused.
            assert 400 <= status < 500, (operation.id, document.name)


async def test_hostile_pictures_as_photo(districts: list[District], test_data: Path) -> None:
    (operation,) = [operation for operation in described() if operation.id == "couriers_change_photo"]
    statuses: Counter[int] = Counter()
    for picture in sorted((test_data / "vectors/images").iterdir()):
        status = await same_on_all(
            districts,
            operation,
            picture.name,
            content=picture.read_bytes(),
            headers={"content-type": "image/jpeg"},
        )
        statuses[status] += 1
        if status == 204:
            for district in districts:
                shown = await district.process.client.get(
                    "/v1/couriers/me/photo", headers=district.callers["courier"]
                )
                assert shown.content.startswith(b"\xff\xd8")
                assert b"Exif" not in shown.content
    assert statuses.keys() <= {204, 413, 415, 422}, statuses
    assert statuses[204]
    assert statuses[422] or statuses[415]
