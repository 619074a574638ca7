"""`huixin demo`: shows the product on this machine, from the first sign-in to the entry in the list."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from app.cli.deployment import read_settings
from app.cli.refusals import Refused
from app.cli.walk import SECURITY, StepFailed, Walk, Walked
from app.clock import system_clock
from app.settings import Environment
from app.standin.remote import StandIn
from app.standin.server import run_standin

app = typer.Typer()

HOST = "127.0.0.1"
PORT = 8000
START_SECONDS = 60
"""A server that has not come up by then will not."""
STOP_SECONDS = 30
"""Longer than the server gives requests under way."""
TOKEN_SECONDS = 3600
"""The longest life of an access token, so that one can be tried out at leisure."""
COMMAND = (sys.executable, "-c", "from app.cli import main; main()", "--lang", "en")
"""`huixin`, wherever it is installed."""


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the walk.")] = False,
) -> None:
    """Show it all on this machine: server, stand-in for WeChat, and a walk through a small district.

    Everything lives in a temporary folder. With HUIXIN_DATABASE_URL in the environment it uses that
    database, which must be empty.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server goes with us
    if read_settings().in_production:
        raise Refused(
            "生产环境中不能演示：请在另一台机器上运行。",
            "Production is no place for a demo: run it on another machine.",
        )
    console = Console(highlight=False)
    with (
        tempfile.TemporaryDirectory(prefix="huixin-demo-") as name,
        run_standin(environment=Environment.development) as standin,
    ):
        folder, port = Path(name), _free_port()
        url = f"http://{HOST}:{port}"
        environment = _environment(folder, url, standin)
        _huixin(environment, folder, "init")
        setup_secret = _huixin(environment, folder, "staff", "create", SECURITY, "--role", "security_admin")
        with _serving(environment, folder, port), httpx.Client(base_url=url, trust_env=False) as http:
            _await_ready(http, folder)
            console.print(f"服务 Server      {url}")
            console.print(f"微信替身 WeChat  {standin.base_url}\n")
            walk = Walk(http, standin, console, link_prefix=f"{url}/c/", clock=system_clock)
            try:
                walked = walk.go(setup_secret)
            except (StepFailed, httpx.HTTPError) as failure:
                raise Refused(f"演示中断：{failure}", f"The demo has stopped: {failure}") from None
            console.print("\n[bold green]完成 Done[/]")
            if not once:
                _stay(console, url, walked)


def _environment(folder: Path, url: str, standin: StandIn) -> dict[str, str]:
    """What the commands of the demo's deployment run in: nothing of another deployment's settings but
    the database that was asked for.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUIXIN_")}
    return kept | {
        "HUIXIN_DATABASE_URL": os.environ.get("HUIXIN_DATABASE_URL", f"sqlite+aiosqlite:///{folder}/demo.db"),
        "HUIXIN_SECRETS_FILE": f"{folder}/secrets.json",
        "HUIXIN_LINK_PREFIX": f"{url}/c/",
        "HUIXIN_ACCESS_TOKEN_SECONDS": str(TOKEN_SECONDS),
        "HUIXIN_WECHAT__BASE_URL": standin.base_url,
        "HUIXIN_WECHAT__APPID": standin.appid,
        "HUIXIN_WECHAT__SECRET": standin.secret,
    }


def _free_port() -> int:
    """The usual port, or another where that is taken."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Refused("本机没有空闲端口。", "This machine has no free port.")


def _huixin(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    """Runs a command of the demo's deployment; the line of its output that is a secret, if any."""
    run = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise Refused(f"{arguments[0]}：{run.stderr.strip()}", f"{arguments[0]}: {run.stderr.strip()}")
    return next((line for line in run.stdout.splitlines() if " " not in line), "")


@contextmanager
def _serving(environment: dict[str, str], folder: Path, port: int) -> Iterator[None]:
    """Runs `huixin serve` beside us; what it logs goes to a file."""
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, "serve", "--host", HOST, "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we end the server afterwards
        )
        try:
            yield
        finally:
            server.terminate()
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_ready(http: httpx.Client, folder: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        try:
            if http.get("/health/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    log = (folder / "server.log").read_text("utf-8", "replace")[-2000:]
    raise Refused(f"服务没有启动：\n{log}", f"The server did not start:\n{log}")


def _stay(console: Console, url: str, walked: Walked) -> None:
    """Leaves everything up until Ctrl-C."""
    console.print(f"""
接口文档 API documentation  [link={url}/docs]{url}/docs[/link]
按 Ctrl-C 结束 Ctrl-C stops

试一试（令牌一小时内有效） Try it (tokens are good for an hour):
""")
    for who, path, token in (
        ("劳动者 courier", "/v1/couriers/me", walked.courier),
        ("劳动者 courier", "/v1/couriers/me/entries", walked.courier),
        ("保安 guard", "/v1/shifts/current", walked.guard),
        ("保安 guard", f"/v1/gates/{walked.gate_id}/differences?ticked=true", walked.guard),
        ("设备 device", "/v1/devices/current/bundle?counter=2", walked.device),
        ("物业 manager", f"/v1/compounds/{walked.compound_id}/presence", walked.property_manager),
        ("物业 manager", f"/v1/compounds/{walked.compound_id}/entries", walked.property_manager),
        ("登记员 registrar", "/v1/employers", walked.registrar),
    ):
        call = f"curl -H 'Authorization: Bearer {token}' '{url}{path}'"
        console.print(f"# {who}\n{call}\n", soft_wrap=True, markup=False)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("\n已结束 Stopped")
