"""Looks up what substitutes for codes: whose it is, since when and until when."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from app.database import fetch
from app.models.substitutes import PrintedCard, SpokenCode
from app.services.codes.format import EARLY, HANDLE_BYTES, JTI_BYTES
from app.services.codes.reading import Read, ReadPrintedCard, ReadSpokenCode
from app.services.lists import dialect_of, is_listed, listed
from app.services.scans.facts import CodeName, KnownCourier, known_courier, with_courier
from app.services.scans.presentation import ScanName
from app.work import Work

LATE_AND_NOT_GUESSED = timedelta(minutes=10)
"""For so long digits that have ended are taken for late ones of their courier and count as no wrong try."""
EARLY_AND_NOT_GUESSED = timedelta(minutes=10)
"""By so much at most the clock of a device that was offline is behind. Digits that a guard took before were
not those that somebody got later."""
SPOKEN_KID = "sp"
"""Where uses of codes name the key; the kids of keys are two hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Substitute:
    """A spoken code or a printed card that was issued, and the courier whom it stands for."""

    courier: KnownCourier
    begins_at: datetime
    ends_at: datetime | None
    use_name: CodeName | None
    """Under which it is used up; None for what may be shown again."""
    remembered: tuple[datetime, datetime] | None = None
    """Before and after it says nothing of its courier: somebody else may have made the digits up. None for
    what nobody makes up."""

    def speaks_of(self, at: datetime) -> bool:
        """Whether what was shown `at` this time was its courier's, in time or not long out of it."""
        return self.remembered is None or self.remembered[0] <= at < self.remembered[1]

    def holds(self, at: datetime) -> bool:
        """Whether it had begun and not ended."""
        return self.begins_at <= at and (self.ends_at is None or at < self.ends_at)


async def load_substitutes(
    work: Work, presented: Mapping[ScanName, tuple[UUID, datetime, Read]]
) -> dict[ScanName, Substitute]:
    """What substitutes for a code among `presented` (gate, time, text), by scan name.

    What was never issued is missing, and so are digits that ended long ago.

    One statement for all spoken codes and one for all printed cards, and none where there are none.
    """
    spoken = {
        name: (gate, read.digits)
        for name, (gate, _, read) in presented.items()
        if isinstance(read, ReadSpokenCode)
    }
    printed = {
        name: read.digest for name, (_, _, read) in presented.items() if isinstance(read, ReadPrintedCard)
    }
    codes = await _load_spoken(work, set(spoken.values())) if spoken else {}
    cards = await _load_printed(work, set(printed.values())) if printed else {}
    found = {name: codes[key] for name, key in spoken.items() if key in codes} | {
        name: cards[digest] for name, digest in printed.items() if digest in cards
    }
    return {name: each for name, each in found.items() if each.speaks_of(presented[name][1])}


@cache
def _spoken(dialect: str) -> Select[*tuple[Any, ...]]:
    names = (
        SpokenCode.id.label("spoken_id"),
        SpokenCode.gate_id.label("spoken_at"),
        SpokenCode.digits,
        SpokenCode.issued_at,
        SpokenCode.expires_at,
        SpokenCode.replaced_at,
    )
    return with_courier(SpokenCode, *names).where(
        is_listed([SpokenCode.gate_id, SpokenCode.digits], "spoken", dialect)
    )


async def _load_spoken(work: Work, wanted: set[tuple[UUID, str]]) -> dict[tuple[UUID, str], Substitute]:
    dialect = dialect_of(work.session)
    rows = await fetch(work.session, _spoken(dialect), listed("spoken", list(wanted), dialect))
    return {
        (row.spoken_at, row.digits): Substitute(
            known_courier(row, counts=row.codes_from is None or row.issued_at >= row.codes_from),
            # As with codes: the clocks of two servers differ a little.
            row.issued_at - timedelta(seconds=EARLY),
            min(row.expires_at, row.replaced_at or row.expires_at),
            _use_name(work, row.spoken_id),
            (row.issued_at - EARLY_AND_NOT_GUESSED, row.expires_at + LATE_AND_NOT_GUESSED),
        )
        for row in rows
    }


def _use_name(work: Work, spoken: UUID) -> CodeName:
    digest = hashlib.sha256(spoken.bytes).digest()
    return (
        work.settings.issuer,
        SPOKEN_KID,
        digest[:HANDLE_BYTES],
        digest[HANDLE_BYTES : HANDLE_BYTES + JTI_BYTES],
    )


@cache
def _printed(dialect: str) -> Select[*tuple[Any, ...]]:
    names = (PrintedCard.digest, PrintedCard.issued_at, PrintedCard.ended_at)
    return with_courier(PrintedCard, *names).where(is_listed([PrintedCard.digest], "cards", dialect))


async def _load_printed(work: Work, wanted: set[bytes]) -> dict[bytes, Substitute]:
    dialect = dialect_of(work.session)
    rows = await fetch(
        work.session, _printed(dialect), listed("cards", [(each,) for each in wanted], dialect)
    )
    return {
        row.digest: Substitute(
            known_courier(row, counts=row.codes_from is None or row.issued_at >= row.codes_from),
            row.issued_at - timedelta(seconds=EARLY),
            row.ended_at,
            None,
        )
        for row in rows
    }
