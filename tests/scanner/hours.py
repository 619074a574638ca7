"""Closures and opening hours of a gate: docs/offline.md, section 4."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
COUNTS_AS = {"sat": "fri", "sun": "mon"}
"""What a worked day of a weekend counts as."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """The clauses for one gate, with the calendar that they are read by."""

    clauses: tuple[dict[str, Any], ...]
    calendar: dict[date, bool]
    zone: ZoneInfo

    @classmethod
    def of(
        cls, clauses: Iterable[dict[str, Any]], *, gate: str, calendar: dict[date, bool], zone: str
    ) -> "Rules":
        """Those of `clauses` that are for `gate`."""
        own = tuple(clause for clause in clauses if clause["gates"] is None or gate in clause["gates"])
        return cls(own, calendar, ZoneInfo(zone))

    def has_closure(self, at: datetime) -> bool:
        """Whether a closure holds at `at`."""
        return any(
            datetime.fromisoformat(clause["from"]) <= at < datetime.fromisoformat(clause["until"])
            for clause in self._of_kind("closure")
        )

    def is_open(self, at: datetime) -> bool:
        """Whether the opening hours, if there are any, include `at`."""
        if not any(self._of_kind("opening_hours")):
            return True
        local = at.astimezone(self.zone).replace(tzinfo=None)
        return any(
            begin <= local < end
            for day in (local.date() - DAY, local.date())
            for begin, end in self._spans(day)
        )

    def _of_kind(self, kind: str) -> Iterator[dict[str, Any]]:
        return (clause for clause in self.clauses if clause["kind"] == kind)

    def _spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Begin and end, in local time, of the spans that belong to `day`."""
        named = self._named(day)
        for clause in self._of_kind("opening_hours"):
            if named in clause["days"]:
                for span in clause["spans"]:
                    begin, end = _moment(day, span["from"]), _moment(day, span["until"])
                    yield begin, end if end > begin else end + DAY

    def _named(self, day: date) -> str:
        """What `day` counts as."""
        weekday = WEEKDAYS[day.weekday()]
        off = self.calendar.get(day)
        if off and any(HOLIDAY in clause["days"] for clause in self._of_kind("opening_hours")):
            return HOLIDAY
        return COUNTS_AS.get(weekday, weekday) if off is False else weekday


def _moment(day: date, clock: str) -> datetime:
    """A time of `day`; 24:00 is the midnight at its end."""
    midnight = datetime.combine(day, time())
    hours, minutes = clock.split(":")
    return midnight + timedelta(hours=int(hours), minutes=int(minutes))
