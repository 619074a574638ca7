"""XLSX workbooks, opened only after everything that a hostile one could do is ruled out."""

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import NoReturn, Protocol, cast
from xml.parsers import expat

from app.services.sheets.tables import Cells, SheetFault, UnreadableSheet

ZIP_MAGIC = b"PK\x03\x04"

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Compound files: XLS, and every XLSX with a password ([MS-OFFCRYPTO], 1.3.3)."""

ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")

CONTENT_TYPES = "[Content_Types].xml"
"""The part that makes a ZIP file an Office package (ECMA-376-2, 10.1.2)."""

ENCRYPTED_FLAG = 0x1
"""Bit 0 of a member's general purpose flags (APPNOTE.TXT, 4.4.4)."""

MAX_MEMBERS = 500
"""Parts. A roster has about 15; one with a photo for each person is not a roster."""

MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes of all parts together. The XML of 50,000 people takes about 20 MB."""

MAX_RATIO = 250
"""Times. The XML of real sheets packs 10 to 60 times smaller; deflate can reach 1,032."""

RATIO_FROM = 1024 * 1024
"""Bytes unpacked. Below, any ratio is harmless."""

MAX_MERGES = 2_000
"""Merged ranges. Beyond, the table is a form and not a roster."""

WIDEST = 100
"""Columns. What stands further right is not read."""

LAST_ROW = 1_048_576
"""Rows of a sheet (ECMA-376-1, 18.3.1.73). A row that claims a higher number is not read."""

CHUNK = 64 * 1024

warnings.filterwarnings("ignore", module=r"openpyxl\b")
"""Its warnings quote the values of cells, and those must not reach a log."""


class _StreamedSheet(Protocol):
    """A sheet that openpyxl reads as a stream; its type stubs know only the other kind."""

    sheet_state: str
    _worksheet_path: str

    def reset_dimensions(self) -> None: ...

    def iter_rows(self, *, max_col: int, max_row: int, values_only: bool) -> Iterator[Sequence[object]]: ...


def is_workbook(data: bytes) -> bool:
    """Whether `data` is a ZIP file. Raises UnreadableSheet for XLS and for a workbook with a password."""
    if data.startswith(OLE_MAGIC):
        raise UnreadableSheet(SheetFault.ENCRYPTED if ENCRYPTED_STREAM in data else SheetFault.FORMAT)
    return data.startswith(ZIP_MAGIC)


def workbook_tables(data: bytes) -> Iterator[Iterator[Cells]]:
    """The rows of each visible sheet. Raises UnreadableSheet, whatever openpyxl raises."""
    import openpyxl  # late: a twelfth of a server's start, for what comes once a month

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _inspect(archive)
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
            sheets = cast("list[_StreamedSheet]", book.worksheets)
            yield from (_rows(sheet, archive) for sheet in sheets if sheet.sheet_state == "visible")
    except UnreadableSheet:
        raise
    except Exception as error:  # openpyxl raises anything at all on hostile files
        raise UnreadableSheet(SheetFault.DAMAGED) from error


def _inspect(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise UnreadableSheet(SheetFault.ZIP_BOMB)
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise UnreadableSheet(SheetFault.DAMAGED)
    for member in members:
        if member.flag_bits & ENCRYPTED_FLAG:
            raise UnreadableSheet(SheetFault.ENCRYPTED)
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise UnreadableSheet(SheetFault.FORMAT)
        if member.file_size > max(RATIO_FROM, MAX_RATIO * member.compress_size):
            raise UnreadableSheet(SheetFault.ZIP_BOMB)
    if CONTENT_TYPES not in names:
        raise UnreadableSheet(SheetFault.FORMAT)
    for member in members:
        _refuse_declarations(archive, member)


def _refuse_declarations(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuses a part with a document type declaration, the only place where entities can be defined.

    Without defusedxml, openpyxl expands them. Only what stands before the root element is read.
    """
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_declaration
    begun: list[str] = []
    parser.StartElementHandler = lambda name, _attributes: begun.append(name)
    with archive.open(member) as part:
        while not begun and (chunk := part.read(CHUNK)):
            try:
                parser.Parse(chunk)
            except expat.ExpatError:
                return  # not XML, such as a picture; openpyxl's parser refuses it in the same way


def _refuse_declaration(*_declaration: object) -> NoReturn:
    raise UnreadableSheet(SheetFault.ENTITIES)


def _rows(sheet: _StreamedSheet, archive: zipfile.ZipFile) -> Iterator[Cells]:
    try:
        merged = _merged_rows(archive, sheet._worksheet_path)  # noqa: SLF001 - openpyxl tells nobody else
        sheet.reset_dimensions()  # what a file says of its size is often wrong, and may be a lie
        rows = sheet.iter_rows(max_col=WIDEST, max_row=LAST_ROW, values_only=True)
        at, until = 0, 0
        for line, values in enumerate(rows, start=1):
            while at < len(merged) and merged[at][0] <= line:
                until = max(until, merged[at][1])
                at += 1
            if values.count(None) < len(values):  # a stray cell far below means a million empty rows
                yield Cells(line, values, merged=line <= until)
    except UnreadableSheet:
        raise
    except Exception as error:  # openpyxl raises anything at all on hostile files
        raise UnreadableSheet(SheetFault.DAMAGED) from error


def _merged_rows(archive: zipfile.ZipFile, path: str) -> Sequence[tuple[int, int]]:
    """First and last row of every merged range in order, which openpyxl leaves out when it streams."""
    from openpyxl.utils.cell import range_boundaries

    spans: list[tuple[int, int]] = []

    def note(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] != "mergeCell":
            return
        _left, top, _right, bottom = range_boundaries(attributes["ref"])
        spans.append((top or 1, bottom or LAST_ROW))
        if len(spans) > MAX_MERGES:
            raise UnreadableSheet(SheetFault.FORMAT)

    parser = expat.ParserCreate()
    parser.StartElementHandler = note
    with archive.open(path) as part:
        parser.ParseFile(part)
    return sorted(spans)
