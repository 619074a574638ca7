"""Gathers the scans that arrive together, so that one transaction stores them all."""

from collections.abc import Sequence

from app.clock import Clock
from app.database import Database
from app.errors import Problem
from app.services.gathering import Gathering
from app.services.scans.admission import admit
from app.services.scans.answers import Answer
from app.services.scans.presentation import Presentation
from app.work import Actor, Deployment, Work

LARGEST_LIST = 256
"""Scans of one transaction: enough to share a commit among, and stored in 100 to 200 ms (at the 1,300 to
2,300 scans a second that were measured), which those behind them wait for. What may be under way
(`Settings.concurrency`) is two full lists.
"""
GATE = Actor.command("gate")
"""Who admits: no account in particular, since a list holds the scans of many."""
PAUSE = 0.001
"""Seconds between two lists, in which those who were just answered may come again: half as many lists then
hold twice as much each. What `commit_delay` is to PostgreSQL.
"""


def gather_scans(database: Database, deployment: Deployment, clock: Clock) -> Gathering[Presentation, Answer]:
    """Admits scans by lists. Raises Unavailable to each of them where the database is away."""

    async def store(presentations: Sequence[Presentation]) -> Sequence[Answer | Problem]:
        async with database.session() as session:
            # The clock is read under the lock, which on SQLite another process may hold for seconds.
            return await admit(Work(session, clock(), GATE, deployment), presentations)

    return Gathering(store, largest=LARGEST_LIST, pause=PAUSE)
