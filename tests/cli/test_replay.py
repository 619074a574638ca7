"""`huixin replay`: every row of a file becomes a stored entry, or is accounted for by name."""

import asyncio
import csv
import gzip
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.database import Database
from app.models.accounts import Account
from app.models.compounds import Compound
from app.models.couriers import Courier, DocumentType
from app.models.scans import Scan, ScanAnnulment, ScanOutcome
from app.replay.couriers import made_up_number
from app.replay.movements import BadFile, Movements
from app.replay.sandbox import replay_secrets
from app.services.couriers.documents import normalise_document
from app.services.passages import is_passage
from app.work import Actor, Deployment, begin_work
from tests.conftest import NOON
from tests.databases import migrated_database, new_database
from tests.factories.compounds import make_compound
from tests.factories.settings import make_secrets, make_settings

DAY = "movements/shenzhen_taxi_dropoffs.csv.gz"
SLICE = 300
HUIXIN = Path(sys.executable).with_name("huixin")

Counts = dict[str, int]


async def huixin(folder: Path, *arguments: object, **environment: str) -> tuple[int, str]:
    """Exit code and standard error of a command."""
    process = await asyncio.create_subprocess_exec(
        HUIXIN,
        "--lang",
        "en",
        *map(str, arguments),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def replayed(folder: Path, file: Path, *options: object) -> dict[str, Any]:
    """The report of a replay that went through."""
    report = folder / "report.json"
    code, errors = await huixin(folder, "replay", file, "--report", report, *options)
    assert code == 0, errors
    document: dict[str, Any] = json.loads(report.read_text("utf-8"))
    refused, skipped = sum(document["refused"].values()), len(document["skipped"])
    assert document["rows"] == document["admitted"] + document["checked"] + refused + skipped
    return document


async def stored(url: str) -> tuple[Counts, Counts]:
    """Entries in the database by the file's name of the courier, and by that of the place."""
    vault = Deployment.of(make_settings(), replay_secrets()).vault
    database = Database(url)
    entries = (
        select(Scan.id)
        .outerjoin(ScanOutcome, ScanOutcome.scan == Scan.id)
        .outerjoin(ScanAnnulment, ScanAnnulment.scan == Scan.id)
        .where(is_passage())
    )
    async with database.session(write=False) as session:
        couriers = await session.execute(
            select(Account.id, Account.openid_sealed, func.count(Scan.id))
            .join(Courier, Courier.account_id == Account.id)
            .join(Scan, Scan.courier_id == Courier.id)
            .where(Scan.id.in_(entries))
            .group_by(Account.id, Account.openid_sealed)
        )
        by_courier = {
            vault.open(sealed or b"", table="accounts", column="openid_sealed", row=account)
            .decode()
            .removeprefix("replay courier "): count
            for account, sealed, count in couriers
        }
        places = await session.execute(
            select(Compound.name, func.count(Scan.id))
            .join(Scan, Scan.compound_id == Compound.id)
            .where(Scan.id.in_(entries))
            .group_by(Compound.name)
        )
        by_place = dict(places.all())
    await database.close()
    return by_courier, by_place


def counted(file: Path) -> tuple[Counts, Counts]:
    """The same from the file alone."""
    with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    return Counter(row["courier_id"] for row in rows), Counter(row["place"] for row in rows)


@pytest.fixture
async def empty_database(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> AsyncIterator[str]:
    server = request.getfixturevalue("postgres") if database_kind == "postgresql" else None
    async with new_database(database_kind, tmp_path, server) as url:
        yield url


@pytest.fixture
def beginning(test_data: Path, tmp_path: Path) -> Path:
    """The first rows of the day."""
    file = tmp_path / "beginning.csv"
    with gzip.open(test_data / DAY, "rt", encoding="utf-8") as day:
        file.write_text("".join(itertools.islice(day, SLICE + 1)), "utf-8")
    return file


async def test_a_slice_is_stored_row_by_row_and_only_once(
    empty_database: str, beginning: Path, tmp_path: Path
) -> None:
    by_courier, by_place = counted(beginning)

    report = await replayed(tmp_path, beginning, "--database", empty_database, "--render", 100)

    assert report["rows"] == report["entries_stored"] == SLICE
    assert (report["couriers"], report["places"]) == (len(by_courier), len(by_place))
    assert (report["refused"], report["skipped"]) == ({}, [])
    assert (report["rendered"], report["decoded"]) == (3, 3)
    assert await stored(empty_database) == (by_courier, by_place)

    again = await replayed(tmp_path, beginning, "--database", empty_database)

    assert (again["admitted"] + again["checked"], again["entries_stored"]) == (SLICE, 0)
    assert await stored(empty_database) == (by_courier, by_place)


@pytest.mark.whole
async def test_the_whole_day_is_stored_row_by_row(
    empty_database: str, test_data: Path, tmp_path: Path
) -> None:
    by_courier, by_place = counted(test_data / DAY)

    report = await replayed(tmp_path, test_data / DAY, "--database", empty_database, "--render", 500)

    assert report["rows"] == report["entries_stored"] == 10_619
    assert (report["couriers"], report["places"]) == (len(by_courier), len(by_place))
    assert (report["rendered"], report["decoded"]) == (21, 21)
    assert await stored(empty_database) == (by_courier, by_place)


CROWD = """place,courier_id,event_time,lat
东门,老王,2019-12-31T23:59:59+08:00,
东门,老王,2019-12-31T23:59:59+08:00,
西门,老王,2019-12-31T15:59:59.5Z,91
西门,小李,2020-02-01T12:00:00+08:00,

西门,,2020-02-01T12:00:00+08:00,
 ,小李,2020-02-01T12:00:00+08:00,
西门,小李,yesterday,
西门,小李,2020-02-01T12:00:00,
西门,小李,1969-02-01T12:00:00Z,
西门,小李,2020-02-30T12:00:00Z,
西门,小李
"""


async def test_what_cannot_be_replayed_is_named_and_the_same_code_twice_is_let_in(
    empty_database: str, tmp_path: Path
) -> None:
    """Three codes of one second are one code, so a guard looks twice; each drop-off is an entry."""
    file = tmp_path / "crowd.csv.gz"
    file.write_bytes(gzip.compress(CROWD.encode("utf-8-sig")))

    report = await replayed(tmp_path, file, "--database", empty_database)

    assert (report["rows"], report["couriers"], report["places"]) == (11, 2, 2)
    assert (report["admitted"], report["checked"], report["entries_stored"]) == (2, 2, 4)
    assert [skipped["line"] for skipped in report["skipped"]] == [7, 8, 9, 10, 11, 12, 13]
    assert await stored(empty_database) == ({"老王": 3, "小李": 1}, {"东门": 2, "西门": 2})

    again = await replayed(tmp_path, file, "--database", empty_database)
    assert (again["admitted"], again["checked"], again["entries_stored"]) == (2, 2, 0)


async def test_a_database_with_other_people_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "crowd.csv"
    file.write_text(CROWD, "utf-8")
    async with migrated_database("sqlite", tmp_path, None) as url:
        database = Database(url)

        async with begin_work(
            database,
            Deployment.of(make_settings(), make_secrets()),
            now=NOON,
            actor=Actor.command("test"),
        ) as work:
            await make_compound(work, area="500104", name="真小区")
        await database.close()
        code, errors = await huixin(tmp_path, "replay", file, "--report", "r.json", "--database", url)
    assert code == 1
    assert "no replay has made" in errors
    assert not (tmp_path / "r.json").exists()


async def test_production_refuses(tmp_path: Path) -> None:
    file = tmp_path / "crowd.csv"
    file.write_text(CROWD, "utf-8")
    code, errors = await huixin(
        tmp_path, "replay", file, "--report", "r.json", HUIXIN_ENVIRONMENT="production"
    )
    assert code == 1
    assert errors == "Production is no place for a replay: run it on another machine.\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "must name courier_id, event_time, place exactly once"),
        ("a.csv", b"courier_id,when,place\n", "must name event_time exactly once"),
        ("a.csv", b"courier_id,event_time,place,place\n", "must name place exactly once"),
        ("a.csv.gz", b"courier_id,event_time,place\n", "is not a gzip file"),
        ("a.csv.gz", gzip.compress(b"courier_id,event_time,place\n", mtime=0)[:-6], "is a damaged gzip file"),
        ("a.csv", "courier_id,event_time,place\n老王,,\n".encode("gb18030"), "is not in UTF-8"),
        ("a.csv", b'courier_id,event_time,place\n"a,b,c\n', "is not a CSV file"),
        ("a.csv", b"courier_id,event_time,place\n" + b"x" * 200_000, "is not a CSV file"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadFile, match=said):
        Movements(file)


def test_a_missing_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        Movements(tmp_path / "none.csv")


def test_movements_come_in_the_order_of_time_and_the_same_row_has_the_same_scan(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        "courier_id,event_time,place\n"
        "b,2020-01-20T09:00:00+08:00,q\n"
        "a,2020-01-20T00:30:00Z,p\n"
        "a,2020-01-20T08:30:00+08:00,p\n",
        "utf-8",
    )
    with Movements(file) as movements:
        start = movements.next_time(NOON.replace(year=1999))
        assert start is not None
        found = list(movements.between(start, NOON))
    assert [(movement.courier, movement.line, movement.occurrence) for movement in found] == [
        ("a", 3, 1),
        ("a", 4, 2),
        ("b", 2, 1),
    ]
    assert len({movement.scan_id for movement in found}) == 3


@pytest.mark.parametrize("serial", [0, 1, 999, 1000, 123_456])
def test_made_up_people_have_valid_numbers_of_no_county(serial: int) -> None:
    number = made_up_number(serial)
    document = normalise_document(DocumentType.resident_id, number, today=NOON.date())
    assert document.number == number
    assert number.startswith("509999")
