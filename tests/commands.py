"""Commands of `huixin` as tests run them: in this process, on a deployment in an empty folder."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Huixin = Callable[..., Ended]


@contextmanager
def own_logs() -> Iterator[None]:
    """A command sets up the logs of its process; this one has others."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
