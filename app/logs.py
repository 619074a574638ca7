"""Logs as JSON lines: who asked for what when, and never a personal datum, a code or a token."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger
from typing_extensions import override

from app.clock import from_epoch

SECRETS = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[1-9]\d{16}[0-9Xx]"  # GB 11643 resident ID number
    r"|(?:\+?86)?1[3-9]\d{9}"  # mainland mobile phone
    r"|[A-Z2-7]{140}"  # the base32 of a code
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWS
    r"|[\w-]{43}"  # 256 bits in base64url: refresh tokens, invitations
    r")(?![0-9A-Za-z])",
    re.ASCII,
)
"""The last line of defence. Nothing that matches should reach a log call in the first place."""

SHORTEST_SECRET = 11
"""Characters of a phone number; most of a log line is shorter, and every request writes one."""

STRUCK = "[struck]"

PLAIN_SPEAKERS = ("uvicorn", "alembic", "app")
"""Loggers whose messages are known to hold no data of people. Of others only the template is kept:
asyncio and drivers put the repr of an exception, and so what it is about, into their messages."""

QUIET = ("httpx", "httpcore", "sqlalchemy", "aiosqlite", "asyncio", "PIL")
"""Libraries that log URLs, statements or parameters below WARNING."""

DEEPEST_CAUSE = 5
"""Exceptions named in one chain; the first few tell what happened."""

DEEPEST_FRAME = 30
"""Innermost frames kept of a traceback."""


def configure_logs(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that is logged, by structlog or the standard library, to `stream` as JSON lines.

    The default is standard output. Called once by each process before it does anything else.
    """
    target = stream or sys.stdout
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            describe_exception,
            strike_secrets,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by types and places. Messages and local values are about people; both stay out."""
    given = event.pop("exc_info", None)
    exception = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(exception, BaseException):
        event["fault"] = outline(exception)
    return event


def outline(exception: BaseException) -> list[dict[str, Any]]:
    """The chain of `exception` and its causes: for each the type and `file:line function` of its frames."""
    chain: list[dict[str, Any]] = []
    current: BaseException | None = exception
    while current is not None and len(chain) < DEEPEST_CAUSE:
        frames = traceback.extract_tb(current.__traceback__)[-DEEPEST_FRAME:]
        chain.append(
            {
                "type": f"{type(current).__module__}.{type(current).__qualname__}",
                "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            }
        )
        if isinstance(current, BaseExceptionGroup):
            chain[-1]["members"] = [type(member).__qualname__ for member in current.exceptions]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def strike_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Strike out what looks like an ID number, a phone number, a code or a token."""
    return {key: _struck(value) for key, value in event.items()}


def _struck(value: Any) -> Any:
    match value:
        case str():
            return SECRETS.sub(STRUCK, value) if len(value) >= SHORTEST_SECRET else value
        case Mapping():
            return {key: _struck(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_struck(inner) for inner in value]
        case _:
            return value


def _to_json(event: EventDict, default: Any = str, **_: Any) -> str:
    return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()


class _JsonFormatter(logging.Formatter):
    """The same lines for what libraries log through the standard library."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        plain = record.name.partition(".")[0] in PLAIN_SPEAKERS
        message = record.getMessage() if plain else str(record.msg)
        event: EventDict = {
            **structlog.contextvars.get_contextvars(),
            "event": message.partition("\n")[0],
            "logger": record.name,
            "level": record.levelname.lower(),
            "time": _iso(record.created),
        }
        if record.exc_info and record.exc_info[1] is not None:
            event["fault"] = outline(record.exc_info[1])
        return _to_json(strike_secrets(None, record.levelname, event))


def _iso(epoch: float) -> str:
    return from_epoch(epoch).isoformat(timespec="microseconds").replace("+00:00", "Z")
