"""Plays movements: each one a code minted and a scan made, at the time that the file says."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.database import Database
from app.main import create_app
from app.models.scans import Direction, Outcome, Scan, Verdict
from app.replay.accounts import sign_in_all
from app.replay.caller import ApplicationFailed, Caller, SignedIn
from app.replay.couriers import bring_couriers
from app.replay.movements import EARLIEST, Movement, Movements
from app.replay.posts import Post, man_posts
from app.replay.rendering import Rendering
from app.replay.report import Report
from app.replay.sandbox import furnish
from app.runtime import Runtime
from app.services.passages import passages
from app.services.scans.partitions import ensure_partitions
from app.work import Actor, Deployment, Work, begin_work

SHIFT = timedelta(hours=12)
"""Guards are relieved so often (their longest shift is 16 hours), and only those are kept in memory
who are needed until the next relief."""
MADE_TOGETHER = 1000
"""Couriers or posts of one transaction: with two parameters each, far below what a statement may have."""


class ReplayClock:
    """Stands at the time of the movement that is being played."""

    def __init__(self) -> None:
        self.now = EARLIEST

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who is needed until the next relief, by their names in the file."""

    couriers: dict[str, SignedIn]
    posts: dict[str, Post]


async def replay(
    movements: Movements,
    *,
    database: Database,
    deployment: Deployment,
    rendering: Rendering | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> Report:
    """Sends every one of `movements` through the application on `database`, in the order of time.

    With `rendering`, some codes are drawn, read back by an independent decoder, and scanned as that
    has read them. Raises ApplicationFailed where the application fails.
    """
    began = time.perf_counter()
    report = Report(
        rows=len(movements) + len(movements.skipped),
        couriers=movements.couriers,
        places=movements.places,
        skipped=movements.skipped,
    )
    clock = ReplayClock()
    runtime = Runtime.of(deployment.settings, deployment.secrets, database=database, clock=clock)
    application = create_app(runtime)
    async with application.router.lifespan_context(application):
        player = _Player(runtime, Caller(application, runtime), report, rendering)
        async with player.open_work(write=False) as work:
            before = await _count_entries(work)
        start = movements.next_time(EARLIEST)
        while start is not None:
            clock.now = start
            cast = await player.assemble(movements, start, start + SHIFT)
            for movement in movements.between(start, start + SHIFT):
                clock.now = movement.at
                await player.play(movement, cast)
                on_progress()
            start = movements.next_time(start + SHIFT)
        async with player.open_work(write=False) as work:
            report.entries_stored = await _count_entries(work) - before
    report.seconds = round(time.perf_counter() - began, 3)
    return report


class _Player:
    """Plays one movement after the other and counts what comes of it."""

    def __init__(self, runtime: Runtime, caller: Caller, report: Report, rendering: Rendering | None) -> None:
        self._runtime = runtime
        self._caller = caller
        self._report = report
        self._rendering = rendering

    @asynccontextmanager
    async def open_work(self, *, write: bool) -> AsyncIterator[Work]:
        runtime = self._runtime
        async with begin_work(
            runtime.database,
            runtime.deployment,
            now=runtime.clock(),
            actor=Actor.command("huixin replay"),
            write=write,
        ) as work:
            yield work

    async def assemble(self, movements: Movements, start: datetime, end: datetime) -> _Cast:
        """Everybody who is needed from `start` to `end`, signed in and on shift."""
        cast = _Cast({}, {})
        async with self.open_work(write=True) as work:
            await furnish(work)
            await ensure_partitions(work.session, work.now, ahead=1)
        for names in _batches(movements.couriers_between(start, end)):
            async with self.open_work(write=True) as work:
                accounts = await bring_couriers(work, names=names)
                signed_in = await sign_in_all(work, accounts.values())
                cast.couriers.update((name, signed_in[accounts[name]]) for name in names)
        for places in _batches(movements.places_between(start, end)):
            async with self.open_work(write=True) as work:
                cast.posts.update(await man_posts(work, places=places))
        return cast

    async def play(self, movement: Movement, cast: _Cast) -> None:
        """One drop-off: the courier shows a code, the guard scans it, and lets in whom to check."""
        report = self._report
        courier, post = cast.couriers[movement.courier], cast.posts[movement.place]
        status, answer = await self._caller.call("POST", "/v1/codes", {"count": 1}, who=courier)
        if status != 201:  # noqa: PLR2004 - RFC 9110, 15.3.2
            report.refused[answer["code"]] += 1
            return
        scan = {
            "scan_id": str(movement.scan_id),
            "enrolment_id": str(post.enrolment_id),
            "code": self._shown(answer["items"][0]["text"]),
            "direction": Direction.entry.value,
            "device_time": movement.at.isoformat(),
        }
        status, answer = await self._caller.call("POST", "/v1/scans", scan, who=post.guard)
        if status != 200:  # noqa: PLR2004 - RFC 9110, 15.3.1
            report.refused[answer["code"]] += 1
        elif answer["verdict"] == Verdict.admit:
            report.admitted += 1
        elif answer["verdict"] == Verdict.check:
            report.checked += 1
            await self._let_in(scan, post)
        else:
            report.refused[answer["reason"]] += 1

    async def _let_in(self, scan: dict[str, Any], post: Post) -> None:
        """The drop-off did happen, so the guard has let the courier in."""
        path = f"/v1/enrolments/{scan['enrolment_id']}/scans/{scan['scan_id']}/outcome"
        status, answer = await self._caller.call("PUT", path, {"outcome": Outcome.let_in}, who=post.guard)
        if status != 200:  # noqa: PLR2004 - RFC 9110, 15.3.1
            raise ApplicationFailed(status, answer["code"])

    def _shown(self, text: str) -> str:
        """What the guard's scanner reads of a code."""
        if self._rendering is None or not self._rendering.is_due():
            return text
        self._report.rendered += 1
        read = self._rendering.read_back(text)
        if read == text:
            self._report.decoded += 1
        return read or text


async def _count_entries(work: Work) -> int:
    return await work.session.scalar(passages(select(func.count()).select_from(Scan))) or 0


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), MADE_TOGETHER):
        yield names[start : start + MADE_TOGETHER]
