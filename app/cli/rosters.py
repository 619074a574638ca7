"""`huixin import roster`: the people that an employer vouches for, out of a file."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from app.cli.deployment import command_work
from app.cli.files import SOME_REFUSED, Report, Source, progress_bar, read_source, report_refused
from app.cli.refusals import language, say
from app.clock import civil_day
from app.models.rosters import Roster
from app.services.rosters.delivery import deliver_roster
from app.services.rosters.queries import find_employer
from app.services.rosters.reading import Delivery, read_delivery

app = typer.Typer()

COMMAND = "import roster"


@app.command()
def roster(
    source: Source,
    employer: Annotated[str, typer.Option(help="The employer's name or id.")],
    report: Report = None,
) -> None:
    """Import a roster: name, document_number, phone[, document_type, kind_of_work, vehicle].

    Stored whole or not at all. Whoever is not in the file stays on the roster.
    """
    content = read_source(source)
    stored, delivery = asyncio.run(_deliver(content, employer))
    report_refused(report, delivery.refusals)
    say(
        f"新增 {stored.added}，修改 {stored.changed}，重新在册 {stored.returned}，无变化 {stored.unchanged}，"
        f"拒绝 {stored.refused}（按行计）；通过核验 {stored.verified} 人",
        f"Rows: {stored.added} added, {stored.changed} changed, {stored.returned} returned, "
        f"{stored.unchanged} unchanged, {stored.refused} refused; couriers verified: {stored.verified}",
    )
    if stored.refused:
        raise typer.Exit(SOME_REFUSED)


async def _deliver(content: bytes, employer: str) -> tuple[Roster, Delivery]:
    async with command_work(COMMAND, write=False) as work:
        employer_id: UUID = (await find_employer(work, wanted=employer)).id
    # Read before the transaction that writes: on SQLite nobody else writes meanwhile.
    today = civil_day(work.now, work.settings.zone)
    delivery = read_delivery(content, deployment=work.deployment, today=today)
    with progress_bar() as progress:
        bar = progress.add_task(
            "导入" if language() == "zh" else "Importing",
            total=len(delivery.people) + len(delivery.refusals),
        )
        async with command_work(COMMAND) as work:
            stored = await deliver_roster(
                work,
                employer_id=employer_id,
                delivery=delivery,
                progress=lambda rows: progress.advance(bar, rows),
            )
    return stored, delivery
