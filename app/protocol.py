"""The HTTP server: uvicorn with the time and size limits that it lacks before a request has begun."""

import asyncio
import os
import resource
from typing import Any

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.problems import bare_answer
from app.api.refusals import BadRequest, HeadersTooLarge, Overloaded, RequestTimeout
from app.api.walls import Door
from app.errors import Problem

HEADER_SECONDS = 10.0
"""From the first byte, or from connecting, to the end of the headers."""

HEADER_BYTES = 32 * 1024
"""Gathered after the first packet while request line and headers are incomplete. Ours need 3 KB."""

LINGER_SECONDS = 2.0
"""How long the rest of a body is read and dropped after its refusal, so that the client reads the
answer instead of a reset connection."""

CONNECTIONS = 4096
"""Open connections of one process: eight for each request that may be under way, as most are idle between
two. If all of them drip in headers as long as they may, these are 128 MB."""

RESERVED_FILES = 128
"""Open files kept for everything but client connections: databases, logs, listening sockets."""

PARTING_SECONDS = 20
"""After a stop signal, requests under way may take so long to finish."""

KEEP_ALIVE_SECONDS = 15
"""A connection without a request is closed after so long: longer than the pauses within a queue."""

FLUSH_SECONDS = 60.0
"""How long a connection that is closed may take to fetch the rest of its answer, as over a poor network."""

LEFT_BYTES = 4096
"""Of a request that waits at the door unread. Ours have 1 KB; with all connections these are 16 MB."""

TIMER_STEP = 0.001
"""Seconds. uvloop counts in milliseconds, and makes no timer for less."""

TURNED_AWAY = bare_answer(Overloaded(), last=False)
TURNED_AWAY_AND_CLOSED = bare_answer(Overloaded())


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, with the limits of `Connection`."""

    def __init__(
        self, app: Any, *, header_seconds: float, flush_seconds: float, connections: int, **options: Any
    ) -> None:
        super().__init__(app, **options)
        self.header_seconds = header_seconds
        self.flush_seconds = flush_seconds
        self.connections = connections


def server_config(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    fd: int | None = None,
    workers: int = 1,
    root_path: str = "",
    header_seconds: float = HEADER_SECONDS,
    flush_seconds: float = FLUSH_SECONDS,
    connections: int = CONNECTIONS,
    parting_seconds: int = PARTING_SECONDS,
) -> ServerConfig:
    """How the application is served.

    `connections` are open connections of one process, cut to what the open file limit leaves.
    Logs are ours (`configure_logs`), and so are proxies: uvicorn's own readers of both are off.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ServerConfig(
        app,
        header_seconds=header_seconds,
        flush_seconds=flush_seconds,
        connections=max(1, min(connections, files - RESERVED_FILES)),
        host=host,
        port=port,
        fd=fd,
        workers=workers,
        root_path=root_path,
        http=Connection,
        loop="uvloop" if os.name == "posix" else "asyncio",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=parting_seconds,
    )


class Connection(HttpToolsProtocol):
    """One client connection, on which some clock runs whenever no request is being answered.

    uvicorn waits for ever for a first byte, for the end of headers, and for the rest of a body
    whose request has been answered. Here each of them has a deadline, counted in total and not
    from the last byte, so that dripping does not help.
    """

    def __init__(self, config: uvicorn.Config, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self._header_seconds: float = getattr(config, "header_seconds", HEADER_SECONDS)
        self._flush_seconds: float = getattr(config, "flush_seconds", FLUSH_SECONDS)
        self._most: int | None = getattr(config, "connections", None)
        # When the clock runs out, by the loop's time; the timer may be set for earlier.
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked = False
        self._in_headers = False
        self._just_begun = False
        self._header_bytes = 0
        # Of the application, where it has one: whatever else is served takes all that comes.
        self._door: Door | None = getattr(getattr(config.loaded_app, "state", None), "door", None)
        self._turned_away = False
        self._left = b""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._most is not None and len(self.connections) > self._most:
            self._refuse(Overloaded())
        else:
            self._start(self._header_seconds)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._left = b""
        self._stop()
        self._set_timer()
        super().connection_lost(exc)

    @override
    def eof_received(self) -> None:
        self._read_left()  # who sends no more is still told
        super().eof_received()

    @override
    def shutdown(self) -> None:
        self._read_left()
        super().shutdown()

    @override
    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._waits(data):
            self._left = data
            return
        left, self._left = self._left, b""
        self._read(left + data)

    def _waits(self, data: bytes) -> bool:
        """Leaves the beginning of a request unread, for a moment, where there is no room for it."""
        if self._door is None or not self._door.is_full or self._left or not self._idle():
            return False
        if len(data) > LEFT_BYTES:
            return False
        self._unset_keepalive_if_required()
        self._door.wait(self._read_left)
        return True

    def _read_left(self) -> None:
        left, self._left = self._left, b""
        if left and not self.transport.is_closing():
            self._read(left)

    def _read(self, data: bytes) -> None:
        self._just_begun = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._turned_away:
            self._start_unless_set(LINGER_SECONDS)
        elif self._awaiting_headers():
            if not self._just_begun:
                self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                self._refuse(HeadersTooLarge())
            else:
                self._start_unless_set(self._header_seconds)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._just_begun = True
        self._header_bytes = 0

    @override
    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        self._stop()
        if self._turn_away():
            return
        super().on_headers_complete()
        self._asked = True

    @override
    def on_body(self, body: bytes) -> None:
        if not self._turned_away:
            super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if self._turned_away:
            self._turned_away = False
            self._stop()
            return
        unread = self._unread()
        super().on_message_complete()
        # What stands behind another request of its connection takes no room yet.
        if self._door is not None and not (unread or self.pipeline):
            self._door.expect()
        if unread:
            # The rest of an answered request's body has come after all.
            self.cycle.more_body = False
            self._stop()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
            return
        if self.pipeline or self.flow.write_paused:
            self.flow.pause_reading()  # uvicorn would read on, however much has come already
        if self._unread():
            self._unset_keepalive_if_required()
            self._start(LINGER_SECONDS)

    @override
    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._close()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()  # who does not read what it is told may not ask on

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.pipeline:
            self.flow.resume_reading()

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(BadRequest())

    def _turn_away(self) -> bool:
        """Refuses the request whose headers have come where too many are under way already."""
        if self._door is None or self._answering() or self._unread():
            return False
        if not self._door.turns_away_early(self.url.partition(b"?")[0].decode("latin-1")):
            return False
        self._turned_away = True
        if self._goes_on():
            self.transport.write(TURNED_AWAY)
        else:
            self.transport.write(TURNED_AWAY_AND_CLOSED)
            self._close()
        return True

    def _goes_on(self) -> bool:
        """Whether the next request can follow the refusal of this one, which has a body."""
        if self.expect_100_continue or self.parser.get_method() == b"HEAD":
            return False
        return bool(self.parser.should_keep_alive())

    def _awaiting_headers(self) -> bool:
        return self._in_headers or self._idle()

    def _idle(self) -> bool:
        return not (self._in_headers or self._answering() or self._unread() or self._turned_away)

    def _answering(self) -> bool:
        return self._asked and not self.cycle.response_complete

    def _unread(self) -> bool:
        return self._asked and self.cycle.response_complete and self.cycle.more_body

    def _start(self, seconds: float) -> None:
        """Sets the clock; one that ran is forgotten."""
        self._due = self.loop.time() + seconds
        if self._timer is None or self._timer.when() > self._due:
            self._set_timer()

    def _start_unless_set(self, seconds: float) -> None:
        if self._due is None:
            self._start(seconds)

    def _stop(self) -> None:
        # The timer stays: to set one costs as much as a fifth of a refusal, and mostly it finds nothing due.
        self._due = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._due is None else self.loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is not None and self._due > self.loop.time() + TIMER_STEP:
            self._set_timer()
        elif self._due is not None:
            self._expire()

    def _expire(self) -> None:
        self._due = None
        if self.transport.is_closing():
            self.transport.abort()
            return
        if self._left:
            self._read_left()  # it came in time, and what becomes of it has its own clock
        elif self._answering():
            # A pipelined request drips in behind one that is being answered: let that one finish.
            self._start(self._header_seconds)
        elif self._in_headers:
            self._refuse(RequestTimeout())
        else:
            self._close()

    def _close(self) -> None:
        """Closes the connection, once all that was written has been fetched."""
        self.transport.close()
        if self in self.connections:  # it is not lost already
            self._start(self._flush_seconds)

    def _refuse(self, problem: Problem) -> None:
        self._stop()
        if not self._answering():
            # Otherwise it would run into the answer that is under way.
            self.transport.write(bare_answer(problem))
        self._close()
