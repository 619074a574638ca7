"""`huixin staff` makes the first accounts and lets back in who is locked out."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from app import schema
from app.cli.deployment import command_work, write_secrets
from app.cli.refusals import Refused
from app.cli.staff import app
from app.database import Database
from app.errors import NotFound
from app.models.accounts import Account, Grant
from app.models.audit import AuditRecord
from app.services.accounts.digests import secret_digest
from app.services.accounts.errors import LoginTaken, RolesIncompatible
from app.work import Work
from tests.factories.settings import make_secrets

T = TypeVar("T")


@pytest.fixture
def _deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migrated deployment in a folder of its own, said to the command as an operator says it."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'huixin.db'}"
    write_secrets(tmp_path / "secrets.json", make_secrets())
    monkeypatch.setenv("HUIXIN_DATABASE_URL", url)
    monkeypatch.setenv("HUIXIN_SECRETS_FILE", str(tmp_path / "secrets.json"))
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")

    async def migrate() -> None:
        database = Database(url)
        await schema.migrate(database)
        await database.close()

    asyncio.run(migrate())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def ask(question: Callable[[Work], Awaitable[T]]) -> T:
    async def answer() -> T:
        async with command_work("test", write=False) as work:
            return await question(work)

    return asyncio.run(answer())


@pytest.mark.usefixtures("_deployment")
def test_an_account_is_created_and_reset() -> None:
    made = run("create", "wang.min", "--role", "security_admin", "--role", "reviewer")
    assert made.exit_code == 0, made.exception
    assert "shown once" in made.output
    secret = made.output.splitlines()[1]

    async def stored(work: Work) -> tuple[Account, set[str]]:
        account = (await work.session.scalars(select(Account))).one()
        return account, set(await work.session.scalars(select(Grant.role)))

    account, roles = ask(stored)
    assert (account.login, account.setup_digest) == ("wang.min", secret_digest(secret))
    assert roles == {"security_admin", "reviewer"}

    reset = run("reset", "wang.min", "--reason", "手机遗失")
    assert reset.exit_code == 0, reset.exception
    account, _ = ask(stored)
    assert account.setup_digest == secret_digest(reset.output.splitlines()[1])

    async def actors(work: Work) -> set[str]:
        return set(await work.session.scalars(select(AuditRecord.actor)))

    assert ask(actors) == {"huixin staff create", "huixin staff reset"}


@pytest.mark.usefixtures("_deployment")
@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("create", "Wang Min", "--role", "operator"), Refused),
        (("create", "li.hua", "--role", "guard"), Refused),
        (("create", "li.hua", "--role", "operator", "--role", "auditor"), RolesIncompatible),
        (("create", "li.hua", "--role", "registrar:999999"), NotFound),
        (("create", "taken", "--role", "operator"), LoginTaken),
        (("reset", "nobody", "--reason", "x"), NotFound),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    arguments: tuple[str, ...], refusal: type[Exception]
) -> None:
    run("create", "taken", "--role", "operator")
    refused = run(*arguments)
    assert isinstance(refused.exception, refusal)

    async def logins(work: Work) -> list[str | None]:
        return list(await work.session.scalars(select(Account.login)))

    assert ask(logins) == ["taken"]
