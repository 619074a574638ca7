"""Gathers what arrives together, so that one transaction serves it all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import Problem

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[ItemT, AnswerT]):
    item: ItemT
    answer: "asyncio.Future[AnswerT | Problem]"


class Gathering(Generic[ItemT, AnswerT]):
    """Takes items one by one and has them served in lists. One a process and kind, started at first use.

    A list is whatever arrived while the one before it was served and in the pause after it; an item that
    finds nothing under way waits for nothing. One list is under way at a time: with two the lists are half
    as long, and each costs nearly as much. What bounds the waiting is the door: a request that waits here is
    under way, and no more of them are than `Settings.concurrency`.
    """

    def __init__(
        self,
        serve: Callable[[Sequence[ItemT]], Awaitable[Sequence[AnswerT | Problem]]],
        *,
        largest: int,
        pause: float = 0,
    ) -> None:
        """`serve` answers a list of at most `largest`, in its order; `pause` is in seconds."""
        self._serve = serve
        self._largest = largest
        self._pause = pause
        self._waiting: list[_Waiting[ItemT, AnswerT]] = []
        self._running: asyncio.Task[None] | None = None

    async def take(self, item: ItemT) -> AnswerT:
        """The answer to one item, given after the commit that stored it.

        Raises the item's own problem, and what serving it alone raised. A caller who gives up waiting
        changes nothing: the item is served all the same.
        """
        answer: asyncio.Future[AnswerT | Problem] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, answer))
        self._start()
        result = await answer
        if isinstance(result, Problem):
            raise result
        return result

    async def close(self) -> None:
        """Waits until everything that was taken is served."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def _start(self) -> None:
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
            await self._answer(batch)
            await asyncio.sleep(self._pause)
        # In the same step as the last look at what waits: an item that came between the two would take
        # this task for running, and wait for the next item.
        self._running = None

    async def _answer(self, batch: Sequence[_Waiting[ItemT, AnswerT]]) -> None:
        try:
            answers = await self._serve([waiting.item for waiting in batch])
            answered = list(zip(batch, answers, strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers, not to this task
            if len(batch) > 1 and not isinstance(error, Problem):
                # One item that breaks must not take the others down with it.
                for waiting in batch:
                    await self._answer([waiting])
                return
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        for waiting, answer in answered:
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
