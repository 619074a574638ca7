"""`huixin serve`: the application over HTTP, in one process or several."""

import asyncio
import gc
import os
import signal
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from app import schema
from app.cli.deployment import read_secrets, read_settings
from app.cli.fitness import require_fit
from app.cli.refusals import FAILED, Refused
from app.database import Database
from app.logs import configure_logs
from app.settings import METRICS_FOLDER, Secrets, Settings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Config

app = typer.Typer()

BACKLOG = 2048
"""Connections that wait to be accepted: a second's worth of a city's burst (630/s) with room to spare."""

MOST_WORKERS = 64
"""More than the cores of any machine that this is for."""

COLLECTED_EVERY = 10_000
"""Objects made and not freed until cycles among them are looked for. A request leaves hardly any, and
Python's own 700 had them looked for dozens of times a second.
"""


def _build(settings: Settings, secrets: Secrets) -> "FastAPI":
    """The application of this deployment. It is built once, whatever the number of workers."""
    gc.disable()  # what is made from here on stays
    from app.main import create_app
    from app.runtime import Runtime

    built = create_app(Runtime.of(settings, secrets))
    _spare_what_stays()
    gc.enable()
    return built


def _spare_what_stays() -> None:
    """Keeps the garbage collector off what the application is made of, a quarter of a million objects.

    Walking them stopped every request for 150 ms at a time, and took a twelfth of a worker under load.
    What little garbage building it left (some hundred objects) stays with them.
    """
    gc.freeze()
    gc.set_threshold(COLLECTED_EVERY)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one and says which.")
    ] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, max=MOST_WORKERS, help="Processes. SQLite is best served by one.")
    ] = 1,
) -> None:
    """Serve the application until SIGTERM, which lets requests under way finish."""
    configure_logs()
    # Until there is something to stop; uvicorn, once it has, repeats the signal that stopped it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    settings = read_settings()
    require_fit(settings)
    secrets = read_secrets(settings)
    asyncio.run(_require_schema(settings))
    listener = _listen(host, port)
    if workers == 1:
        _run_alone(_build(settings, secrets), listener)
        return
    with tempfile.TemporaryDirectory(prefix="huixin-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder
        _run_several(_build(settings, secrets), listener, workers)


async def _require_schema(settings: Settings) -> None:
    database = Database(settings.database_url)
    try:
        await database.require_schema(schema.head())
    finally:
        await database.close()


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket, bound before anything else so that its failure is one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise Refused(
            f"无法监听 {host} 端口 {port}：{error.strerror}。请用 --host 或 --port 另选。",
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose others with --host and --port.",
        ) from None
    listener.set_inheritable(True)
    return listener


def _run_alone(built: "FastAPI", listener: socket.socket) -> None:
    import uvicorn

    server = uvicorn.Server(_configured(built, listener, workers=1))
    server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(FAILED)


def _run_several(built: "FastAPI", listener: socket.socket, workers: int) -> None:
    from app.cli.supervisor import Supervisor

    supervisor = Supervisor(_configured(built, listener, workers=workers), [listener], most=MOST_WORKERS)
    try:
        supervisor.run()
    except BaseException:
        supervisor.terminate_all()
        supervisor.join_all()
        raise
    if supervisor.failed:
        raise typer.Exit(FAILED)


def _configured(built: "FastAPI", listener: socket.socket, *, workers: int) -> "Config":
    """How it is served; says where."""
    from app.protocol import server_config

    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    structlog.get_logger().info("listening", url=url, workers=workers)
    return server_config(built, host=host, port=port, workers=workers)
