"""`python -m app.standin`: the stand-in on a port of its own, until it is interrupted."""

import secrets
from typing import Annotated

import typer

from app.settings import Environment
from app.standin.application import StandInRefused, create_standin
from app.standin.server import STAND_IN_APPID, listen, make_server


def serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8900,
    appid: Annotated[str, typer.Option(envvar="HUIXIN_WECHAT__APPID")] = STAND_IN_APPID,
    secret: Annotated[
        str, typer.Option(envvar="HUIXIN_WECHAT__SECRET", help="Made afresh and shown where it is not set.")
    ] = "",
    environment: Annotated[Environment, typer.Option(envvar="HUIXIN_ENVIRONMENT")] = Environment.development,
) -> None:
    """Stands in for WeChat's server at HOST:PORT."""
    given = secret or secrets.token_hex(16)
    try:
        application = create_standin(appid, given, environment=environment)
    except StandInRefused as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from refusal
    with listen(host, port) as listener:
        typer.echo(f"WeChat stand-in at http://{host}:{listener.getsockname()[1]} for {appid}")
        if not secret:
            typer.echo(f"secret {given}")
        make_server(application).run(sockets=[listener])


if __name__ == "__main__":
    typer.run(serve)
