"""Public holidays out of a file: the announcement of one year as holiday-cn publishes it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select

from app.errors import Problem, Text
from app.models.holidays import Holiday
from app.services import audit
from app.work import Work

MAX_BYTES = 256 * 1024
"""A year has some forty days in 5 KB."""
MOST_DAYS = 366
LONGEST_NAME = 60
FIRST_YEAR, LAST_YEAR = 1949, 2200
"""There were no holidays of ours before; after it a number is a slip of the pen."""


class UnreadableCalendar(Problem):
    """The file is no calendar of public holidays; nothing of it was stored."""

    status = 422
    code = "unreadable_calendar"
    title = Text("日历文件无效", "Unreadable calendar")
    message = Text("节假日文件无效：{reason.zh}。", "No calendar of holidays: {reason.en}.")

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(reason=Text(zh, en))


@dataclass(frozen=True, slots=True)
class AnnouncedDay:
    """One day of an announcement."""

    day: date
    name: str
    off: bool


@dataclass(frozen=True, slots=True)
class Announcement:
    """The holidays of one year; without days where they are not announced yet."""

    year: int
    days: Sequence[AnnouncedDay]


@dataclass(frozen=True, slots=True)
class CalendarReport:
    """What an announcement changed, in days."""

    added: int
    changed: int
    removed: int
    unchanged: int


def read_announcement(data: bytes) -> Announcement:
    """The year and days of a file: `{year, days: [{name, date, isOffDay}]}`; other members are ignored.

    A day may lie in the December before or the January after. Raises UnreadableCalendar.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableCalendar(f"文件超过 {MAX_BYTES} 字节", f"the file is longer than {MAX_BYTES} bytes")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UnreadableCalendar("文件不是 JSON", "the file is no JSON") from None
    if not isinstance(content, dict):
        raise UnreadableCalendar("文件不是 JSON 对象", "the file holds no JSON object")
    year, days = content.get("year"), content.get("days")
    if not isinstance(year, int) or isinstance(year, bool) or not FIRST_YEAR <= year <= LAST_YEAR:
        raise UnreadableCalendar("没有有效的 year（年份）", "it says no year in `year`")
    if not isinstance(days, list) or len(days) > MOST_DAYS:
        raise UnreadableCalendar(
            f"days 应为至多 {MOST_DAYS} 项的数组", f"`days` is no array of at most {MOST_DAYS} items"
        )
    read = [_read_day(number, year, day) for number, day in enumerate(days, start=1)]
    if len({day.day for day in read}) < len(read):
        raise UnreadableCalendar("days 中有重复的日期", "`days` names one date twice")
    return Announcement(year, read)


def _read_day(number: int, year: int, day: Any) -> AnnouncedDay:
    if isinstance(day, dict):
        name, text, off = day.get("name"), day.get("date"), day.get("isOffDay")
        if (
            isinstance(name, str)
            and 1 <= len(name) <= LONGEST_NAME
            and name.isprintable()
            and isinstance(text, str)
            and isinstance(off, bool)
        ):
            try:
                found = date.fromisoformat(text)
            except ValueError:
                found = None
            if found is not None and abs(found.year - year) <= 1 and found.isoformat() == text:
                return AnnouncedDay(found, name, off)
    raise UnreadableCalendar(
        f"days 第 {number} 项应有 name、date（{year} 年的日期，如 {year}-10-01）和 isOffDay",
        f"item {number} of `days` wants name, date (in {year}, such as {year}-10-01) and isOffDay",
    )


async def import_holidays(work: Work, *, announcement: Announcement) -> CalendarReport:
    """Makes the stored days of that year's announcement those of `announcement`; again changes nothing.

    Days that the announcement no longer names are removed. Where those of two years name one day, the
    later year's holds, in whatever order they come.
    """
    wanted = {day.day: day for day in announcement.days}
    rows = await work.session.scalars(
        select(Holiday)
        .where(or_(Holiday.year == announcement.year, Holiday.day.in_(list(wanted))))
        .with_for_update()
    )
    there = {row.day: row for row in rows}
    added = changed = removed = 0
    for row in there.values():
        if row.year == announcement.year and row.day not in wanted:
            await work.session.delete(row)
            removed += 1
    for day in announcement.days:
        stored = there.get(day.day)
        if stored is None:
            work.session.add(Holiday(day=day.day, name=day.name, off=day.off, year=announcement.year))
            added += 1
        elif stored.year <= announcement.year:
            news = (day.name, day.off, announcement.year)
            changed += (stored.name, stored.off, stored.year) != news
            stored.name, stored.off, stored.year = news
    await work.session.flush()
    if added or changed or removed:
        audit.record(
            work,
            "holidays.imported",
            subject_kind="year",
            subject_id=str(announcement.year),
            details={"added": added, "changed": changed, "removed": removed},
        )
    return CalendarReport(added, changed, removed, len(wanted) - added - changed)
