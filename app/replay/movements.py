"""Reads movements from a CSV file and gives them back in the order of their times, in bounded memory."""

import csv
import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Self, cast
from uuid import UUID, uuid5

from app.clock import from_epoch
from app.errors import Text

COLUMNS = ("courier_id", "event_time", "place")
"""What a file must have. Other columns, such as `lat` and `lng`, may be there and are not read."""
LONGEST_NAME = 57
"""Characters of a courier or place: with its prefix, the reference of a compound holds 64."""
EARLIEST = from_epoch(0)
LATEST = from_epoch(2**32) - timedelta(days=1)
"""A code holds its time in four unsigned bytes of seconds."""
SCANS = UUID("6c0b9a52-62b1-5a53-9e0c-3a5f2c5d8d11")
"""The name space (RFC 9562, 5.5) of scan ids that are made from movements."""
GZIP_MAGIC = b"\x1f\x8b"


class BadFile(Exception):
    """The file as a whole cannot be replayed; `sentence` says why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.sentence = Text(zh, en)


@dataclass(frozen=True, slots=True)
class Movement:
    """A courier came to a place."""

    line: int
    courier: str
    at: datetime
    place: str
    occurrence: int
    """1 for the first row of this courier, time and place in the file, 2 for the second."""

    @property
    def scan_id(self) -> UUID:
        """The id of its scan: the same row has the same one in every run."""
        return uuid5(SCANS, json.dumps([self.courier, self.at.isoformat(), self.place, self.occurrence]))


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that says nothing that could be replayed."""

    line: int
    why: str


class Movements:
    """The movements of a file, sorted in a temporary file of their own. Close it, or use it in a `with`."""

    def __init__(self, path: Path) -> None:
        """Reads all of `path`; raises BadFile."""
        self._scratch = sqlite3.connect("")  # on disk, and gone when it is closed
        self._scratch.execute("CREATE TABLE movements (at INTEGER, line INTEGER, courier TEXT, place TEXT)")
        self.skipped: list[Skipped] = []
        try:
            self._scratch.executemany("INSERT INTO movements VALUES (?, ?, ?, ?)", self._read(path))
        except BaseException:
            self.close()
            raise
        self._scratch.execute("CREATE INDEX in_time ON movements (at, line)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forgets everything."""
        self._scratch.close()

    def __len__(self) -> int:
        """How many can be replayed."""
        return self._number("SELECT count(*) FROM movements")

    @property
    def couriers(self) -> int:
        """Different couriers."""
        return self._number("SELECT count(DISTINCT courier) FROM movements")

    @property
    def places(self) -> int:
        """Different places."""
        return self._number("SELECT count(DISTINCT place) FROM movements")

    def next_time(self, start: datetime) -> datetime | None:
        """The time of the first movement from `start` on."""
        (found,) = self._scratch.execute(
            "SELECT min(at) FROM movements WHERE at >= ?", (_ticks(start),)
        ).fetchone()
        return None if found is None else _moment(found)

    def between(self, start: datetime, end: datetime) -> Iterator[Movement]:
        """Those from `start` and before `end`, in the order of their times, then of their lines."""
        rows = self._scratch.execute(
            "SELECT line, courier, at, place,"
            " row_number() OVER (PARTITION BY courier, at, place ORDER BY line)"
            " FROM movements WHERE at >= ? AND at < ? ORDER BY at, line",
            (_ticks(start), _ticks(end)),
        )
        for line, courier, at, place, occurrence in rows:
            yield Movement(line, courier, _moment(at), place, occurrence)

    def couriers_between(self, start: datetime, end: datetime) -> list[str]:
        """The different couriers of `between`."""
        return self._names("courier", start, end)

    def places_between(self, start: datetime, end: datetime) -> list[str]:
        """The different places of `between`."""
        return self._names("place", start, end)

    def _names(self, column: str, start: datetime, end: datetime) -> list[str]:
        rows = self._scratch.execute(
            f"SELECT DISTINCT {column} FROM movements WHERE at >= ? AND at < ? ORDER BY 1",  # noqa: S608 - ours
            (_ticks(start), _ticks(end)),
        )
        return [name for (name,) in rows]

    def _number(self, question: str) -> int:
        return cast("int", self._scratch.execute(question).fetchone()[0])

    def _read(self, path: Path) -> Iterator[tuple[int, int, str, str]]:
        with _opened(path) as text:
            reader = csv.reader(text, strict=True)
            header = next(reader, [])
            wanted = _positions(path, header)
            ended_before = reader.line_num
            for row in reader:
                line, ended_before = ended_before + 1, reader.line_num
                if not row:
                    continue
                fault = (
                    f"{len(row)} fields instead of {len(header)}"
                    if len(row) != len(header)
                    else _fault(*(row[position] for position in wanted))
                )
                if fault:
                    self.skipped.append(Skipped(line, fault))
                    continue
                courier, event_time, place = (row[position] for position in wanted)
                yield _ticks(datetime.fromisoformat(event_time)), line, courier, place


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """The text of `path`, unpacked if it is packed; every way in which it can be bad is a BadFile."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            if path.suffix == ".gz" and not packed:
                raise BadFile(f"{path} 不是 gzip 文件。", f"{path} is not a gzip file.")
            source = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
            with TextIOWrapper(source, encoding="utf-8-sig", newline="") as text:
                yield text
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BadFile(f"{path} 的 gzip 内容不完整或已损坏。", f"{path} is a damaged gzip file.") from None
    except OSError as error:
        raise BadFile(
            f"无法读取 {path}：{error.strerror}。", f"{path} cannot be read: {error.strerror}."
        ) from None
    except UnicodeDecodeError:
        raise BadFile(f"{path} 不是 UTF-8 编码。", f"{path} is not in UTF-8.") from None
    except csv.Error as error:
        raise BadFile(f"{path} 不是 CSV 文件：{error}。", f"{path} is not a CSV file: {error}.") from None


def _positions(path: Path, header: Sequence[str]) -> list[int]:
    names = [name.strip() for name in header]
    if missing := [name for name in COLUMNS if names.count(name) != 1]:
        listed = ", ".join(missing)
        raise BadFile(
            f"{path} 的首行应当恰有一列 {listed}。",
            f"The first line of {path} must name {listed} exactly once.",
        )
    return [names.index(name) for name in COLUMNS]


def _fault(courier: str, event_time: str, place: str) -> str | None:
    for column, name in (("courier_id", courier), ("place", place)):
        if not name.strip():
            return f"{column} is empty"
        if len(name) > LONGEST_NAME:
            return f"{column} is longer than {LONGEST_NAME} characters"
        if not name.isprintable():
            return f"{column} has characters that cannot be printed"
    try:
        at = datetime.fromisoformat(event_time)
    except ValueError:
        return "event_time is not a time as in RFC 3339"
    if at.tzinfo is None:
        return "event_time has no offset from UTC"
    return None if EARLIEST <= at < LATEST else "event_time is before 1970 or after 2106"


def _ticks(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EARLIEST) // timedelta(microseconds=1)


def _moment(ticks: int) -> datetime:
    return (EARLIEST + timedelta(microseconds=ticks)).astimezone(UTC)
