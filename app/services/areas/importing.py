"""Areas out of a file: streets and communities below the districts that come built in."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import select

from app.errors import Text
from app.models.areas import Area
from app.services import audit
from app.services.areas.divisions import Division, InvalidDivision, division
from app.services.areas.tree import add_areas
from app.services.imports import ImportReport, Parsed, RefusedLine, contradiction
from app.services.sheets.rows import RefusedRow, read_rows
from app.work import Work

COLUMNS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "code": ("代码", "区划代码", "行政区划代码"),
        "name": ("名称", "区划名称"),
        "parent": ("上级代码", "parent code", "area code"),
    }
)
"""`code` as in GB/T 2260 (with GB/T 10114 for streets), `name`, and `parent`, the code of the area above,
which is not needed, but must fit the code where it is there."""

ROW_LIMIT = 100_000
"""Chongqing has some 11,000 communities and villages, the largest province some 90,000."""


class AreaRow(NamedTuple):
    """One area of a file."""

    line: int
    division: Division


def read_areas(data: bytes) -> Parsed[AreaRow]:
    """The areas of a CSV or XLSX file, those above before those below.

    Raises UnreadableSheet. An area that stands there twice is refused the second time unless both
    rows say the same.
    """
    rows: dict[str, AreaRow] = {}
    refused: list[RefusedLine] = []
    repeated: list[AreaRow] = []
    for row in read_rows(data, columns=COLUMNS, required=("code", "name"), row_limit=ROW_LIMIT):
        if isinstance(row, RefusedRow):
            refused.append(RefusedLine.of_row(row))
            continue
        try:
            found = AreaRow(
                row.line, division(row.values["code"], row.values["name"], parent=row.values["parent"])
            )
        except InvalidDivision as problem:
            refused.append(RefusedLine.of_problem(row.line, problem))
            continue
        first = rows.setdefault(found.division.code, found)
        if first is not found:
            if first.division == found.division:
                repeated.append(found)
            else:
                refused.append(contradiction(row.line, "name"))
    ordered = sorted([*rows.values(), *repeated], key=lambda row: (_depth(row.division), row.line))
    return Parsed(ordered, refused)


async def import_areas(work: Work, *, rows: Sequence[AreaRow]) -> ImportReport:
    """Stores areas: adds those that are missing, renames those that bear another name.

    Those above must come before, or be there. Again changes nothing.
    """
    there = {
        area.code: area
        for area in await work.session.scalars(
            select(Area).where(Area.code.in_({code for row in rows for code in _codes(row.division)}))
        )
    }
    missing: dict[str, Division] = {}
    renamed: set[str] = set()
    refused: list[RefusedLine] = []
    for line, found in rows:
        if found.code in there:
            if there[found.code].name != found.name:
                there[found.code].name = found.name
                renamed.add(found.code)
        elif found.parent is None or found.parent in there or found.parent in missing:
            missing.setdefault(found.code, found)
        else:
            refused.append(
                RefusedLine(
                    line,
                    "parent",
                    "unknown_parent",
                    Text("系统中没有上级区划", "the area above it is not here"),
                )
            )
    await add_areas(work, divisions=missing.values())
    if missing or renamed:
        audit.record(
            work,
            "areas.imported",
            subject_kind="area",
            subject_id=min([*missing, *renamed]),
            details={"added": len(missing), "renamed": sorted(renamed)},
        )
    done = len(missing) + len(renamed)
    return ImportReport(len(missing), len(renamed), len(rows) - len(refused) - done, tuple(refused))


def _codes(found: Division) -> tuple[str, ...]:
    return (found.code,) if found.parent is None else (found.code, found.parent)


def _depth(found: Division) -> tuple[int, int]:
    """Sorts an area behind everything above it: longer codes below, and fewer filling zeros."""
    return len(found.code), -(len(found.code) - len(found.code.rstrip("0")))
