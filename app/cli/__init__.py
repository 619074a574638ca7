"""The command line `huixin`: what an operator does on the deployment's own machine."""

import sys
from importlib import import_module
from importlib.metadata import version as version_of
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typing_extensions import override

from app.cli.refusals import FAILED, Refused, choose_language, complain, language
from app.database import SchemaBehind
from app.errors import Problem, Text
from app.language import Language

COMMANDS = {
    "init": "app.cli.init",
    "migrate": "app.cli.migrate",
    "serve": "app.cli.serve",
    "worker": "app.cli.worker",
    "demo": "app.cli.demo",
    "keys": "app.cli.keys",
    "staff": "app.cli.staff",
    "import": "app.cli.imports",
    "replay": "app.cli.replay",
    "openapi": "app.cli.openapi",
    "doctor": "app.cli.doctor",
}
"""Each command's module, in the order of `huixin --help`. It is imported when it is called for, since
half of them need the whole application and the others should answer at once."""

COMPLETION = {"install_completion", "show_completion"}
"""Options that typer gives to every command of a module by itself."""


class _Commands(typer.core.TyperGroup):
    """Finds the commands in `COMMANDS`: each module holds a `typer.Typer` named `app`."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        command = typer.main.get_command(import_module(module).app)
        command.name = cmd_name
        command.params = [param for param in command.params if param.name not in COMPLETION]
        return command


cli = typer.Typer(
    name="huixin",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.callback()
def choose(
    lang: Annotated[Language | None, typer.Option(help="Answer in Chinese or English.")] = None,
) -> None:
    """惠新码: the back end of the couriers' code."""
    choose_language(lang)


@cli.command()
def version() -> None:
    """Say which release this is."""
    print(version_of("huixin"))  # noqa: T201 # the answer


def main() -> None:
    """Runs the command line. Whatever its user can mend is said in one sentence, without a traceback."""
    try:
        cli(prog_name="huixin")
    except Refused as refusal:
        complain(refusal.sentence)
    except SchemaBehind as behind:
        complain(
            Text(
                f"数据库结构为 {behind.found or '空'}，本版本需要 {behind.wanted}："
                "请先运行 `huixin migrate`。",
                f"The database schema is at {behind.found or 'nothing'}, and this release needs"
                f" {behind.wanted}: run `huixin migrate` first.",
            )
        )
    except Problem as problem:
        spoken = problem.message.render(language(), **problem.params)
        complain(Text(spoken, spoken))
    except ValidationError as error:
        # Of a value only its place is said: it may be a secret.
        for fault in error.errors(include_input=False, include_url=False):
            place = ".".join(str(part) for part in fault["loc"]) or error.title
            complain(Text(f"{place}：{fault['msg']}", f"{place}: {fault['msg']}"))
    else:
        return
    sys.exit(FAILED)
