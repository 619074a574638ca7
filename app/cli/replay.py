"""`huixin replay`: sends a day of movements through the application, and reports what came of each row."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.cli.deployment import read_secrets, read_settings
from app.cli.files import progress_bar
from app.cli.refusals import Refused, language, say
from app.database import Database
from app.replay.caller import ApplicationFailed
from app.replay.movements import BadFile, Movements
from app.replay.rendering import DecoderMissing, Rendering
from app.replay.report import Report
from app.replay.sandbox import NotASandbox, replay_secrets, replay_settings
from app.settings import Secrets, Settings

app = typer.Typer()

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
"""What may stand before `://`, and what it means here."""


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="CSV, also gzipped: courier_id, event_time, place.")],
    report: Annotated[Path, typer.Option(help="Where to write the report, as JSON.")],
    database: Annotated[
        str | None,
        typer.Option(help="An empty database, or one of an earlier replay. Without: a temporary one."),
    ] = None,
    render: Annotated[
        int | None, typer.Option(min=1, help="Draw every N-th code and read it back before it is scanned.")
    ] = None,
) -> None:
    """Send movements through the application: mint, scan and store each at its own time. Not in production.

    Couriers and compounds are made up as they are needed. The same file on the same database again
    stores nothing twice.
    """
    settings = read_settings()
    if settings.in_production:
        raise Refused(
            "生产环境中不能回放：请在另一台机器上运行。",
            "Production is no place for a replay: run it on another machine.",
        )
    if not report.absolute().parent.is_dir():
        raise Refused(f"没有文件夹 {report.parent}。", f"There is no folder {report.parent}.")
    with tempfile.TemporaryDirectory(prefix="huixin-replay-") as folder:
        url = _read_url(database) if database else f"sqlite+aiosqlite:///{folder}/replay.db"
        settings = replay_settings(settings, url)
        try:
            rendering = Rendering(render, prefix=settings.link_prefix) if render else None
            with Movements(file) as movements, _progress(len(movements)) as on_progress:
                result = asyncio.run(_replay(movements, settings, rendering, on_progress))
        except (BadFile, NotASandbox) as refusal:
            raise Refused(*refusal.sentence) from None
        except DecoderMissing:
            raise Refused(
                "--render 需要 zxing-cpp：请运行 `pip install 'huixin[replay]'`。",
                "--render needs zxing-cpp: run `pip install 'huixin[replay]'`.",
            ) from None
        except ApplicationFailed as failure:
            raise Refused(
                f"程序对某一行回答了 {failure.status}（{failure.code}），回放已停止。",
                f"The application answered {failure.status} ({failure.code}); the replay has stopped.",
            ) from None
        except (DBAPIError, asyncpg.PostgresError) as error:
            why = error.orig if isinstance(error, DBAPIError) else error
            raise Refused(f"数据库出错：{why}。", f"The database failed: {why}.") from None
    report.write_text(result.to_json(), encoding="utf-8")
    _tell(result, report)


async def _replay(
    movements: Movements, settings: Settings, rendering: Rendering | None, on_progress: Callable[[], None]
) -> Report:
    from app.logs import configure_logs
    from app.replay.run import replay as run
    from app.replay.sandbox import open_sandbox

    configure_logs("WARNING", sys.stderr)
    os.umask(0o077)
    database = Database(settings.database_url)
    try:
        deployment = await open_sandbox(database, settings, _secrets(settings))
        return await run(
            movements,
            database=database,
            deployment=deployment,
            rendering=rendering,
            on_progress=on_progress,
        )
    finally:
        await database.close()


def _secrets(settings: Settings) -> Iterator[Secrets]:
    """Those of replays, and those of the deployment, by which `huixin init` may have made the database."""
    yield replay_secrets()
    if settings.secrets_file.exists():
        yield read_secrets(settings)


def _read_url(text: str) -> str:
    try:
        url = make_url(text)
        return url.set(drivername=DRIVERS[url.drivername]).render_as_string(hide_password=False)
    except (ArgumentError, KeyError):
        raise Refused(
            "--database 应为 sqlite:///路径 或 postgresql://用户@主机/名称。",
            "--database must be sqlite:///path or postgresql://user@host/name.",
        ) from None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    with progress_bar() as bar:
        task = bar.add_task("回放" if language() == "zh" else "Replay", total=total)
        yield lambda: bar.advance(task)


def _tell(result: Report, report: Path) -> None:
    refused = result.refused.total()
    say(
        f"{result.rows} 行：放行 {result.admitted}，核对 {result.checked}，拒绝 {refused}，"
        f"跳过 {len(result.skipped)}；新增通行记录 {result.entries_stored}；{result.seconds:.1f} 秒。"
        f"报告：{report}",
        f"{result.rows} rows: {result.admitted} admitted, {result.checked} checked, {refused} refused,"
        f" {len(result.skipped)} skipped; {result.entries_stored} entries stored in {result.seconds:.1f} s."
        f" Report: {report}",
    )
