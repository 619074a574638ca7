"""`huixin init`: makes a deployment out of nothing, and repairs one that is half made."""

import asyncio
from contextlib import suppress

import typer
from sqlalchemy import select

from app.cli.deployment import (
    command_work,
    complete_secrets,
    fresh_secrets,
    read_settings,
    write_secrets,
)
from app.cli.migrate import bring_to_head
from app.cli.refusals import Refused, say
from app.database import Database
from app.models.keys import SigningKey
from app.services.areas.tree import plant_areas
from app.services.keys.lifecycle import create_first_key
from app.settings import Settings

app = typer.Typer()


@app.command()
def init() -> None:
    """Make secrets, database, areas and the first signing key. Safe to repeat: it adds what is missing."""
    settings = read_settings()
    _, revision = asyncio.run(bring_to_head(settings.database_url))
    say(f"数据库结构：{revision}", f"Schema: {revision}")
    _make_secrets(settings)
    planted, kid = asyncio.run(_fill())
    say(f"新增区划：{planted}", f"Areas added: {planted}")
    if kid is None:
        say("签名密钥：已有", "Signing key: there already")
    else:
        say(f"签名密钥：{kid}", f"Signing key: {kid}")


def _make_secrets(settings: Settings) -> None:
    path = settings.secrets_file
    if path.exists():
        if added := ", ".join(complete_secrets(settings)):
            say(
                f"密钥文件：{path} 已补充 {added}。请重新备份，并重启服务。",
                f"Secrets: added {added} to {path}. Back it up anew, and restart what runs.",
            )
        else:
            say(f"密钥文件：保留 {path}", f"Secrets: kept {path}")
        return
    if asyncio.run(_is_in_use(settings)):
        raise Refused(
            f"该数据库由另一密钥文件加密，缺少它数据无法读取：请把 {path} 从备份中恢复。",
            f"This database is sealed with other secrets and cannot be read without them: bring {path} back"
            " from a backup.",
        )
    with suppress(FileExistsError):  # another `huixin init` was faster, and its secrets are as good
        write_secrets(path, fresh_secrets())
    say(
        f"密钥文件：{path}。请立即备份到别处：丢失后所有个人信息都无法读取。",
        f"Secrets: {path}. Back it up elsewhere now: without it no personal field can be read again.",
    )


async def _is_in_use(settings: Settings) -> bool:
    """Whether secrets have sealed something in the database; the signing key is always the first."""
    database = Database(settings.database_url)
    try:
        async with database.session(write=False) as session:
            return await session.scalar(select(SigningKey.id).limit(1)) is not None
    finally:
        await database.close()


async def _fill() -> tuple[int, str | None]:
    async with command_work("init") as work:
        planted = await plant_areas(work)
        key = await create_first_key(work)
        return planted, key.kid if key else None
