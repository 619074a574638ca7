"""What CSV and XLSX files have in common: rows of cells, and the reasons for refusing a whole file."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from app.errors import Problem, Text


class Cells(NamedTuple):
    """One row as it stands in the file."""

    line: int
    values: Sequence[object]
    merged: bool = False


class SheetFault(StrEnum):
    """Why no row of a file can be read, or none after a certain line."""

    FORMAT = "format"
    TOO_LARGE = "too_large"
    ZIP_BOMB = "zip_bomb"
    ENCRYPTED = "encrypted"
    ENTITIES = "entities"
    DAMAGED = "damaged"
    ENCODING = "encoding"
    QUOTES = "quotes"
    NO_HEADER = "no_header"
    MISSING_COLUMNS = "missing_columns"
    REPEATED_COLUMNS = "repeated_columns"
    TOO_MANY_ROWS = "too_many_rows"


FAULT_TEXTS: Mapping[SheetFault, Text] = MappingProxyType(
    {
        SheetFault.FORMAT: Text(
            "只接受CSV和XLSX文件，旧版XLS请另存为XLSX", "only CSV and XLSX are read; save an old XLS as XLSX"
        ),
        SheetFault.TOO_LARGE: Text("文件太大", "the file is too large"),
        SheetFault.ZIP_BOMB: Text("解压后内容过大", "it unpacks to far more than such a table can hold"),
        SheetFault.ENCRYPTED: Text("文件有密码，请取消密码后上传", "it has a password; save it without one"),
        SheetFault.ENTITIES: Text("文件含有不允许的XML声明", "it has XML declarations that are not allowed"),
        SheetFault.DAMAGED: Text("文件已损坏", "the file is damaged"),
        SheetFault.ENCODING: Text(
            "无法识别文字编码，请另存为UTF-8", "its character encoding is unknown; save it as UTF-8"
        ),
        SheetFault.QUOTES: Text(
            "引号不成对或单元格过长", "a quotation mark is not closed, or a cell never ends"
        ),
        SheetFault.NO_HEADER: Text("没有找到表头", "it has no header row"),
        SheetFault.MISSING_COLUMNS: Text("缺少必需的列", "columns are missing"),
        SheetFault.REPEATED_COLUMNS: Text("同一列出现多次", "columns appear more than once"),
        SheetFault.TOO_MANY_ROWS: Text("行数超出上限", "it has too many rows"),
    }
)


class UnreadableSheet(Problem):
    """A file that is refused as a whole. `cause` says why, `line` from where on, if anywhere."""

    status = 422
    code = "unreadable_sheet"
    title = Text("表格无法读取", "Unreadable table")
    message = Text("表格无法读取：{reason.zh}{detail}。", "The table cannot be read: {reason.en}{detail}.")

    def __init__(self, cause: SheetFault, *, columns: Sequence[str] = (), line: int | None = None) -> None:
        extensions: dict[str, object] = {"cause": cause.value}
        if columns:
            extensions["columns"] = list(columns)
        if line is not None:
            extensions["line"] = line
        detail = f" ({', '.join(columns)})" if columns else ""
        super().__init__(extensions=extensions, reason=FAULT_TEXTS[cause], detail=detail)
        self.cause = cause
        self.columns = tuple(columns)
        self.line = line
