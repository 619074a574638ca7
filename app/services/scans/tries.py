"""Counts the wrong digits typed at a gate, so that nobody finds a spoken code by trying."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from app.clock import from_epoch
from app.database import fetch
from app.models.base import Instant
from app.models.scans import Scan
from app.models.substitutes import SpokenTries
from app.services.lists import dialect_of, insert_fresh, insert_latest, is_listed, listed, table_of
from app.services.scans.presentation import ScanName
from app.services.scans.reasons import Reason
from app.work import Work

MOST_TRIES = 5
"""Wrong ones at one gate within `WINDOW`: somebody who mishears digits five times can as well walk up."""
WINDOW = timedelta(seconds=60)
"""In which wrong tries add up, and for which they then close the gate to digits."""


def after_wrong(wrong: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    """The wrong tries that count once another was made `at`: those of the last minute, at most five."""
    return tuple(sorted([*(each for each in wrong if at - each < WINDOW), at])[-MOST_TRIES:])


def is_locked(wrong: Sequence[datetime], at: datetime) -> bool:
    """Whether no digits are taken `at` this time: for a minute after the last of five wrong tries.

    What is refused meanwhile counts as no try, so nobody keeps a gate locked by going on.
    """
    return len(wrong) >= MOST_TRIES and at - max(wrong) < WINDOW


class Tries:
    """The wrong tries at some gates, held until the transaction ends."""

    def __init__(self, wrong: dict[UUID, tuple[datetime, ...]]) -> None:
        self._wrong = wrong
        self._changed: set[UUID] = set()

    def locked(self, gate_id: UUID, at: datetime) -> bool:
        """Whether no digits are taken at a gate."""
        return is_locked(self._wrong[gate_id], at)

    def add(self, gate_id: UUID, at: datetime) -> None:
        """Counts a wrong try."""
        self._wrong[gate_id] = after_wrong(self._wrong[gate_id], at)
        self._changed.add(gate_id)

    async def keep(self, work: Work) -> None:
        """Stores what was added: one statement, or none."""
        rows = [
            {
                "gate_id": gate_id,
                "wrong": {"at": [each.isoformat() for each in self._wrong[gate_id]]},
                "last_at": max(self._wrong[gate_id]),
            }
            for gate_id in sorted(self._changed)
        ]
        if rows:
            await insert_latest(work.session, table_of(SpokenTries), rows, by="last_at")


@cache
def _held(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(SpokenTries.gate_id, SpokenTries.wrong)
        .where(is_listed([SpokenTries.gate_id], "gates", dialect))
        # In one order everywhere, so that two processes never wait for each other in a circle.
        .order_by(SpokenTries.gate_id)
        .with_for_update()
    )


async def hold_tries(work: Work, gates: Iterable[UUID]) -> Tries:
    """The wrong tries at `gates`, held: of tries at one gate one list is judged after the other.

    Two statements, whatever the number of gates, and none without any.
    """
    wanted = sorted(set(gates))
    if not wanted:
        return Tries({})
    rows = [{"gate_id": gate_id, "wrong": {"at": []}, "last_at": from_epoch(0)} for gate_id in wanted]
    await insert_fresh(work.session, table_of(SpokenTries), rows)
    dialect = dialect_of(work.session)
    found = await fetch(work.session, _held(dialect), listed("gates", [(each,) for each in wanted], dialect))
    return Tries({row.gate_id: tuple(map(datetime.fromisoformat, row.wrong["at"])) for row in found})


@cache
def _wrong_uploads(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(Scan.gate_id, Scan.happened_at).where(
        is_listed([Scan.gate_id], "gates", dialect),
        Scan.happened_at > bindparam("since", type_=Instant),
        Scan.happened_at < bindparam("until", type_=Instant),
        # Nothing is known before it happened, so months before need no look.
        Scan.recorded_at > bindparam("since", type_=Instant),
        Scan.server_reason == Reason.spoken_unknown.value,
    )


async def find_guessed(
    work: Work, uploaded: Mapping[ScanName, tuple[UUID, datetime]], *, wrong: Collection[ScanName]
) -> set[ScanName]:
    """Which uploaded digits (gate, time) are not looked at, since `MOST_TRIES` others were wrong about then.

    Counted by the devices' times and before or after alike: uploads come in any order. One statement,
    and none without any.
    """
    if not uploaded:
        return set()
    dialect = dialect_of(work.session)
    times = [at for _, at in uploaded.values()]
    asked = {
        "since": min(times) - WINDOW,
        "until": max(times) + WINDOW,
        **listed("gates", [(gate,) for gate in {gate for gate, _ in uploaded.values()}], dialect),
    }
    tries: dict[UUID, list[datetime]] = {}
    for row in await fetch(work.session, _wrong_uploads(dialect), asked):
        insort(tries.setdefault(row.gate_id, []), row.happened_at)
    guessed = set()
    for name, (gate, at) in uploaded.items():
        others = tries.setdefault(gate, [])
        if bisect_left(others, at + WINDOW) - bisect_right(others, at - WINDOW) >= MOST_TRIES:
            guessed.add(name)
        elif name in wrong:
            insort(others, at)
    return guessed
