"""The periods figures are given for, in whole days of the bank."""

from datetime import date, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION
from register.measuring import Period

PeriodName = Literal["month", "days30", "quarter", "year"]
PERIODS: tuple[PeriodName, ...] = get_args(PeriodName)


def days_of(name: PeriodName, now: datetime) -> tuple[date, date]:
    """First and last day: the calendar month, quarter or year so far, or the thirty days that end today."""
    today = calendar(DEFAULT_JURISDICTION).local(now).date()
    first = {
        "month": today.replace(day=1),
        "days30": today - timedelta(days=29),
        "quarter": today.replace(month=today.month - (today.month - 1) % 3, day=1),
        "year": today.replace(month=1, day=1),
    }
    return first[name], today


def period_of(name: PeriodName, now: datetime) -> Period:
    """That period; its trend goes by days, of a quarter or a year by weeks."""
    first, last = days_of(name, now)
    step: Literal["day", "week"] = "day" if name in ("month", "days30") else "week"
    return Period(begins(first), begins(last + timedelta(days=1)), calendar(DEFAULT_JURISDICTION).time_zone, step)


def begins(day: date) -> datetime:
    """When that day of the bank begins."""
    return datetime.combine(day, datetime.min.time(), ZoneInfo(calendar(DEFAULT_JURISDICTION).time_zone))


def tomorrow(now: datetime) -> datetime:
    """When the bank's next day begins."""
    return begins(calendar(DEFAULT_JURISDICTION).local(now).date() + timedelta(days=1))
