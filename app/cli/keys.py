"""`huixin keys`: the signing keys of the code issuer, those of issuers that it trusts, and statement keys."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.cli.deployment import add_statement_key, command_work
from app.cli.refusals import Refused, say
from app.models.keys import SigningKey
from app.services import audit
from app.services.keys.lifecycle import list_keys, rotate_keys, trust_issuer, withdraw_key
from app.services.keys.rules import state_of

app = typer.Typer(no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Signing keys: list, rotate, withdraw; trust another city's."""


@app.command("list")
def show() -> None:
    """List all keys with what each is for now."""
    table = Table("issuer", "kid", "state", "published", "signs from", "until", "withdrawn because", box=None)
    for row in asyncio.run(_rows()):
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 160).print(table)


@app.command()
def rotate(
    now: Annotated[
        bool, typer.Option("--now", help="Sign with the new key at once instead of in 24 h.")
    ] = False,
    statements: Annotated[
        bool, typer.Option("--statements", help="The key of signed statements instead of that of codes.")
    ] = False,
) -> None:
    """Publish a new key, which takes over a day later, when every scanner knows it.

    With --statements it is added to the secrets file, and signs receipts and bundles of devices from the
    next start on. Those before stay valid while their key is in the file: to withdraw one, take it out.
    """
    if statements:
        if now:
            raise Refused(
                "--now 只用于惠新码的密钥：声明密钥在下次启动时即用于签名。",
                "--now is for keys of codes: a statement key signs from the next start on anyway.",
            )
        added = asyncio.run(_rotate_statements())
        say(
            f"声明密钥 {added} 已写入密钥文件，重启服务后用于签名。请重新备份密钥文件。",
            f"Statement key {added} is in the secrets file and signs once the server has been restarted."
            " Back the file up anew.",
        )
        return
    kid, begins = asyncio.run(_rotate(at_once=now))
    say(f"密钥 {kid} 已公布，{begins} 起用于签名。", f"Key {kid} is published and signs from {begins}.")


@app.command()
def withdraw(
    kid: Annotated[str, typer.Argument(help="Key id, e.g. 0a.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit record.")],
    issuer: Annotated[str | None, typer.Option(help="Issuer, where the key is not ours.")] = None,
) -> None:
    """Take a key that leaked out of use for good: its forgeries are refused, codes of ours checked."""
    asyncio.run(_withdraw(kid=kid, reason=reason, issuer=issuer))
    say(f"密钥 {kid} 已撤回。", f"Key {kid} is withdrawn.")


@app.command()
def trust(
    issuer: Annotated[str, typer.Argument(help="The other city, e.g. 5101.")],
    file: Annotated[
        Path,
        typer.Argument(help="Its key set (JWKS), confirmed by its people.", exists=True, dir_okay=False),
    ],
) -> None:
    """Recognise the codes of another city: its couriers are shown to guards as from elsewhere.

    Again with a newer file adds its new keys. One that its city withdrew: `huixin keys withdraw --issuer`.
    """
    try:
        key_set = json.loads(file.read_bytes())
    except ValueError:
        raise Refused(f"{file} 不是 JSON。", f"{file} is not JSON.") from None
    kids = " ".join(asyncio.run(_trust(issuer=issuer, key_set=key_set))) or "—"
    say(f"已信任 {issuer} 的密钥，新增：{kids}。", f"Keys of {issuer} are trusted; new: {kids}.")


async def _rows() -> list[tuple[str, ...]]:
    async with command_work("keys list", write=False) as work:
        return [
            (
                key.issuer,
                key.kid,
                state_of(key, work.now).value,
                f"{key.published_at:%Y-%m-%d %H:%M}Z",
                f"{key.active_from:%Y-%m-%d %H:%M}Z",
                f"{key.retires_at:%Y-%m-%d %H:%M}Z" if key.retires_at else "",
                key.withdrawn_reason or "",
            )
            for key in await list_keys(work)
        ]


async def _rotate(*, at_once: bool) -> tuple[str, str]:
    async with command_work("keys rotate") as work:
        key: SigningKey = await rotate_keys(work, at_once=at_once)
        return key.kid, f"{key.active_from:%Y-%m-%d %H:%M}Z"


async def _rotate_statements() -> str:
    async with command_work("keys rotate") as work:
        kid = add_statement_key(work.settings)
        audit.record(work, "keys.created", subject_kind="statement_key", subject_id=kid)
        return kid


async def _withdraw(*, kid: str, reason: str, issuer: str | None) -> None:
    async with command_work("keys withdraw") as work:
        await withdraw_key(work, kid=kid.lower(), reason=reason, issuer=issuer)


async def _trust(*, issuer: str, key_set: object) -> list[str]:
    async with command_work("keys trust") as work:
        return [key.kid for key in await trust_issuer(work, issuer=issuer, key_set=key_set)]
