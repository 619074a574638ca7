"""What a device keeps through a crash, each step one transaction: docs/offline.md, section 5."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scanner.code import Code, CodeKey

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sequences (enrolment TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS scans (
    scan_id TEXT PRIMARY KEY, enrolment TEXT NOT NULL, sequence INTEGER NOT NULL, code TEXT NOT NULL,
    direction TEXT NOT NULL, device_time TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    outcome TEXT, brought_in INTEGER NOT NULL DEFAULT 0, UNIQUE (enrolment, sequence)
);
CREATE TABLE IF NOT EXISTS let_through (
    iss TEXT, kid TEXT, sub BLOB, jti BLOB, exp INTEGER NOT NULL, PRIMARY KEY (iss, kid, sub, jti)
);
"""


@dataclass(frozen=True, slots=True)
class KeptScan:
    """An offline scan as it is brought in."""

    scan_id: str
    enrolment: str
    sequence: int
    code: str
    direction: str
    device_time: str
    verdict: str
    reason: str
    outcome: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to come."""
        return self.verdict == "check" and self.outcome is None

    @property
    def body(self) -> dict[str, Any]:
        """The scan as an upload says it."""
        shown = {name: getattr(self, name) for name in self.__slots__ if name != "enrolment"}
        if self.outcome is None:
            del shown["outcome"]
        return shown


COLUMNS = ", ".join(KeptScan.__slots__)


class Store:
    """The device's memory."""

    def __init__(self, path: Path | str) -> None:
        self._database = sqlite3.connect(path, isolation_level="IMMEDIATE")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Closes the file; what was not yet stored is lost, as in a crash."""
        self._database.close()

    def put_facts(self, **facts: Any) -> None:
        """Stores facts, all or none."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                [(name, json.dumps(value)) for name, value in facts.items()],
            )

    def fact(self, name: str) -> Any:
        """A fact, or None."""
        row = self._row("SELECT value FROM facts WHERE name = ?", name)
        return None if row is None else json.loads(row[0])

    def counter(self, enrolment: str) -> int:
        """How many offline scans were made at an enrolment."""
        row = self._row("SELECT last FROM sequences WHERE enrolment = ?", enrolment)
        return 0 if row is None else int(row[0])

    def keep(self, *, code_read: Code | None, **scan: Any) -> KeptScan:
        """Stores a scan under the next sequence; an admitted code counts as let through."""
        with self._database:
            self._database.execute(
                "INSERT INTO sequences VALUES (?, 1) ON CONFLICT DO UPDATE SET last = last + 1",
                (scan["enrolment"],),
            )
            kept = KeptScan(**scan, sequence=self.counter(scan["enrolment"]))
            self._database.execute(
                f"INSERT INTO scans ({COLUMNS}) VALUES ({', '.join('?' * len(KeptScan.__slots__))})",  # noqa: S608
                [getattr(kept, name) for name in KeptScan.__slots__],
            )
            if kept.verdict == "admit" and code_read is not None:
                self._let_through(code_read)
        return kept

    def give_outcome(self, scan_id: str, outcome: str, *, code_read: Code | None) -> None:
        """Stores what the guard did; the scan is to be brought in with it, also if it was before."""
        with self._database:
            self._database.execute(
                "UPDATE scans SET outcome = ?, brought_in = 0 WHERE scan_id = ?", (outcome, scan_id)
            )
            if outcome == "let_in" and code_read is not None:
                self._let_through(code_read)

    def let_through(self, code: Code) -> None:
        """Notes a code that was let through, alone or online."""
        with self._database:
            self._let_through(code)

    def was_let_through(self, key: CodeKey) -> bool:
        """Whether this device has let the code through before."""
        return bool(self._row("SELECT 1 FROM let_through WHERE (iss, kid, sub, jti) = (?, ?, ?, ?)", *key))

    def scan(self, scan_id: str) -> KeptScan | None:
        """A scan that is kept."""
        row = self._row(f"SELECT {COLUMNS} FROM scans WHERE scan_id = ?", scan_id)  # noqa: S608
        return None if row is None else KeptScan(*row)

    def kept(self) -> list[KeptScan]:
        """All scans that are kept, also those that only wait for their outcome."""
        return [KeptScan(*row) for row in self._rows("")]

    def to_bring_in(self, enrolment: str, most: int) -> list[KeptScan]:
        """Scans of an enrolment that the server has not answered as they are."""
        where = "WHERE enrolment = ? AND NOT brought_in ORDER BY sequence LIMIT ?"
        return [KeptScan(*row) for row in self._rows(where, enrolment, most)]

    def enrolments_to_bring_in(self) -> list[str]:
        """Where scans were made that are still to be brought in."""
        with closing(
            self._database.execute("SELECT DISTINCT enrolment FROM scans WHERE NOT brought_in")
        ) as found:
            return [row[0] for row in found]

    def settle(self, answered: Iterable[KeptScan]) -> None:
        """Forgets scans that the server has, but for those whose outcome is to come.

        What was given since they were sent is kept: it has not been brought in yet.
        """
        with self._database:
            for scan in answered:
                where = "WHERE scan_id = ? AND outcome IS ?"
                step = "UPDATE scans SET brought_in = 1" if scan.is_open else "DELETE FROM scans"
                self._database.execute(f"{step} {where}", (scan.scan_id, scan.outcome))

    def forget(self, scan_ids: Iterable[str]) -> None:
        """Forgets scans that can never be stored."""
        with self._database:
            self._database.executemany("DELETE FROM scans WHERE scan_id = ?", [(one,) for one in scan_ids])

    def clear_out(self, *, expired: float, made_before: str) -> None:
        """Forgets codes that cannot pass any more, and checks whose outcome will not come."""
        with self._database:
            self._database.execute("DELETE FROM let_through WHERE exp < ?", (expired,))
            self._database.execute("DELETE FROM scans WHERE brought_in AND device_time < ?", (made_before,))

    def _let_through(self, code: Code) -> None:
        self._database.execute(
            "INSERT OR IGNORE INTO let_through VALUES (?, ?, ?, ?, ?)", (*code.key, code.exp)
        )

    def _row(self, statement: str, *values: object) -> Any:
        with closing(self._database.execute(statement, values)) as found:
            return found.fetchone()

    def _rows(self, where: str, *values: object) -> list[Any]:
        with closing(self._database.execute(f"SELECT {COLUMNS} FROM scans {where}", values)) as found:  # noqa: S608
            return found.fetchall()
