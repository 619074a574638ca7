"""`huixin doctor`: says in words what is misconfigured, and what mends it."""

import asyncio
from collections.abc import AsyncIterator

import typer

from app import schema
from app.cli.deployment import read_secrets, read_settings
from app.cli.fitness import Finding, findings
from app.cli.refusals import FAILED, Refused, say
from app.cli.soundness import database_findings
from app.clock import system_clock
from app.database import Database
from app.errors import Unavailable
from app.settings import Settings
from app.work import Actor, Deployment, begin_work

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Say what is misconfigured, each with what mends it. Fails where the application should not run so."""
    if asyncio.run(_examine()):
        raise typer.Exit(FAILED)


async def _examine() -> bool:
    """Says all findings as they come; whether one of them is fatal. Raises what stops the examination."""
    settings = read_settings()
    fatal = False
    sound = True
    async for finding in _all_findings(settings):
        sound = False
        fatal |= finding.fatal
        sign = "✗" if finding.fatal else "!"
        say(f"{sign} {finding.sentence.zh}", f"{sign} {finding.sentence.en}")
    if sound:
        say("✓ 未发现问题", "✓ Nothing is wrong")
    return fatal


async def _all_findings(settings: Settings) -> AsyncIterator[Finding]:
    for finding in findings(settings):
        yield finding
    deployment = Deployment.of(settings, read_secrets(settings))
    database = Database(settings.database_url, pool_size=1)
    try:
        await database.require_schema(schema.head())
        actor = Actor.command("huixin doctor")
        async with begin_work(database, deployment, now=system_clock(), actor=actor, write=False) as work:
            async for finding in database_findings(work):
                yield finding
    except Unavailable:
        raise Refused(
            "无法连接数据库：请检查它是否运行，以及 HUIXIN_DATABASE_URL。",
            "The database cannot be reached: see that it runs, and check HUIXIN_DATABASE_URL.",
        ) from None
    finally:
        await database.close()
