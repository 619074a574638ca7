"""What devices said of themselves: which scans it contradicts, however often they spoke."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.models.scans import Verdict
from app.services.scans.presentation import OfflineAnswer
from app.services.scans.reasons import Reason
from app.services.scans.syncs import UNDER_WAY, Syncs, Told

HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
START = datetime(2026, 5, 11, 4, tzinfo=UTC)


def scan(sequence: int) -> OfflineAnswer:
    return OfflineAnswer(sequence, Verdict.admit, Reason.verified, None)


@given(
    said=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))),
    at=st.integers(-15, 60),
    sequence=st.integers(1, 9),
)
def test_a_scan_is_contradicted_by_a_device_that_spoke_later_of_fewer(
    said: list[tuple[int, int]], at: int, sequence: int
) -> None:
    syncs = Syncs({HERE: Told.of((START + timedelta(seconds=when), counter) for when, counter in said)})
    moment = START + timedelta(seconds=at)
    later = [counter for when, counter in said if START + timedelta(seconds=when) >= moment + UNDER_WAY]
    assert syncs.contradict(HERE, scan(sequence), moment) is any(counter < sequence for counter in later)
    assert not syncs.contradict(ELSEWHERE, scan(sequence), moment)
    assert not syncs.contradict(HERE, None, moment)


def test_a_device_that_spoke_ever_so_often_holds_nobody_up() -> None:
    """Nobody else is answered meanwhile, so a device must not choose how long a batch of its own takes."""
    syncs = Syncs({HERE: Told.of((START + timedelta(minutes=n), 1000 + n) for n in range(100_000))})
    began = time.process_time()
    assert not any(syncs.contradict(HERE, scan(sequence), START) for sequence in range(1, 501))
    assert time.process_time() - began < 0.5
