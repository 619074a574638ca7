"""`huixin staff`: the first staff accounts, and the way back in for one who is locked out."""

import asyncio
import re
from typing import Annotated

import typer

from app.cli.deployment import command_work
from app.cli.refusals import Refused, say
from app.models.accounts import Role, ScopeKind
from app.services.accounts.rules import GIVER, LOGIN
from app.services.accounts.staff import create_staff, find_staff, reset_staff
from app.work import Scope

app = typer.Typer(no_args_is_help=True)

GRANTED = sorted(role.value for role, giver in GIVER.items() if giver is Role.security_admin)
"""Roles that staff hold; the others are given by invitation."""


@app.callback()
def staff() -> None:
    """Staff accounts: create, reset."""


@app.command()
def create(
    login: Annotated[str, typer.Argument(help="What the person signs in with.")],
    role: Annotated[
        list[str],
        typer.Option(help=f"One of {', '.join(GRANTED)}; with `role:path` within an area. May be repeated."),
    ],
) -> None:
    """Create a staff account and print the setup secret with which its owner sets a password."""
    if not re.fullmatch(LOGIN, login):
        raise Refused(
            f"登录名 {login} 不合规：4 至 64 个小写字母、数字、点、下划线或连字符。",
            f"The login {login} will not do: 4 to 64 small letters, digits, dots, underscores and hyphens.",
        )
    grants = [_read_grant(text) for text in role]
    _show(login, asyncio.run(_create(login, grants)))


@app.command()
def reset(
    login: Annotated[str, typer.Argument(help="The login of the account.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit record.")],
) -> None:
    """Take password and second factor away, end all sign-ins, and print a new setup secret."""
    _show(login, asyncio.run(_reset(login, reason)))


async def _create(login: str, grants: list[tuple[Role, Scope]]) -> str:
    async with command_work("staff create") as work:
        _, secret = await create_staff(work, login=login, grants=grants)
    return secret


async def _reset(login: str, reason: str) -> str:
    async with command_work("staff reset") as work:
        account = await find_staff(work, login=login)
        return await reset_staff(work, account_id=account.id, reason=reason)


def _read_grant(text: str) -> tuple[Role, Scope]:
    name, _, path = text.partition(":")
    if name not in GRANTED:
        raise Refused(
            f"没有可授予员工的角色 {name}，可选：{', '.join(GRANTED)}。",
            f"Staff hold no role {name}. Choose from: {', '.join(GRANTED)}.",
        )
    return Role(name), Scope(ScopeKind.area, path) if path else Scope.everywhere()


def _show(login: str, secret: str) -> None:
    say(
        f"账号 {login} 的设置凭证（仅显示一次，72 小时内有效）：",
        f"Setup secret of {login} (shown once, good for 72 hours):",
    )
    say(secret, secret)
    say(
        "由本人调用 POST /v1/staff/passwords 设置密码。",
        "Its owner sets the password with it at POST /v1/staff/passwords.",
    )
