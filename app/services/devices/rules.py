"""How long a shift lasts at most."""

from datetime import datetime, timedelta

LONGEST_SHIFT = timedelta(hours=16)
"""Guards work 12 hours at most, and a relief may be late; whoever is still on shift after 16 hours has
forgotten to hand over, and what the device then shows must not be shown in their name."""


def shift_end(started_at: datetime, ended_at: datetime | None, now: datetime) -> datetime | None:
    """When a shift ended: as recorded, or after `LONGEST_SHIFT` by itself; None while it goes on."""
    last = started_at + LONGEST_SHIFT
    if ended_at is not None:
        return min(ended_at, last)
    return last if last <= now else None
