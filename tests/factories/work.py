"""A unit of work in which a test puts up what it needs before it calls the application."""

from contextlib import AbstractAsyncContextManager

from app.runtime import Runtime
from app.work import Actor, Work, begin_work


def seeding(runtime: Runtime) -> AbstractAsyncContextManager[Work]:
    """The unit of work of a command, committed when the `async with` block ends."""
    return begin_work(runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test"))
