"""`huixin import`: areas, employers and compounds out of files, with a report line for every refused row."""

import asyncio
import csv
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.deployment import command_work
from app.cli.refusals import Refused, complain, language, say
from app.errors import Text
from app.services.areas.importing import import_areas, read_areas
from app.services.compounds.importing import import_compounds, read_compounds
from app.services.employers.importing import import_employers, read_employers
from app.services.imports import ImportReport, Parsed, RefusedLine
from app.services.sheets.cells import safe_cell
from app.services.sheets.rows import MAX_BYTES
from app.work import Work

T = TypeVar("T")

BATCH = 100
"""Items stored in one transaction: short enough that no gate waits for an import on SQLite."""
SOME_REFUSED = 3
"""Exit code where rows were refused and the others stored; 1 and 2 are failures of the whole command."""

app = typer.Typer(no_args_is_help=True)

Source = Annotated[Path, typer.Argument(help="CSV or XLSX, with a header row.", dir_okay=False)]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write the refused rows to this CSV file instead of standard error."),
]


@app.callback()
def imports() -> None:
    """Bring areas, employers, compounds or a roster in from a file. Safe to repeat."""


@app.command()
def areas(source: Source, report: Report = None) -> None:
    """Import areas: code, name[, parent]."""
    deliver(source, report, read=read_areas, store=lambda work, rows: import_areas(work, rows=rows))


@app.command()
def employers(source: Source, report: Report = None) -> None:
    """Import employers: name, kind[, credit_code]."""
    deliver(source, report, read=read_employers, store=lambda work, rows: import_employers(work, rows=rows))


@app.command()
def compounds(source: Source, report: Report = None) -> None:
    """Import compounds and gates, one row a gate: reference, name, area_code[, kind, address, ...].

    Further columns: latitude, longitude, gate, gate_latitude, gate_longitude; coordinates are GCJ-02.
    """
    deliver(
        source,
        report,
        read=read_compounds,
        store=lambda work, rows: import_compounds(work, compounds=rows),
    )


def deliver(
    source: Path,
    report: Path | None,
    *,
    read: Callable[[bytes], Parsed[T]],
    store: Callable[[Work, Sequence[T]], Awaitable[ImportReport]],
) -> None:
    """Reads a whole file, then stores it a batch at a time, and says what became of it.

    A run that breaks off keeps its finished batches; the next one passes over them. Raises Refused for
    a file that is not there, UnreadableSheet for one that is no table, and exits with `SOME_REFUSED`.
    """
    parsed = read(_content(source))
    total = asyncio.run(_store(parsed.items, store)) + ImportReport(refused=tuple(parsed.refused))
    refused = sorted(total.refused, key=lambda line: (line.line, line.column or ""))
    if report is None:
        for line in refused:
            complain(_sentence(line))
    else:
        _write(report, refused)
    say(
        f"新增 {total.added}，修改 {total.changed}，无变化 {total.unchanged}，拒绝 {len(refused)}（按行计）",
        f"Rows: {total.added} added, {total.changed} changed, {total.unchanged} unchanged, "
        f"{len(refused)} refused",
    )
    if refused:
        raise typer.Exit(SOME_REFUSED)


async def _store(
    items: Sequence[T], store: Callable[[Work, Sequence[T]], Awaitable[ImportReport]]
) -> ImportReport:
    report = ImportReport()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("导入" if language() == "zh" else "Importing", total=len(items))
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            async with command_work("import") as work:
                report += await store(work, batch)
            progress.advance(bar, len(batch))
    return report


def _content(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(
            f"无法读取文件 {source}：{error.strerror}。",
            f"The file {source} cannot be read: {error.strerror}.",
        ) from None


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


if find_spec("app.cli.rosters"):
    app.add_typer(import_module("app.cli.rosters").app)
