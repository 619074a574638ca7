"""Examines a code by itself: nothing is stored, nobody is named."""

from dataclasses import dataclass
from datetime import datetime

from app.services.codes.format import Timing, check_times
from app.services.codes.reading import CodeReader, Proof, ReadCode


@dataclass(frozen=True, slots=True)
class Examination:
    """What a code says of itself."""

    readable: bool
    proof: Proof | None
    timing: Timing | None
    age_seconds: int | None


async def examine(reader: CodeReader, text: str, *, now: datetime) -> Examination:
    """Whether `text` is a code, whose signature it bears, and where `now` lies in its window.

    What substitutes for a code is none: to say more of it would let whoever asks try digits out.
    """
    read = await reader.read(text)
    if not isinstance(read, ReadCode):
        return Examination(readable=False, proof=None, timing=None, age_seconds=None)
    return Examination(
        readable=True,
        proof=read.proof,
        timing=check_times(read.code, now),
        age_seconds=round(now.timestamp()) - read.code.iat,
    )
