"""What decides about rosters, free of database and clock: what a row changes, how many may leave."""

from enum import StrEnum
from typing import NamedTuple

from app.services.rosters.reading import ListedPerson


class Listing(StrEnum):
    """What a row does to the roster."""

    added = "added"
    changed = "changed"
    returned = "returned"
    unchanged = "unchanged"


class Known(NamedTuple):
    """What the roster says of somebody so far."""

    document_type: str
    name_index: bytes
    phone_index: bytes
    kind_of_work: str | None
    vehicle: str | None
    has_left: bool


def compare(before: Known | None, person: ListedPerson) -> Listing:
    """What listing `person` does to the entry of their document. An empty cell takes nothing away."""
    if before is None:
        return Listing.added
    if before.has_left:
        return Listing.returned
    same = (
        (before.name_index, before.phone_index) == (person.indexes.name, person.indexes.phone)
        and before.document_type == person.document_type
        and person.kind_of_work in {None, before.kind_of_work}
        and person.vehicle in {None, before.vehicle}
    )
    return Listing.unchanged if same else Listing.changed


DEPARTURE_PERCENT = 5
"""Of the roster as the day began. An employer that lets go of more in one day either ends its work
here or has sent the wrong file, and either is worth a second look (product principle 3). Of a roster
below twenty that is nobody: there every departure waits for a yes."""


def departures_allowed(*, roster: int, gone: int) -> int:
    """How many more people may be marked as left today without a staff member's yes.

    `roster` counts those who were on it as the day began, whether or not they have left since;
    whoever was listed today does not count, or an employer could list strangers to let go of more.
    `gone` counts those marked today without a yes.
    """
    return max(0, roster * DEPARTURE_PERCENT // 100 - gone)
