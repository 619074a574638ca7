"""What a cell of a table says, whatever a spreadsheet program made of what was typed."""

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, time
from enum import StrEnum
from types import MappingProxyType

from app.errors import Text
from app.services.spelling import half_width, is_invisible


class RowFault(StrEnum):
    """Why a row cannot be trusted, by the first rule that it breaks."""

    RAGGED = "ragged"
    MERGED_CELLS = "merged_cells"
    NUMBER_MANGLED = "number_mangled"
    FORMULA = "formula"
    CELL_ERROR = "cell_error"
    CONTROL_CHARACTERS = "control_characters"
    TOO_LONG = "too_long"


FAULT_TEXTS: Mapping[RowFault, Text] = MappingProxyType(
    {
        RowFault.RAGGED: Text("列数与表头不一致", "the row has more or fewer cells than the header"),
        RowFault.MERGED_CELLS: Text(
            "该行含合并单元格，请取消合并后逐行填写",
            "the row has merged cells; unmerge them and fill in every row",
        ),
        RowFault.NUMBER_MANGLED: Text(
            "长数字被表格软件截断，末尾几位已丢失，请将该列设为文本后重新填写",
            "the spreadsheet cut off the last digits of a long number; "
            "set the column to text and type it again",
        ),
        RowFault.FORMULA: Text(
            "单元格是公式，请粘贴为数值", "the cell is a formula; paste its value instead"
        ),
        RowFault.CELL_ERROR: Text("单元格是公式错误值", "the cell shows the error of a formula"),
        RowFault.CONTROL_CHARACTERS: Text("单元格含有控制字符", "the cell has control characters"),
        RowFault.TOO_LONG: Text("单元格内容过长", "the cell is too long"),
    }
)
"""What a report line tells the employer, after the line number and the column."""


class UntrustedCell(Exception):
    """Raised for a cell whose text is not what a person typed; never leaves the sheets."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


SIGNIFICANT_DIGITS = 15
"""What spreadsheets keep of a number (IEEE 754 double precision)."""

LONGEST_CELL = 500
"""Characters. Longer than any name or address; Excel itself would take 32,767."""

SCIENTIFIC = re.compile(r"[+-]?([0-9]+)(?:\.([0-9]*))?[eE]\+?([0-9]{1,3})")
WHOLE_WITH_POINT = re.compile(r"([0-9]+)\.0+")
QUOTED_LITERAL = re.compile(r'="([^"=]*)"')
ERROR_VALUE = re.compile(r"#(?:N/A|VALUE!|REF!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!)")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets evaluate when a file is opened (OWASP, CSV Injection)."""


def cell_text(value: object) -> str:
    """The text of a cell as typed: trimmed, half width, NFC, without a leading apostrophe.

    `value` is a string of a CSV file or anything that openpyxl reads. Numbers come back with all
    their digits or not at all; `="138…"` gives what it quotes. Raises UntrustedCell.
    """
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return _whole(value)
        case float():
            return _number(value)
        case date() | time():
            return value.isoformat().removesuffix("T00:00:00")
        case str():
            return _typed(value)
        case _:  # array formulas, data tables and whatever else a workbook can hold
            raise UntrustedCell(RowFault.FORMULA)


def safe_cell(text: str) -> str:
    """`text` as it may be written to a CSV report: a spreadsheet will show it, never evaluate it.

    An apostrophe goes before anything that begins like a formula, also behind blanks and in full
    width; `cell_text` takes it away again. Write with `csv.QUOTE_ALL`, so that no other delimiter
    can split the cell in two.
    """
    seen = half_width(text).lstrip(" \u00a0\u200b\ufeff")
    return f"'{text}" if seen.startswith(FORMULA_STARTS) or text.startswith("'") else text


def _typed(raw: str) -> str:
    if len(raw) > LONGEST_CELL:
        raise UntrustedCell(RowFault.TOO_LONG)
    text = " ".join(unicodedata.normalize("NFC", half_width(raw)).split())
    if not text.isprintable():
        text = " ".join("".join(char for char in text if not is_invisible(char)).split())
        if any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
            raise UntrustedCell(RowFault.CONTROL_CHARACTERS)
    if literal := QUOTED_LITERAL.fullmatch(text):
        text = literal[1].strip()
    if text.startswith("="):
        raise UntrustedCell(RowFault.FORMULA)
    if ERROR_VALUE.fullmatch(text):
        raise UntrustedCell(RowFault.CELL_ERROR)
    if text.startswith(("'", "\u2018", "\u2019")):
        text = text[1:].strip()
    return _without_notation(text)


def _without_notation(text: str) -> str:
    """A number in scientific notation with all its digits written out, if it still has them all."""
    if scientific := SCIENTIFIC.fullmatch(text):
        whole, fraction, exponent = scientific[1], scientific[2] or "", int(scientific[3])
        if len(fraction) != exponent or len(whole + fraction) > SIGNIFICANT_DIGITS:
            raise UntrustedCell(RowFault.NUMBER_MANGLED)
        return _whole(int(whole + fraction))
    if pointed := WHOLE_WITH_POINT.fullmatch(text):
        return pointed[1]
    return text


def _whole(number: int) -> str:
    digits = str(number)
    lost = digits.lstrip("-")[SIGNIFICANT_DIGITS:]
    if lost and not lost.strip("0"):
        raise UntrustedCell(RowFault.NUMBER_MANGLED)
    return digits


def _number(number: float) -> str:
    if not math.isfinite(number) or abs(number) >= 10**SIGNIFICANT_DIGITS:
        raise UntrustedCell(RowFault.NUMBER_MANGLED)
    return str(int(number)) if number.is_integer() else repr(number)
