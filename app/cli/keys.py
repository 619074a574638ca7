"""`huixin keys`: the signing keys of the code issuer, listed, rotated and withdrawn."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.cli.deployment import command_work
from app.cli.refusals import say
from app.models.keys import SigningKey
from app.services.keys.lifecycle import list_keys, rotate_keys, withdraw_key
from app.services.keys.rules import state_of

app = typer.Typer(no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Signing keys: list, rotate, withdraw."""


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
) -> None:
    """Publish a new key, which takes over a day later, when every scanner knows it."""
    kid, begins = asyncio.run(_rotate(at_once=now))
    say(f"密钥 {kid} 已公布，{begins} 起用于签名。", f"Key {kid} is published and signs from {begins}.")


@app.command()
def withdraw(
    kid: Annotated[str, typer.Argument(help="Key id, e.g. 0a.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit record.")],
    issuer: Annotated[str | None, typer.Option(help="Issuer, where the key is not ours.")] = None,
) -> None:
    """Take a key that leaked out of use for good. Its codes are refused from now on."""
    asyncio.run(_withdraw(kid=kid, reason=reason, issuer=issuer))
    say(f"密钥 {kid} 已撤回。", f"Key {kid} is withdrawn.")


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


async def _withdraw(*, kid: str, reason: str, issuer: str | None) -> None:
    async with command_work("keys withdraw") as work:
        await withdraw_key(work, kid=kid.lower(), reason=reason, issuer=issuer)
