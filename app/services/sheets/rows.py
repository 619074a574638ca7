"""Tables out of hostile CSV and XLSX files: rows that can be trusted, and why the others cannot."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from types import MappingProxyType
from typing import NamedTuple

from app.services.sheets.cells import RowFault, UntrustedCell, cell_text
from app.services.sheets.tables import Cells, SheetFault, UnreadableSheet
from app.services.sheets.workbooks import is_workbook, workbook_tables


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `line` counts as the spreadsheet shows it, from 1."""

    line: int
    values: Mapping[str, str] = field(repr=False)
    """Text by column, "" where the cell is empty or the file lacks an optional column."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be trusted; the report says so and the others are read on."""

    line: int
    fault: RowFault
    column: str | None
    """The column at fault; None where it is the whole row."""


class Header(NamedTuple):
    """Where the header stands, and the place of each column that it names."""

    line: int
    places: Mapping[str, int]
    missing: tuple[str, ...]
    repeated: tuple[str, ...]
    width: int
    """Cells up to the last one that is not empty."""


MAX_BYTES = 10 * 1024 * 1024
"""A roster of 50,000 people has about 5 MB."""

HEADER_WITHIN = 20
"""Rows. Titles and instructions stand above the header, but not more of them."""

DELIMITERS = ",;\t"

NUL_SHARE = 8
"""UTF-16 without a mark shows as one NUL in two characters; a stray NUL in a cell stays below 1 in 8."""

BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "ascii"),
    (b"\x00\x00\xfe\xff", "ascii"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks; UTF-32 is not read, but would pass for UTF-16: as ASCII it fails."""


def read_rows(
    data: bytes,
    *,
    columns: Mapping[str, Sequence[str]],
    required: Collection[str],
    row_limit: int,
    max_bytes: int = MAX_BYTES,
) -> Iterator[Row | RefusedRow]:
    """The rows of a CSV or XLSX file in order; the format is told by content, never by name.

    `columns` gives each column's headings beside its own name, in any case and spacing; those in
    `required` must be there. CSV may be UTF-8, GB18030 or UTF-16 with a mark, and be divided by
    comma, semicolon or tab. Of a workbook, the first visible sheet that has the header is read.
    Titles above the header, blank rows and repetitions of the header are passed over.

    Raises UnreadableSheet, at once for what shows at the beginning, and while reading for more than
    `row_limit` rows, an open quotation mark and damage further on: store nothing before the end.
    """
    if len(data) > max_bytes:
        raise UnreadableSheet(SheetFault.TOO_LARGE)
    wanted = {_heading(alias): name for name, aliases in columns.items() for alias in (name, *aliases)}
    workbook = is_workbook(data)
    tables = workbook_tables(data) if workbook else _csv_tables(data)
    header, rows = _chosen(tables, wanted, required)
    return _people(rows, header, wanted, row_limit, ragged=not workbook)


def _chosen(
    tables: Iterator[Iterator[Cells]], wanted: Mapping[str, str], required: Collection[str]
) -> tuple[Header, Iterator[Cells]]:
    """The first table with a whole header, and its rows after the header."""
    best: Header | None = None
    failure: UnreadableSheet | None = None
    for table in tables:
        try:
            opening = list(islice(table, HEADER_WITHIN))
        except UnreadableSheet as refusal:  # perhaps only divided by the wrong delimiter
            failure = failure or refusal
            continue
        for at, cells in enumerate(opening):
            header = _header(cells, wanted, required)
            if header.places and not header.missing and not header.repeated:
                return header, chain(opening[at + 1 :], table)
            if best is None or len(header.places) > len(best.places):
                best = header
    if best is None or not best.places:
        raise failure or UnreadableSheet(SheetFault.NO_HEADER)
    if best.missing:
        raise UnreadableSheet(SheetFault.MISSING_COLUMNS, columns=best.missing, line=best.line)
    raise UnreadableSheet(SheetFault.REPEATED_COLUMNS, columns=best.repeated, line=best.line)


def _header(cells: Cells, wanted: Mapping[str, str], required: Collection[str]) -> Header:
    places: dict[str, int] = {}
    repeated: dict[str, None] = {}
    width = 0
    for place, value in enumerate(cells.values):
        heading = ""
        with suppress(UntrustedCell):
            heading = _heading(cell_text(value))
        if heading:
            width = place + 1
        name = wanted.get(heading)
        if name in places:
            repeated[name] = None
        elif name is not None:
            places[name] = place
    missing = tuple(name for name in required if name not in places)
    return Header(cells.line, places, missing, tuple(repeated), width)


def _people(
    rows: Iterator[Cells],
    header: Header,
    wanted: Mapping[str, str],
    row_limit: int,
    *,
    ragged: bool,
) -> Iterator[Row | RefusedRow]:
    count = 0
    for cells in rows:
        if not any(value is not None and str(value).strip() for value in cells.values):
            continue
        if _repeats(cells, header, wanted):
            continue
        count += 1
        if count > row_limit:
            raise UnreadableSheet(SheetFault.TOO_MANY_ROWS, line=cells.line)
        yield _person(cells, header, wanted.values(), ragged=ragged)


def _repeats(cells: Cells, header: Header, wanted: Mapping[str, str]) -> bool:
    return all(
        place < len(cells.values) and wanted.get(_heading(str(cells.values[place]))) == name
        for name, place in header.places.items()
    )


def _person(cells: Cells, header: Header, columns: Iterable[str], *, ragged: bool) -> Row | RefusedRow:
    if cells.merged:
        return RefusedRow(cells.line, RowFault.MERGED_CELLS, None)
    beyond = cells.values[header.width :]
    if ragged and (len(cells.values) < header.width or any(str(value).strip() for value in beyond)):
        return RefusedRow(cells.line, RowFault.RAGGED, None)
    values = dict.fromkeys(columns, "")
    for name, place in header.places.items():
        try:
            values[name] = cell_text(cells.values[place]) if place < len(cells.values) else ""
        except UntrustedCell as untrusted:
            return RefusedRow(cells.line, untrusted.fault, name)
    return Row(cells.line, MappingProxyType(values))


def _heading(text: str) -> str:
    """A heading without what people decorate it with: case, spaces, stars, notes in brackets."""
    return re.sub(r"\([^)]*\)|[\W_]", "", text.casefold().replace("（", "(").replace("）", ")"))


def _csv_tables(data: bytes) -> Iterator[Iterator[Cells]]:
    """The same text, divided by one delimiter after the other."""
    text = _decoded(data)
    if text[:4096].count("\0") * NUL_SHARE > len(text[:4096]):
        raise UnreadableSheet(SheetFault.ENCODING)
    for delimiter in DELIMITERS:
        yield _csv_rows(text, delimiter)


def _decoded(data: bytes) -> str:
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return _strictly(data, encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _strictly(data, "gb18030")


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableSheet(SheetFault.ENCODING) from error


def _csv_rows(text: str, delimiter: str) -> Iterator[Cells]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for values in reader:
            yield Cells(line, values)
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableSheet(SheetFault.QUOTES, line=line) from error
