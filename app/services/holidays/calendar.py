"""What kind of day a civil day is, with public holidays and moved working days counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import fetch
from app.models.holidays import Holiday

MONDAY, FRIDAY, SATURDAY = 0, 4, 5
"""As `date.weekday` counts."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that are off although they are weekdays, and those that are worked although they are not."""

    days: Mapping[date, bool]
    """Whether a day is off (a public holiday), for every day that is announced."""

    def is_holiday(self, day: date) -> bool:
        """Whether `day` is a public holiday."""
        return self.days.get(day, False)

    def weekday(self, day: date) -> int:
        """What `day` counts as, from Monday as 0 to Sunday as 6.

        A worked Saturday counts as Friday and a worked Sunday as Monday, the ordinary working day
        beside it.
        """
        weekday = day.weekday()
        if weekday < SATURDAY or self.days.get(day) is not False:
            return weekday
        return FRIDAY if weekday == SATURDAY else MONDAY


WEEKDAYS_ALONE = Calendar({})
"""Where no holidays are announced."""

_DAYS = select(Holiday.day, Holiday.off)


async def load_calendar(session: AsyncSession) -> Calendar:
    """All announced days, in one statement: some forty a year."""
    return Calendar({row.day: row.off for row in await fetch(session, _DAYS)})


async def knows_year(session: AsyncSession, year: int) -> bool:
    """Whether any day of `year` is announced."""
    found: int | None = await session.scalar(
        select(func.count())
        .select_from(Holiday)
        .where(Holiday.day >= date(year, 1, 1), Holiday.day <= date(year, 12, 31))
    )
    return bool(found)
