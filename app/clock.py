"""Where time comes from, and the two civil calendars that the product counts in."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]
"""Returns the present as an aware UTC time. Passed in by parameter, so that a replay can set it."""

SERVICE_DAY_STARTS = timedelta(hours=4)
"""A service day begins at 04:00 local time, so that one night shift is one day."""


def system_clock() -> datetime:
    """The machine's clock, aware, in UTC."""
    return datetime.now(UTC)


def civil_day(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day of `moment` in the deployment's zone."""
    return moment.astimezone(zone).date()


def service_day(moment: datetime, zone: ZoneInfo) -> date:
    """The service day of `moment`: the local day that began at the last 04:00."""
    return (moment.astimezone(zone) - SERVICE_DAY_STARTS).date()


def from_epoch(seconds: float) -> datetime:
    """The aware UTC time of `seconds` since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def write_instant(moment: datetime) -> str:
    """The one form in which times leave: UTC, six decimals, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"  # for +00:00
