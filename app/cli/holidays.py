"""`huixin import holidays`: public holidays and moved working days, out of files of one year each."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.cli.deployment import command_work
from app.cli.files import read_source
from app.cli.refusals import Refused, say
from app.services.holidays.importing import (
    Announcement,
    CalendarReport,
    UnreadableCalendar,
    import_holidays,
    read_announcement,
)

app = typer.Typer()

Sources = Annotated[
    list[Path], typer.Argument(help="JSON files: year, days[name, date, isOffDay].", dir_okay=False)
]


@app.command()
def holidays(sources: Sources) -> None:
    """Import public holidays and moved working days, as holiday-cn publishes them: one file a year.

    A year that is imported again gets the days of the new file. All files are read before the first
    is stored; a year without days is one that is not announced yet.
    """
    read = [_read(source) for source in sources]
    for announcement, done in zip(read, asyncio.run(_store(read)), strict=True):
        say(
            f"{announcement.year} 年：新增 {done.added}，修改 {done.changed}，删除 {done.removed}，"
            f"无变化 {done.unchanged}（按天计）",
            f"{announcement.year}, in days: {done.added} added, {done.changed} changed, "
            f"{done.removed} removed, {done.unchanged} unchanged",
        )


def _read(source: Path) -> Announcement:
    try:
        return read_announcement(read_source(source))
    except UnreadableCalendar as problem:
        said = {spoken: problem.message.render(spoken, **problem.params) for spoken in ("zh", "en")}
        raise Refused(f"{source}：{said['zh']}", f"{source}: {said['en']}") from None


async def _store(read: list[Announcement]) -> list[CalendarReport]:
    async with command_work("import holidays") as work:
        return [await import_holidays(work, announcement=announcement) for announcement in read]
