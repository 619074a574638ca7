"""Gathers the scans that arrive together, so that one transaction stores them all."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from app.clock import Clock
from app.database import Database
from app.errors import Problem
from app.services.scans.admission import admit
from app.services.scans.answers import Answer
from app.services.scans.presentation import Presentation
from app.work import Actor, Deployment, Work

LARGEST_LIST = 256
"""Scans of one transaction: enough to share a commit among, and stored in 100 to 200 ms (at the 1,300 to
2,300 scans a second that were measured), which those behind them wait for.
"""
GATE = Actor.command("gate")
"""Who admits: no account in particular, since a list holds the scans of many."""
PAUSE = 0.001
"""Seconds between two lists, in which those who were just answered may come again: half as many lists then
hold twice as much each. What `commit_delay` is to PostgreSQL.
"""


@dataclass(frozen=True, slots=True)
class _Waiting:
    presentation: Presentation
    answer: asyncio.Future[Answer | Problem]


class Gathering:
    """Takes scans one by one and has them admitted in lists. One a process, started at first use.

    A list is whatever arrived while the one before it was stored and in the pause after it; a scan that
    finds nothing under way waits for nothing. One list is under way at a time: with two the lists are half
    as long, and each costs nearly as much. What bounds the waiting is the door: a request that waits here is
    under way, and no more of them are than `Settings.concurrency`, which are two full lists.
    """

    def __init__(self, database: Database, deployment: Deployment, clock: Clock) -> None:
        self._database = database
        self._deployment = deployment
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def admit(self, presentation: Presentation) -> Answer:
        """The answer to one scan, given after the commit that stored it.

        Raises the scan's own problem, and Unavailable where the database is away. A caller who gives up
        waiting changes nothing: the scan is stored all the same.
        """
        answer: asyncio.Future[Answer | Problem] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(presentation, answer))
        self._start()
        result = await answer
        if isinstance(result, Problem):
            raise result
        return result

    async def close(self) -> None:
        """Waits until everything that was taken is stored."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def _start(self) -> None:
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_LIST], self._waiting[LARGEST_LIST:]
            await self._answer(batch)
            await asyncio.sleep(PAUSE)
        # In the same step as the last look at what waits: a scan that came between the two would take
        # this task for running, and wait for the next scan.
        self._running = None

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            async with self._database.session() as session:
                # The clock is read under the lock, which on SQLite another process may hold for seconds.
                work = Work(session, self._clock(), GATE, self._deployment)
                results = await admit(work, [waiting.presentation for waiting in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers, not to this task
            if len(batch) > 1 and not isinstance(error, Problem):
                # One scan that breaks must not take the others down with it.
                for waiting in batch:
                    await self._answer([waiting])
                return
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(result)
