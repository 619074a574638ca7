"""What every import has in common: a file to read, and a report of the rows that were refused."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.refusals import Refused, complain, language
from app.errors import Text
from app.services.imports import RefusedLine
from app.services.sheets.cells import safe_cell
from app.services.sheets.rows import MAX_BYTES

SOME_REFUSED = 3
"""Exit code where rows were refused and the others stored; 1 and 2 are failures of the whole command."""

Source = Annotated[Path, typer.Argument(help="CSV or XLSX, with a header row.", dir_okay=False)]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write the refused rows to this CSV file instead of standard error."),
]


def read_source(source: Path) -> bytes:
    """The bytes of a file, one more than a table may have at most. Raises Refused."""
    try:
        with source.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(
            f"无法读取文件 {source}：{error.strerror}。",
            f"The file {source} cannot be read: {error.strerror}.",
        ) from None


def progress_bar() -> Progress:
    """A bar that counts rows on standard error and leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def report_refused(report: Path | None, refused: Sequence[RefusedLine]) -> None:
    """Says why rows were refused: to standard error, or in a CSV file. Raises Refused."""
    if report is None:
        for line in refused:
            complain(_sentence(line))
    else:
        _write(report, refused)


def _sentence(line: RefusedLine) -> Text:
    column = f" {line.column}" if line.column else ""
    return Text(f"第 {line.line} 行{column}：{line.reason.zh}", f"Line {line.line}{column}: {line.reason.en}")


def _write(report: Path, refused: Sequence[RefusedLine]) -> None:
    chinese = language() == "zh"
    try:
        # With a mark, since a spreadsheet program takes Chinese without one for its local encoding.
        with report.open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file, quoting=csv.QUOTE_ALL)
            table.writerow(("line", "column", "code", "reason"))
            table.writerows(
                (
                    line.line,
                    line.column or "",
                    line.code,
                    safe_cell(line.reason.zh if chinese else line.reason.en),
                )
                for line in refused
            )
    except OSError as error:
        raise Refused(
            f"无法写入报告 {report}：{error.strerror}。",
            f"The report {report} cannot be written: {error.strerror}.",
        ) from None
