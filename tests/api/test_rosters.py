"""Rosters through the API: what they change, whom they verify, what is refused, and who may."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from app.ids import new_id
from app.models.accounts import AccountKind, Role
from app.models.couriers import Affiliation, Courier, CourierState
from app.models.employers import Employer
from app.models.rosters import Roster, RosterEntry, RosterRefusal
from app.runtime import Runtime
from app.services.rosters.columns import ROW_LIMIT
from tests.clocks import SettableClock
from tests.factories.accounts import EVERYWHERE, signed_in, within_area, within_employer
from tests.factories.couriers import made_up_id, make_courier
from tests.factories.employers import make_employer
from tests.factories.rosters import (
    HEADINGS,
    Somebody,
    csv_file,
    people,
    put_on_roster,
    somebody,
    xlsx_file,
)
from tests.factories.work import seeding

WANG, LI, ZHAO = people(3)


@pytest.fixture
async def employer(runtime: Runtime) -> Employer:
    async with seeding(runtime) as work:
        return await make_employer(work, name="晨光速运")


@pytest.fixture
async def keeper(runtime: Runtime, employer: Employer) -> dict[str, str]:
    """The headers of the employer's own user."""
    async with seeding(runtime) as work:
        return await signed_in(
            work, kind=AccountKind.staff, grants=[(Role.employer_user, within_employer(employer.id))]
        )


async def deliver(
    client: httpx.AsyncClient, employer: Employer, headers: dict[str, str], data: bytes
) -> httpx.Response:
    return await client.post(
        f"/v1/employers/{employer.id}/rosters", files={"file": ("名册.csv", data)}, headers=headers
    )


async def delivered(
    client: httpx.AsyncClient, employer: Employer, headers: dict[str, str], *rows: Somebody
) -> dict[str, Any]:
    reply = await deliver(client, employer, headers, csv_file(person.row for person in rows))
    assert reply.status_code == 201, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def stored(runtime: Runtime) -> tuple[int, int, int]:
    """How many rosters, entries and refusals there are."""
    async with runtime.database.session(write=False) as session:
        rosters, entries, refusals = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (Roster, RosterEntry, RosterRefusal)
        ]
        return rosters or 0, entries or 0, refusals or 0


async def waiting(
    runtime: Runtime, person: Somebody, *, employer: Employer | None, state: CourierState
) -> Courier:
    async with seeding(runtime) as work:
        return await make_courier(
            work,
            name=person.name,
            document=person.document,
            phone=person.e164,
            employer=employer,
            state=state,
        )


async def state_of(runtime: Runtime, courier: Courier) -> str:
    async with runtime.database.session(write=False) as session:
        return (await session.get_one(Courier, courier.id)).state


COUNTS = ("rows", "added", "changed", "returned", "unchanged", "refused", "verified")


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {name: answer[name] for name in COUNTS if answer[name]}


async def test_a_roster_verifies_who_waited_and_the_same_again_changes_nothing(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    courier = await waiting(runtime, WANG, employer=employer, state=CourierState.pending)
    reply = await deliver(client, employer, keeper, csv_file([WANG.row, LI.row]))
    assert reply.status_code == 201, reply.text
    assert counts(reply.json()) == {"rows": 2, "added": 2, "verified": 1}
    assert await state_of(runtime, courier) == CourierState.verified
    async with runtime.database.session(write=False) as session:
        (tie,) = (await session.scalars(select(Affiliation))).all()
    assert tie.vouched_at is not None  # the one that the courier named, though the row says no kind of work
    read = await client.get(reply.headers["location"], headers=keeper)
    assert read.json() == reply.json()

    again = await delivered(client, employer, keeper, WANG, LI)
    assert counts(again) == {"rows": 2, "unchanged": 2}
    listed = (await client.get(f"/v1/employers/{employer.id}/rosters", headers=keeper)).json()
    assert [roster["id"] for roster in listed["items"]] == [again["id"], reply.json()["id"]]
    assert await stored(runtime) == (2, 2, 0)


@pytest.mark.parametrize(
    "row",
    [
        (LI.name, WANG.document, WANG.phone),
        (WANG.name, LI.document, WANG.phone),
        (WANG.name, WANG.document, LI.phone),
    ],
    ids=["name", "document", "phone"],
)
async def test_two_of_three_verify_nobody(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    keeper: dict[str, str],
    row: tuple[str, str, str],
) -> None:
    courier = await waiting(runtime, WANG, employer=employer, state=CourierState.pending)
    reply = await deliver(client, employer, keeper, csv_file([row]))
    assert counts(reply.json()) == {"rows": 1, "added": 1}
    assert await state_of(runtime, courier) == CourierState.pending
    corrected = await delivered(client, employer, keeper, WANG)
    assert corrected["verified"] == 1
    assert await state_of(runtime, courier) == CourierState.verified


@pytest.mark.parametrize("state", [CourierState.suspended, CourierState.left])
async def test_a_roster_brings_nobody_back(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    keeper: dict[str, str],
    state: CourierState,
) -> None:
    courier = await waiting(runtime, WANG, employer=None, state=state)
    assert (await delivered(client, employer, keeper, WANG))["verified"] == 0
    assert await state_of(runtime, courier) == state


@pytest.mark.parametrize("spelled", ["{0} ", "'{0}", '="{0}"'])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "gb18030"])
async def test_spellings_and_spreadsheets_make_one_person(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    keeper: dict[str, str],
    *,
    spelled: str,
    kind: str,
) -> None:
    courier = await waiting(runtime, WANG, employer=employer, state=CourierState.pending)
    row = (spelled.format(WANG.name), spelled.format(WANG.document.lower()), spelled.format(WANG.phone))
    match kind:
        case "xlsx":
            data = xlsx_file([row])
        case _:
            data = csv_file([row], encoding="utf-8" if kind == "csv" else kind)
    reply = await deliver(client, employer, keeper, data)
    assert counts(reply.json()) == {"rows": 1, "added": 1, "verified": 1}
    assert await state_of(runtime, courier) == CourierState.verified


async def test_a_row_corrects_its_person_and_an_empty_cell_takes_nothing_away(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    full = (*HEADINGS, "工种", "车辆", "车牌")
    first = csv_file([(*WANG.row, "外卖骑手", "电动车", "渝A12345")], headings=full)
    assert (await deliver(client, employer, keeper, first)).json()["added"] == 1
    moved = Somebody(WANG.name, WANG.document, ZHAO.phone)
    assert counts(await delivered(client, employer, keeper, moved)) == {"rows": 1, "changed": 1}
    async with runtime.database.session(write=False) as session:
        (entry,) = (await session.scalars(select(RosterEntry))).all()
    assert (entry.kind_of_work, entry.vehicle) == ("food_delivery", "e_bike")
    assert entry.phone_index == runtime.deployment.vault.index("phone", ZHAO.e164)
    assert counts(await delivered(client, employer, keeper, moved)) == {"rows": 1, "unchanged": 1}


async def test_rosters_of_two_employers_do_not_touch_each_other(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        other = await make_employer(work, name="暮色快送")
        await put_on_roster(work, employer=other, people=[WANG])
    assert counts(await delivered(client, employer, keeper, WANG)) == {"rows": 1, "added": 1}
    assert await stored(runtime) == (2, 2, 0)


CHILD = made_up_id(7, birth="20110512")

REFUSALS = [
    (("", WANG.document, WANG.phone), "invalid_name", "name"),
    (("123", WANG.document, WANG.phone), "invalid_name", "name"),
    ((WANG.name, "", WANG.phone), "document_length", "document_number"),
    ((WANG.name, WANG.document[:-1] + "~", WANG.phone), "document_alphabet", "document_number"),
    ((WANG.name, "5.09999E+17", WANG.phone), "number_mangled", "document_number"),
    ((WANG.name, "=A1", WANG.phone), "formula", "document_number"),
    ((WANG.name, "#N/A", WANG.phone), "cell_error", "document_number"),
    ((WANG.name, CHILD, WANG.phone), "under_age", "document_number"),
    ((WANG.name, WANG.document, ""), "invalid_phone", "phone"),
    ((WANG.name, WANG.document, "12345"), "invalid_phone", "phone"),
    ((WANG.name, WANG.document, WANG.phone, "x"), "ragged", None),
    (("甄\0", WANG.document, WANG.phone), "control_characters", "name"),
    (("甄" * 501, WANG.document, WANG.phone), "too_long", "name"),
]


async def test_every_refused_row_has_a_line_that_repeats_nothing_of_it(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    rows = [row for row, _, _ in REFUSALS]
    reply = await deliver(client, employer, keeper, csv_file([*rows, LI.row, LI.row]))
    assert counts(reply.json()) == {"rows": len(rows) + 2, "added": 1, "refused": len(rows) + 1}
    wanted = [(line, reason, column) for line, (_, reason, column) in enumerate(REFUSALS, start=2)]
    wanted.append((len(rows) + 3, "repeated_person", "document_number"))
    found: list[tuple[int, str, str | None]] = []
    path, query = f"{reply.headers['location']}/refusals", {"limit": "5"}
    while True:
        page = (await client.get(path, params=query, headers=keeper)).json()
        found += [(line["line"], line["code"], line["column"]) for line in page["items"]]
        for line in page["items"]:
            assert set(line["reason"]) == {"zh", "en"}
            assert all(line["reason"].values())
        assert not any(secret in json.dumps(page, ensure_ascii=False) for secret in (*WANG.row, CHILD))
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == wanted
    assert await stored(runtime) == (1, 1, len(wanted))


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("证件类型", "会员卡", "unknown_document_type"),
        ("证件类型", "台胞证", "document_length"),
        ("工种", "宇航员", "unknown_kind_of_work"),
        ("车辆", "火箭", "unknown_vehicle"),
    ],
)
async def test_words_that_nobody_knows_refuse_the_row(
    client: httpx.AsyncClient,
    employer: Employer,
    keeper: dict[str, str],
    *,
    column: str,
    cell: str,
    reason: str,
) -> None:
    data = csv_file([(*WANG.row, cell), (*LI.row, "")], headings=(*HEADINGS, column))
    reply = await deliver(client, employer, keeper, data)
    assert counts(reply.json()) == {"rows": 2, "added": 1, "refused": 1}
    report = await client.get(f"{reply.headers['location']}/refusals", headers=keeper)
    assert [line["code"] for line in report.json()["items"]] == [reason]


async def test_merged_cells_and_mangled_numbers_of_a_workbook_are_named(
    client: httpx.AsyncClient, employer: Employer, keeper: dict[str, str]
) -> None:
    rows = [WANG.row, (LI.name, float(LI.document[:17] + "0"), int(LI.phone)), ZHAO.row, somebody(4).row]
    reply = await deliver(client, employer, keeper, xlsx_file(rows, merge="A4:A5"))
    assert counts(reply.json()) == {"rows": 4, "added": 1, "refused": 3}
    report = await client.get(f"{reply.headers['location']}/refusals", headers=keeper)
    assert [(line["line"], line["code"]) for line in report.json()["items"]] == [
        (3, "number_mangled"),
        (4, "merged_cells"),
        (5, "merged_cells"),
    ]


def zip_bomb() -> bytes:
    out = io.BytesIO(xlsx_file([WANG.row]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/bomb.xml", b" " * 20_000_000)
    return out.getvalue()


def late_damage() -> bytes:
    """Good rows, and then a quotation mark that is never closed."""
    return csv_file([WANG.row, LI.row]) + b'"' + b"x" * 200_000


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "encoding": (lambda: csv_file([WANG.row]) + b"\xff\xff", "encoding"),
    "utf-16 without a mark": (lambda: csv_file([WANG.row], encoding="utf-16-le"), "encoding"),
    "too many rows": (lambda: csv_file([WANG.row] * (ROW_LIMIT + 1)), "too_many_rows"),
    "zip bomb": (zip_bomb, "zip_bomb"),
    "damaged": (lambda: xlsx_file([WANG.row])[:-30], "damaged"),
    "late damage": (late_damage, "quotes"),
    "old workbook": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "format"),
    "no header": (lambda: b"a,b\n1,2\n", "no_header"),
    "a column missing": (lambda: csv_file([WANG.row[:2]], headings=HEADINGS[:2]), "missing_columns"),
    "a column twice": (
        lambda: csv_file([WANG.row], headings=("姓名", "证件号", "证件号码")),
        "missing_columns",
    ),
    "empty": (lambda: b"", "no_header"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_is_refused_whole(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str], name: str
) -> None:
    make, cause = HOSTILE[name]
    reply = await deliver(client, employer, keeper, make())
    assert (reply.status_code, reply.json()["code"]) == (422, "unreadable_sheet"), reply.text
    assert reply.json()["cause"] == cause
    assert not any(secret in reply.text for secret in WANG.row)
    assert await stored(runtime) == (0, 0, 0)


async def test_no_naughty_string_breaks_a_roster(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str], test_data: Path
) -> None:
    naughty = json.loads((test_data / "vectors/strings/blns.json").read_text("utf-8"))
    headings = (*HEADINGS, "证件类型", "工种", "车辆")
    rows = [
        (*row[:place], text, *row[place + 1 :])
        for serial, text in enumerate(naughty, start=10)
        for row in [(*somebody(serial).row, "", "", "")]
        for place in [serial % len(headings)]
    ]
    reply = await deliver(client, employer, keeper, csv_file(rows, headings=headings))
    assert reply.status_code == 201, reply.text
    answer = reply.json()
    assert answer["added"] + answer["refused"] == answer["rows"] == len(rows)
    assert answer["refused"] > len(rows) // 2
    assert await stored(runtime) == (1, answer["added"], answer["refused"])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"file": "x"}}, 422),
        ({"data": {"file": "姓名"}}, 422),
        ({"files": {"other": ("a.csv", b"x")}}, 422),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400),
        ({}, 422),
    ],
)
async def test_what_is_no_upload_is_a_problem(
    client: httpx.AsyncClient,
    runtime: Runtime,
    employer: Employer,
    keeper: dict[str, str],
    *,
    request_: dict[str, Any],
    status: int,
) -> None:
    sent = request_ | {"headers": keeper | request_.get("headers", {})}
    reply = await client.post(f"/v1/employers/{employer.id}/rosters", **sent)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert await stored(runtime) == (0, 0, 0)


async def test_only_its_own_people_and_staff_of_the_whole_city_deliver(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        other = await make_employer(work, name="暮色快送")
        callers = {
            name: await signed_in(work, kind=kind, grants=grants)
            for name, kind, grants in (
                ("registrar", AccountKind.staff, [(Role.registrar, EVERYWHERE)]),
                ("registrar of a district", AccountKind.staff, [(Role.registrar, within_area("500104"))]),
                (
                    "another employer",
                    AccountKind.staff,
                    [(Role.employer_user, within_employer(other.id))],
                ),
                ("courier", AccountKind.wechat, []),
                ("reviewer", AccountKind.staff, [(Role.reviewer, EVERYWHERE)]),
            )
        } | {"nobody": {}, "its own": keeper}
    roster = (await delivered(client, employer, keeper, WANG))["id"]
    expected = {
        "its own": (201, 200),
        "registrar": (201, 200),
        "registrar of a district": (404, 404),
        "another employer": (404, 404),
        "courier": (403, 403),
        "reviewer": (403, 403),
        "nobody": (401, 401),
    }
    reads = (
        f"/v1/employers/{employer.id}/rosters",
        f"/v1/rosters/{roster}",
        f"/v1/rosters/{roster}/refusals",
    )
    for name, (writing, reading) in expected.items():
        headers = callers[name]
        reply = await deliver(client, employer, headers, csv_file([LI.row]))
        assert reply.status_code == writing, name
        for path in reads:
            assert (await client.get(path, headers=headers)).status_code == reading, (name, path)


async def test_an_absent_employer_or_roster_looks_like_a_foreign_one(
    client: httpx.AsyncClient, runtime: Runtime, keeper: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        other = await make_employer(work, name="暮色快送")
        foreign = await put_on_roster(work, employer=other, people=[WANG])

    async def body(path: str, method: str = "GET", **sent: Any) -> tuple[int, dict[str, Any]]:
        reply = await client.request(method, path, headers=keeper | {"x-request-id": "the-same-one"}, **sent)
        return reply.status_code, reply.json()

    def both(path: str, known: UUID) -> tuple[str, str]:
        return path.format(known), path.format(new_id())

    for path, known in (("/v1/rosters/{}", foreign.id), ("/v1/rosters/{}/refusals", foreign.id)):
        one, absent = both(path, known)
        assert await body(one) == await body(absent)
    one, absent = both("/v1/employers/{}/rosters", other.id)
    assert await body(one) == await body(absent)
    upload = {"file": ("a.csv", csv_file([LI.row]))}
    answer = await body(one, "POST", files=upload)
    assert answer == await body(absent, "POST", files=upload)
    assert answer[0] == 404


async def test_an_employer_that_ended_vouches_for_nobody_new(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    employer: Employer,
    keeper: dict[str, str],
) -> None:
    async with seeding(runtime) as work:
        (await work.session.get_one(Employer, employer.id)).ended_at = clock()
    reply = await deliver(client, employer, keeper, csv_file([WANG.row]))
    assert (reply.status_code, reply.json()["code"]) == (409, "employer_ended")
    assert await stored(runtime) == (0, 0, 0)


async def test_nothing_that_could_be_read_is_stored(
    client: httpx.AsyncClient, runtime: Runtime, employer: Employer, keeper: dict[str, str]
) -> None:
    await delivered(client, employer, keeper, WANG)
    async with runtime.database.session(write=False) as session:
        for table in (Roster, RosterEntry, RosterRefusal):
            rows = (await session.execute(select(table.__table__))).all()
            assert not any(secret in repr(rows) for secret in WANG.row)
            assert not any(secret.encode() in repr(rows).encode() for secret in WANG.row)
