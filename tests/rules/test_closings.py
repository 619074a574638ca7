"""Whether a gate took part at some time, by what is known of its closings and its compound's."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.services.scans.posts import PastClosings, PostFacts

NOON = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GATE, COMPOUND, OTHER = uuid4(), uuid4(), uuid4()
POST = PostFacts(
    gate_id=GATE,
    compound_id=COMPOUND,
    rules_id=None,
    point=None,
    opened_at=NOON - 9 * HOUR,
    ended_at=None,
    closed_at=None,
    device_account_id=uuid4(),
    shift_id=None,
    guard_id=None,
    sign_in_id=None,
)


@dataclass(frozen=True)
class Closed:
    """A row of `closings`."""

    closed_at: datetime
    reopened_at: datetime
    gate_id: UUID | None = None
    compound_id: UUID | None = None


BY_GATE = Closed(NOON, NOON + 2 * HOUR, gate_id=GATE)
BY_COMPOUND = Closed(NOON + HOUR, NOON + 3 * HOUR, compound_id=COMPOUND)
LATER = Closed(NOON + 5 * HOUR, NOON + 6 * HOUR, gate_id=GATE)
ELSEWHERE = [
    Closed(NOON, NOON + 9 * HOUR, gate_id=OTHER),
    Closed(NOON, NOON + 9 * HOUR, compound_id=OTHER),
]


@pytest.mark.parametrize(
    ("hours", "since"),
    [
        (-0.1, None),
        (0, NOON),  # both bounds as of a shift: closed from the first instant, open from the last
        (1.5, NOON),
        (2, NOON + HOUR),
        (3, None),
        (5.5, NOON + 5 * HOUR),
        (6, None),
    ],
)
def test_a_gate_takes_part_where_neither_it_nor_its_compound_is_closed(
    hours: float, since: datetime | None
) -> None:
    closings = PastClosings([*ELSEWHERE, LATER, BY_COMPOUND, BY_GATE])
    assert closings.at(POST, NOON + hours * HOUR).closed_at == since


def test_what_is_closed_again_was_closed_before() -> None:
    closed_now = replace(POST, closed_at=NOON + 8 * HOUR)
    closings = PastClosings([BY_GATE])
    assert closings.at(closed_now, NOON + HOUR).closed_at == NOON
    assert closings.at(closed_now, NOON + 4 * HOUR).closed_at == NOON + 8 * HOUR
