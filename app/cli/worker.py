"""`huixin worker`: runs the schedules, one run of a job at a time however many workers there are."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Annotated
from uuid import UUID

import structlog
import typer

from app import schema
from app.cli.deployment import read_secrets, read_settings
from app.cli.fitness import require_fit
from app.clock import system_clock
from app.database import Database
from app.errors import Unavailable
from app.ids import new_id
from app.logs import configure_logs
from app.services.jobs import SCHEDULES, LeaseLost, Schedule, claim, note_failure, run_piece
from app.work import Actor, Deployment, OpenWork, Work, begin_work

app = typer.Typer()

POLL_SECONDS = 5.0
"""Between two looks at the schedules: a look is a statement a job, and no job is due within minutes."""


@app.command()
def worker(
    once: Annotated[bool, typer.Option("--once", help="Run what is due now and end.")] = False,
) -> None:
    """Run the schedules until SIGTERM, which lets the piece under way finish. Any number may run."""
    configure_logs()
    asyncio.run(_work(once=once))


async def _work(*, once: bool) -> None:
    settings = read_settings()
    require_fit(settings)
    deployment = Deployment.of(settings, read_secrets(settings))
    database = Database(settings.database_url, pool_size=1)

    def open_work() -> AbstractAsyncContextManager[Work]:
        return begin_work(database, deployment, now=system_clock(), actor=Actor.command("huixin worker"))

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    owner = new_id()
    try:
        await database.require_schema(schema.head())
        structlog.get_logger().info("worker_started", owner=str(owner), jobs=len(SCHEDULES))
        while not stop.is_set():
            await run_due(open_work, owner=owner, schedules=SCHEDULES, stop=stop)
            if once:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
    finally:
        await database.close()


async def run_due(
    open_work: OpenWork, *, owner: UUID, schedules: Sequence[Schedule], stop: asyncio.Event
) -> int:
    """Runs whatever of `schedules` is due and free, each to its end or until `stop`; the number of pieces.

    A job that fails is noted, logged and tried again later; it holds up no other. A database that is
    away ends the round, and the next one tries again.
    """
    pieces = 0
    log = structlog.get_logger()
    for schedule in schedules:
        more = True
        while more and not stop.is_set():
            try:
                async with open_work() as work:
                    if not await claim(work, schedule=schedule, owner=owner):
                        break
                async with open_work() as work:
                    more = await run_piece(work, schedule=schedule, owner=owner)
                pieces += 1
            except Unavailable:
                log.warning("job_waits_for_database", job=schedule.name)
                return pieces
            except LeaseLost:
                log.warning("job_lease_lost", job=schedule.name)
                break
            except Exception as error:
                log.exception("job_failed", job=schedule.name)
                with suppress(LeaseLost, Unavailable):
                    async with open_work() as work:
                        await note_failure(work, schedule=schedule, owner=owner, error=error)
                break
    return pieces
