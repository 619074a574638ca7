"""Roster files as employers deliver them, of people who do not exist."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import openpyxl

from app.models.employers import Employer
from app.models.rosters import Roster
from app.services.rosters.delivery import deliver_roster
from app.services.rosters.reading import read_delivery
from app.work import Work
from tests.factories.couriers import made_up_id

HEADINGS = ("姓名", "证件号码", "手机号")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person who does not exist, as a roster names people."""

    name: str
    document: str
    phone: str

    @property
    def row(self) -> tuple[str, str, str]:
        """Their row under `HEADINGS`."""
        return (self.name, self.document, self.phone)

    @property
    def e164(self) -> str:
        """Their phone as WeChat confirms it."""
        return f"+86{self.phone}"

    @property
    def marked(self) -> dict[str, str]:
        """Their document, as it is marked over the API."""
        return {"document_type": "resident_id", "document_number": self.document}


def somebody(serial: int) -> Somebody:
    """The person of a serial number; no two have a document or a phone in common."""
    born = date(1970, 1, 1) + timedelta(days=serial // 900)
    return Somebody(
        name=f"甄{chr(0x4E00 + serial % 5000)}",
        document=made_up_id(serial % 900, birth=f"{born:%Y%m%d}"),
        phone=f"199{serial:08d}",
    )


def people(count: int, *, start: int = 1) -> list[Somebody]:
    """`count` people who differ in everything."""
    return [somebody(serial) for serial in range(start, start + count)]


def csv_file(
    rows: Iterable[Sequence[str]], *, headings: Sequence[str] = HEADINGS, encoding: str = "utf-8"
) -> bytes:
    """A CSV file with `headings` above `rows`."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([headings, *rows])
    return out.getvalue().encode(encoding)


def xlsx_file(
    rows: Iterable[Sequence[object]], *, headings: Sequence[str] = HEADINGS, merge: str | None = None
) -> bytes:
    """A workbook with `headings` above `rows`, and one range of merged cells where asked for."""
    book = openpyxl.Workbook(write_only=merge is None)
    sheet: Any = book.create_sheet("名册", 0)
    for row in (headings, *rows):
        sheet.append(list(row))
    if merge is not None:
        sheet.merge_cells(merge)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def put_on_roster(work: Work, *, employer: Employer, people: Iterable[Somebody]) -> Roster:
    """Delivers a roster of `people` at the time of `work`."""
    data = csv_file(person.row for person in people)
    delivery = read_delivery(data, deployment=work.deployment, today=work.now.date())
    return await deliver_roster(work, employer_id=employer.id, delivery=delivery)
