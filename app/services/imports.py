"""What came of a file of areas, employers or compounds: what it added, and why rows were refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from app.errors import Problem, Text
from app.services.sheets.cells import FAULT_TEXTS
from app.services.sheets.rows import RefusedRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """The report line of one refused row; it repeats nothing that the row says."""

    line: int
    column: str | None
    """The column at fault; None where it is the whole row."""
    code: str
    """A stable word for the cause."""
    reason: Text

    @classmethod
    def of_row(cls, row: RefusedRow) -> Self:
        """A row that could not even be read."""
        return cls(row.line, row.column, row.fault.value, FAULT_TEXTS[row.fault])

    @classmethod
    def of_problem(cls, line: int, problem: Problem) -> Self:
        """A row that a service refused."""
        return cls(
            line,
            None,
            problem.code,
            Text(*(problem.message.render(language, **problem.params) for language in ("zh", "en"))),
        )


class UnfitCell(Exception):
    """A cell that says nothing its column can hold."""

    def __init__(self, column: str, code: str, reason: Text) -> None:
        super().__init__(code)
        self.column = column
        self.code = code
        self.reason = reason

    def at(self, line: int) -> RefusedLine:
        """The report line."""
        return RefusedLine(line, self.column, self.code, self.reason)


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A file that has been read whole: what may be stored, in order, and the rows that may not."""

    items: Sequence[T]
    refused: Sequence[RefusedLine]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many rows did what. Every row counts once."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: tuple[RefusedLine, ...] = field(default=())

    def __add__(self, other: "ImportReport") -> "ImportReport":
        return ImportReport(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.refused + other.refused,
        )


MISSING = Text("此项必填", "must not be empty")
CONTRADICTS = Text("与同一文件中前面的行矛盾", "contradicts an earlier row of this file")


def contradiction(line: int, column: str | None) -> RefusedLine:
    """The report line of a row that says otherwise than an earlier one about the same thing."""
    return RefusedLine(line, column, "contradicts_earlier_row", CONTRADICTS)


def text(values: Mapping[str, str], column: str, longest: int) -> str:
    """What a cell says; raises UnfitCell where it is empty or longer than `longest` characters."""
    value = optional_text(values, column, longest)
    if value is None:
        raise UnfitCell(column, "missing", MISSING)
    return value


def optional_text(values: Mapping[str, str], column: str, longest: int) -> str | None:
    """What a cell says, None where it is empty; raises UnfitCell where it is too long."""
    value = values[column]
    if len(value) > longest:
        raise UnfitCell(
            column, "too_long", Text(f"最多 {longest} 个字符", f"must have at most {longest} characters")
        )
    return value or None


def choice(values: Mapping[str, str], column: str, spellings: Mapping[str, T]) -> T:
    """What a cell chooses, in any of its spellings; raises UnfitCell."""
    chosen = spellings.get(values[column].strip().casefold())
    if chosen is None:
        known = ", ".join(spellings)
        raise UnfitCell(column, "unknown_choice", Text(f"应为其中之一：{known}", f"must be one of: {known}"))
    return chosen


def degrees(values: Mapping[str, str], column: str, most: float) -> float | None:
    """The degrees in a cell, between `-most` and `most`; None where it is empty. Raises UnfitCell."""
    value = values[column]
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not -most <= number <= most:
        raise UnfitCell(
            column,
            "degrees",
            Text(f"应为 -{most:g} 至 {most:g} 之间的度数", f"must be degrees between -{most:g} and {most:g}"),
        )
    return number
