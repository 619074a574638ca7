"""Tables: what a spreadsheet did to the cells is undone or named, and no file breaks the reader."""

import csv
import io
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.services.rosters.columns import ROSTER_COLUMNS, ROSTER_NEEDS
from app.services.sheets.cells import FAULT_TEXTS as ROW_FAULT_TEXTS
from app.services.sheets.cells import RowFault, UntrustedCell, cell_text, safe_cell
from app.services.sheets.rows import RefusedRow, Row, read_rows
from app.services.sheets.tables import FAULT_TEXTS as SHEET_FAULT_TEXTS
from app.services.sheets.tables import SheetFault, UnreadableSheet

SECONDS = 5.0
"""Within which a hostile file is refused."""

HEADER_KEYS = ("name", "document_number", "phone")
OPTIONAL = dict.fromkeys(("document_type", "kind_of_work", "vehicle"), "")
HEADER = ("姓名", "证件号码", "手机号")
PERSON = ("张三", "509999199001010011", "13800138000")


def read(data: bytes, row_limit: int = 100, max_bytes: int = 10_000_000) -> list[Row | RefusedRow]:
    return list(
        read_rows(
            data, columns=ROSTER_COLUMNS, required=ROSTER_NEEDS, row_limit=row_limit, max_bytes=max_bytes
        )
    )


def people(rows: Iterable[Row | RefusedRow]) -> list[tuple[str, str, str]]:
    return [
        (row.values["name"], row.values["document_number"], row.values["phone"])
        for row in rows
        if isinstance(row, Row)
    ]


def refusals(rows: Iterable[Row | RefusedRow]) -> list[tuple[int, RowFault, str | None]]:
    return [(row.line, row.fault, row.column) for row in rows if isinstance(row, RefusedRow)]


def refused(data: bytes, **limits: int) -> UnreadableSheet:
    with pytest.raises(UnreadableSheet) as refusal:
        read(data, **limits)
    return refusal.value


def csv_text(*rows: Sequence[str], delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def workbook(*rows: Sequence[object], arrange: Callable[[openpyxl.Workbook], None] | None = None) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    if arrange is not None:
        arrange(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(
    data: bytes, change: Callable[[str, bytes], bytes], extra: dict[str, bytes] | None = None
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, body in (extra or {}).items():
            new.writestr(name, body)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_every_encoding_and_delimiter(encoding: str, delimiter: str) -> None:
    data = csv_text(HEADER, PERSON, delimiter=delimiter).encode(encoding)
    assert read(data) == [Row(2, dict(zip(HEADER_KEYS, PERSON, strict=True)) | OPTIONAL)]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_rows_around_the_people_are_passed_over(kind: str) -> None:
    rows = [
        ("某某公司骑手名册", "", ""),
        ("", "", ""),
        ("*Name", "ID Number（必填）", " 手机\u00a0号:"),
        PERSON,
        (" ", "\u3000", ""),
        ("*Name", "ID Number（必填）", " 手机\u00a0号:"),
        ("李四", *PERSON[1:]),
    ]
    data = csv_text(*rows).encode() if kind == "csv" else workbook(*rows)
    found = read(data)
    assert [row.line for row in found] == [4, 7]
    assert [name for name, _, _ in people(found)] == ["张三", "李四"]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (None, ""),
        ("  张\u200b三 \u00a0", "张三"),
        ("张 \n 三", "张 三"),
        ("１３８００１３８０００", "13800138000"),
        ("'13800138000", "13800138000"),
        ("\u2018509999199001010011", "509999199001010011"),
        ('="13800138000"', "13800138000"),
        ("＝＂13800138000＂", "13800138000"),
        ('=" 张三 "', "张三"),
        ("13800138000.0", "13800138000"),
        ("1.3800138001E+10", "13800138001"),
        (13800138000, "13800138000"),
        (13800138000.0, "13800138000"),
        (509999199001010011, "509999199001010011"),
        (0.5, "0.5"),
        (True, "TRUE"),
        ("+86 13800138000", "+86 13800138000"),
        ("渝A12345", "渝A12345"),
        ("e\u0301", "é"),
    ],
)
def test_what_a_cell_says(typed: object, text: str) -> None:
    assert cell_text(typed) == text


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("5.09999E+17", RowFault.NUMBER_MANGLED),
        ("5.09999199001010E+17", RowFault.NUMBER_MANGLED),
        ("1.38E+10", RowFault.NUMBER_MANGLED),
        ("１.３８Ｅ＋１０", RowFault.NUMBER_MANGLED),
        (5.09999199001010e17, RowFault.NUMBER_MANGLED),
        (float(509999199001010011), RowFault.NUMBER_MANGLED),
        (509999199001010000, RowFault.NUMBER_MANGLED),
        (float("inf"), RowFault.NUMBER_MANGLED),
        ("=1+1", RowFault.FORMULA),
        ("＝1+1", RowFault.FORMULA),
        (' ="a"&"b"', RowFault.FORMULA),
        ('="a', RowFault.FORMULA),
        ('="=1"', RowFault.FORMULA),
        (object(), RowFault.FORMULA),
        ("#N/A", RowFault.CELL_ERROR),
        ("张\0三", RowFault.CONTROL_CHARACTERS),
        ("张\x1b三", RowFault.CONTROL_CHARACTERS),
        ("张" * 501, RowFault.TOO_LONG),
    ],
)
def test_what_a_cell_cannot_say(typed: object, fault: RowFault) -> None:
    with pytest.raises(UntrustedCell) as refusal:
        cell_text(typed)
    assert refusal.value.fault is fault


@given(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes()))
def test_any_cell_is_text_or_refused(typed: object) -> None:
    try:
        text = cell_text(typed)
    except UntrustedCell:
        return
    assert text == text.strip()
    assert "\0" not in text


@given(st.integers(0, 10**18 - 1))
@example(10**17 + 1)
def test_whole_numbers_come_back_whole_or_not_at_all(number: int) -> None:
    for typed in (number, float(number), f"{number:.5E}", f"{number:.17E}"):
        with suppress(UntrustedCell):
            assert int(cell_text(typed)) == number


@given(st.text(st.sampled_from("=+-@\t\r\n '＝＋＠\u00a0\u200b1a张")))
def test_no_cell_of_a_report_begins_like_a_formula(text: str) -> None:
    safe = safe_cell(text)
    assert not safe.lstrip(" \u00a0\u200b").startswith(tuple("=+-@\t\r\n＝＋＠"))
    assert safe.removeprefix("'") == text or safe == text
    if not text.startswith("'") and not safe.startswith("'"):
        assert safe == text


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+86 13800138000", "-1", "@SUM(A1)", "\t=1", " =1", "'x"]
)
def test_a_defused_cell_reads_back_as_typed(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert cell_text(safe_cell(text)) == " ".join(text.split())


def test_ragged_rows_of_csv_are_refused_one_by_one() -> None:
    text = csv_text((*HEADER, ""), PERSON, (*PERSON, ""), (*PERSON, "", "x"), PERSON[:2], PERSON)
    found = read(text.encode())
    assert refusals(found) == [(4, RowFault.RAGGED, None), (5, RowFault.RAGGED, None)]
    assert people(found) == [PERSON] * 3


def test_a_fault_names_line_and_column() -> None:
    text = csv_text(HEADER, ("张三", "5.09999E+17", "1"), ("=1", "2", "3"), ("a\0b", "2", "3"), PERSON)
    found = read(text.encode())
    assert refusals(found) == [
        (2, RowFault.NUMBER_MANGLED, "document_number"),
        (3, RowFault.FORMULA, "name"),
        (4, RowFault.CONTROL_CHARACTERS, "name"),
    ]
    assert people(found) == [PERSON]


def test_lines_count_as_the_spreadsheet_shows_them() -> None:
    text = '姓名,证件号码,手机号\n"张\n三",1,2\n李四,3,4\n'
    assert [(row.line, row.values["name"]) for row in read(text.encode()) if isinstance(row, Row)] == [
        (2, "张 三"),
        (4, "李四"),
    ]


def test_numbers_and_formulas_of_a_workbook() -> None:
    data = workbook(
        HEADER,
        ("张三", "509999199001010011", 13800138000.0),
        ("李四", 509999199001010011.0, 13800138000),
        ("王五", "509999199001010011", '="13800138000"'),
        ("赵六", "509999199001010011", "=A1"),
        ("钱七", "509999199001010011", "#N/A"),
    )
    found = read(data)
    assert people(found) == [PERSON, ("王五", *PERSON[1:])]
    assert refusals(found) == [
        (3, RowFault.NUMBER_MANGLED, "document_number"),
        (5, RowFault.FORMULA, "phone"),
        (6, RowFault.CELL_ERROR, "phone"),
    ]


def test_merged_cells_refuse_the_rows_they_touch_and_titles_may_have_them() -> None:
    def merge(book: openpyxl.Workbook) -> None:
        for cells in ("A1:C1", "A4:A5", "B7:C7"):
            book.worksheets[0].merge_cells(cells)

    found = read(workbook(("名册",), HEADER, PERSON, PERSON, PERSON, PERSON, PERSON, PERSON, arrange=merge))
    assert refusals(found) == [(line, RowFault.MERGED_CELLS, None) for line in (4, 5, 7)]
    assert people(found) == [PERSON] * 3


def test_the_first_visible_sheet_with_the_header_is_read() -> None:
    def arrange(book: openpyxl.Workbook) -> None:
        hidden = book.create_sheet("旧", 0)
        hidden.append(HEADER)
        hidden.append(("旧人", "1", "2"))
        hidden.sheet_state = "hidden"
        book.create_sheet("填写说明", 0).append(("请逐行填写",))

    assert people(read(workbook(HEADER, PERSON, arrange=arrange))) == [PERSON]


def test_a_false_dimension_hides_nothing() -> None:
    def lie(name: str, body: bytes) -> bytes:
        return body.replace(b'ref="A1:C2"', b'ref="A1"') if "worksheets/" in name else body

    assert people(read(repacked(workbook(HEADER, PERSON), lie))) == [PERSON]


def test_header_faults_name_the_columns() -> None:
    missing = refused(csv_text(("姓名", "手机号"), ("张三", "1")).encode())
    assert (missing.cause, missing.columns, missing.line) == (
        SheetFault.MISSING_COLUMNS,
        ("document_number",),
        1,
    )
    assert "document_number" in missing.message.render("en", **missing.params)
    repeated = refused(csv_text((*HEADER, "手机"), (*PERSON, "1")).encode())
    assert (repeated.cause, repeated.columns) == (SheetFault.REPEATED_COLUMNS, ("phone",))
    assert refused(csv_text(("甲", "乙"), ("1", "2")).encode()).cause is SheetFault.NO_HEADER
    assert refused(workbook(("甲", "乙"))).cause is SheetFault.NO_HEADER


def test_the_row_limit_counts_people_only() -> None:
    text = csv_text(HEADER, PERSON, ("", "", ""), HEADER, PERSON)
    assert len(read(text.encode(), row_limit=2)) == 2
    beyond = refused(text.encode(), row_limit=1)
    assert (beyond.cause, beyond.line) == (SheetFault.TOO_MANY_ROWS, 5)


def set_encrypted(data: bytes) -> bytes:
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    changed = bytearray(data)
    changed[local + 6] |= 1
    changed[central + 8] |= 1
    return bytes(changed)


def lied_about(name: str, body: bytes) -> bytes:
    """A sheet with an entity that would expand to 10^9 characters."""
    if not name.endswith("sheet1.xml"):
        return body
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "a">{entities}]>'.encode() + body


def in_utf_16(name: str, body: bytes) -> bytes:
    return (
        lied_about(name, body)
        .decode()
        .replace('version="1.0"', 'version="1.0" encoding="utf-16"')
        .encode("utf-16")
    )


WHOLE = workbook(HEADER, PERSON)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", SheetFault.NO_HEADER),
        (b"\x00" * 100, SheetFault.ENCODING),
        (csv_text(HEADER, PERSON).encode("utf-16-le"), SheetFault.ENCODING),
        (csv_text(HEADER, PERSON).encode("utf-32"), SheetFault.ENCODING),
        (b"\xef\xbb\xbf\xff\xff", SheetFault.ENCODING),
        (b"\xff\xfe\x00", SheetFault.ENCODING),
        (b"a,b\n\xff\xff", SheetFault.ENCODING),
        (csv_text(HEADER).encode() + b'"open,1,2\n', SheetFault.QUOTES),
        (csv_text(HEADER).encode() + b"x" * 200_000, SheetFault.QUOTES),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 100, SheetFault.FORMAT),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            SheetFault.ENCRYPTED,
        ),
        (set_encrypted(WHOLE), SheetFault.ENCRYPTED),
        (WHOLE[:-30], SheetFault.DAMAGED),
        (b"PK\x03\x04" + b"\x00" * 50, SheetFault.DAMAGED),
        (repacked(WHOLE, lied_about), SheetFault.ENTITIES),
        (repacked(WHOLE, in_utf_16), SheetFault.ENTITIES),
        (repacked(WHOLE, lambda _, body: body, {"bomb.xml": b" " * 20_000_000}), SheetFault.ZIP_BOMB),
        (repacked(WHOLE, lambda _, body: body, {f"{n}": b"" for n in range(600)}), SheetFault.ZIP_BOMB),
        (repacked(WHOLE, lambda name, body: body[:-9] if "sheet1" in name else body), SheetFault.DAMAGED),
        (repacked(WHOLE, lambda name, body: b"" if "workbook" in name else body), SheetFault.DAMAGED),
    ],
)
def test_hostile_files_are_refused_with_their_cause(data: bytes, cause: SheetFault) -> None:
    begun = time.monotonic()
    assert refused(data).cause is cause
    assert time.monotonic() - begun < SECONDS


def test_a_zip_that_is_no_workbook_and_a_file_too_large() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    assert refused(out.getvalue()).cause is SheetFault.FORMAT
    assert refused(b"x" * 11, max_bytes=10).cause is SheetFault.TOO_LARGE


@pytest.mark.parametrize("row", ["2000000", "99999999999", "-1", "x"])
def test_a_row_that_claims_an_impossible_place_costs_no_time(row: str) -> None:
    def claim(name: str, body: bytes) -> bytes:
        return body.replace(b'<row r="2"', f'<row r="{row}"'.encode()) if "worksheets/" in name else body

    begun = time.monotonic()
    with suppress(UnreadableSheet):
        assert len(read(repacked(WHOLE, claim))) <= 1
    assert time.monotonic() - begun < SECONDS


@given(st.binary())
def test_any_bytes_are_rows_or_a_refusal(data: bytes) -> None:
    with suppress(UnreadableSheet):
        read(data)


@given(st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=30))
def test_any_damage_to_a_workbook_is_rows_or_a_refusal(edits: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for place, value in edits:
        data[place % len(data)] = value
    with suppress(UnreadableSheet):
        assert len(read(bytes(data))) <= 2


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_refusal_has_words(language: str) -> None:
    for cause in SheetFault:
        refusal = UnreadableSheet(cause)
        assert getattr(SHEET_FAULT_TEXTS[cause], language) in refusal.message.render(
            language, **refusal.params
        )
    assert set(ROW_FAULT_TEXTS) == set(RowFault)
