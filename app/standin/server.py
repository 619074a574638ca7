"""The stand-in as a server of its own: on a free port of this machine, or on the one that is asked for."""

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.clock import Clock, system_clock
from app.settings import Environment
from app.standin.application import create_standin
from app.standin.remote import StandIn

STAND_IN_APPID = "wx5a17d00000000001"
"""Of the form that WeChat gives, with zeros that show that it did not."""
START_SECONDS = 10


class Protocol(H11Protocol):
    """Hands the connection to the application, so that a fault can reset it."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def make_server(application: Starlette) -> uvicorn.Server:
    """The server: no access log, since WeChat's addresses carry secrets."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            http=Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            proxy_headers=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )


@contextmanager
def run_standin(
    *, environment: Environment, appid: str = STAND_IN_APPID, clock: Clock = system_clock
) -> Iterator[StandIn]:
    """Runs the stand-in on a free loopback port, in a thread with a loop of its own, until the block ends.

    Its secret is made afresh. Raises StandInRefused in production.
    """
    secret = secrets.token_hex(16)
    application = create_standin(appid, secret, environment=environment, clock=clock)
    with listen("127.0.0.1", 0) as listener:
        server = make_server(application)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="wechat-standin")
        thread.start()
        try:
            give_up = time.monotonic() + START_SECONDS
            while not server.started:
                if not thread.is_alive() or time.monotonic() > give_up:
                    raise RuntimeError("the stand-in for WeChat did not start")
                time.sleep(0.005)
            host, port = listener.getsockname()
            with StandIn(f"http://{host}:{port}", appid=appid, secret=secret) as standin:
                yield standin
        finally:
            server.should_exit = True
            thread.join()
