"""`huixin openapi`: writes the description of the API, or says that the committed one is out of date."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from typing_extensions import override

from app.cli.deployment import fresh_secrets
from app.cli.refusals import Refused, say
from app.settings import Settings

app = typer.Typer()

WIDTH = 110
"""Columns of the file, as everywhere in the project."""


class _Defaults(Settings):
    """Settings that nothing from outside changes: the description is the same on every machine."""

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class _Plain(yaml.SafeDumper):
    """YAML without anchors, which many readers of OpenAPI do not follow."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def description() -> str:
    """The OpenAPI 3.1 description of the application, as YAML."""
    from app.main import create_app
    from app.runtime import Runtime

    settings = _Defaults(database_url="sqlite+aiosqlite:///:memory:")
    application = create_app(Runtime.of(settings, fresh_secrets()))
    dumped: str = yaml.dump(
        application.openapi(), Dumper=_Plain, allow_unicode=True, sort_keys=False, width=WIDTH
    )
    return dumped


@app.command()
def openapi(
    path: Annotated[Path, typer.Argument(help="The file.")] = Path("openapi.yaml"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where the file differs.")
    ] = False,
) -> None:
    """Write the description of the API."""
    text = description()
    if not check:
        path.write_text(text, encoding="utf-8")
        say(f"已写入 {path}", f"Written: {path}")
        return
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        raise Refused(
            f"{path} 与程序不一致：请运行 `huixin openapi` 并提交。",
            f"{path} is not what the application says: run `huixin openapi` and commit it.",
        )
    say(f"{path} 与程序一致", f"{path} is what the application says")
