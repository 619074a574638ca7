"""A clock that stands until a test moves it."""

from datetime import datetime, timedelta


class SettableClock:
    """Returns `now`; `advance` moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        """Moves the clock by a timedelta's keywords and returns the new time."""
        self.now += timedelta(**by)
        return self.now
