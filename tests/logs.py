"""What is logged while a test runs, with everything about logging put back afterwards."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.logs import PLAIN_SPEAKERS, QUIET, configure_logs


@contextmanager
def captured_logs(level: str = "DEBUG") -> Iterator[io.StringIO]:
    """The JSON lines that an application made inside writes, and those of the standard library."""
    root = logging.getLogger()
    handlers, root_level = root.handlers[:], root.level
    others = [logging.getLogger(name) for name in (*QUIET, *PLAIN_SPEAKERS, "uvicorn.error")]
    before = [(each.level, each.propagate, each.disabled, each.handlers[:]) for each in others]
    for each in others:
        each.propagate, each.disabled, each.handlers[:] = True, False, []
        each.setLevel(logging.NOTSET)
    stream = io.StringIO()
    configure_logs(level, stream)
    try:
        yield stream
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(root_level)
        for each, (own_level, propagate, disabled, own_handlers) in zip(others, before, strict=True):
            each.setLevel(own_level)
            each.propagate, each.disabled, each.handlers[:] = propagate, disabled, own_handlers
