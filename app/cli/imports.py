"""`huixin import`: what comes out of files; tables with a report line for every refused row."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from app.cli import holidays, rosters
from app.cli.deployment import command_work
from app.cli.files import SOME_REFUSED, Report, Source, progress_bar, read_source, report_refused
from app.cli.refusals import language, say
from app.services.areas.importing import import_areas, read_areas
from app.services.compounds.importing import import_compounds, read_compounds
from app.services.employers.importing import import_employers, read_employers
from app.services.imports import ImportReport, Parsed
from app.work import Work

T = TypeVar("T")

BATCH = 100
"""Items stored in one transaction: short enough that no gate waits for an import on SQLite."""

app = typer.Typer(no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Bring areas, employers, compounds, holidays or a roster in from a file. Safe to repeat."""


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
    parsed = read(read_source(source))
    total = asyncio.run(_store(parsed.items, store)) + ImportReport(refused=tuple(parsed.refused))
    refused = sorted(total.refused, key=lambda line: (line.line, line.column or ""))
    report_refused(report, refused)
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
    with progress_bar() as progress:
        bar = progress.add_task("导入" if language() == "zh" else "Importing", total=len(items))
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            async with command_work("import") as work:
                report += await store(work, batch)
            progress.advance(bar, len(batch))
    return report


app.add_typer(holidays.app)
app.add_typer(rosters.app)
