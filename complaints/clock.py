"""The working-day clock: pure, timezone-aware, and able to say what it counted.

The default way of counting follows the Civil Code of the People's Republic of China, articles 200 to 204: the day
of the event is not counted, the last day ends when business closes; other ways are values of the same rule.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Unit(StrEnum):
    """What a limit is counted in."""

    minutes = "minutes"
    hours = "hours"
    working_hours = "working_hours"
    days = "days"
    weeks = "weeks"
    working_days = "working_days"


class Starts(StrEnum):
    """Where counting begins: at the moment itself, or with the day after it."""

    at_receipt = "at_receipt"
    next_day = "next_day"


class Ends(StrEnum):
    """Where in the last day a limit in days or weeks ends."""

    same_time = "same_time"
    end_of_day = "end_of_day"
    close_of_business = "close_of_business"


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name."""
    return ZoneInfo(name)


def _zone_name(name: str) -> str:
    try:
        zone(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone, such as Asia/Shanghai") from error
    return name


class Calendar(BaseModel):
    """One jurisdiction's working days; small enough to travel with a case.

    `days_off` are holidays on ordinary working weekdays, `make_up_days` working days on the weekend (调休).
    Both are complete from `known_from` to `known_through`; outside, counts are provisional.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    time_zone: Annotated[str, AfterValidator(_zone_name)]
    opens: time
    closes: time
    weekend: list[int] = Field(description="ISO weekdays off, 6 = Saturday, 7 = Sunday")
    days_off: list[date]
    make_up_days: list[date]
    known_from: date
    known_through: date
    source: str

    def is_working_day(self, day: date) -> bool:
        """Whether the office works that day."""
        if day.isoweekday() in self.weekend:
            return day in self.make_up_days
        return day not in self.days_off

    def knows(self, day: date) -> bool:
        """Whether that day's holidays and make-up days have been announced."""
        return self.known_from <= day <= self.known_through

    def since(self, day: date) -> "Calendar":
        """The same calendar without what lies before that day; small enough for a case to carry."""
        return self.model_copy(
            update={
                "days_off": [d for d in self.days_off if d >= day],
                "make_up_days": [d for d in self.make_up_days if d >= day],
                "known_from": max(day, self.known_from),
            }
        )

    def at(self, day: date, clock_time: time) -> datetime:
        """That wall-clock time on that day in the calendar's own zone."""
        return datetime.combine(day, clock_time, zone(self.time_zone))

    def local(self, moment: datetime) -> datetime:
        """That moment in the calendar's own zone."""
        return moment.astimezone(zone(self.time_zone))

    def next_working_day(self, day: date) -> date:
        """The first working day after that day."""
        day += timedelta(days=1)
        while not self.is_working_day(day):
            day += timedelta(days=1)
        return day


class Limit(BaseModel):
    """A length of time as a rule states it: `5 working_days`, started and ended as said."""

    model_config = ConfigDict(frozen=True)

    amount: int = Field(ge=0, le=10_000)
    unit: Unit
    starts: Starts = Starts.at_receipt
    ends: Ends = Ends.same_time


class Interval(BaseModel):
    """A time in which a clock stood still."""

    start: AwareDatetime
    end: AwareDatetime


class Counted(BaseModel):
    """When a limit runs out, and the days looked at on the way, for a person to check."""

    due_at: AwareDatetime
    days: list[str] = Field(description="`2026-10-10 Sat 3 make-up working day`: date, weekday, number or -, why")
    provisional: bool = Field(description="a day was counted that the calendar does not know yet")


def count(limit: Limit, start: datetime, calendar: Calendar, stood: Sequence[Interval] = ()) -> Counted:
    """When `limit` runs out after `start` (aware, any zone); the result is in the calendar's zone.

    Time in `stood` (in order, not overlapping) does not count: elapsed and working hours go on after it, and a day
    counts only if the clock has run up to the moment at which that day ends for it.
    """
    if start.tzinfo is None:
        raise ValueError("a clock starts at a time with an offset")
    begin = calendar.local(start)
    match limit.unit:
        case Unit.minutes | Unit.hours:
            # Elapsed time: add in UTC, so that a change to summer time neither gives nor takes an hour.
            due = start + timedelta(**{limit.unit.value: limit.amount})
            return Counted(due_at=calendar.local(elapsed(start, due, stood)), days=[], provisional=False)
        case Unit.working_hours:
            return _working_hours(limit.amount, begin, calendar, stood)
        case Unit.days | Unit.weeks:
            return _days(limit, begin, calendar, stood)
        case Unit.working_days:
            return _working_days(limit, begin, calendar, stood)


def elapsed(start: datetime, end: datetime, stood: Sequence[Interval]) -> datetime:
    """The end of a span of time in which a clock stood still meanwhile."""
    for still in stood:
        if start <= still.start < end:
            end += still.end - still.start
    return end


def _stands(moment: datetime, stood: Sequence[Interval]) -> bool:
    return any(still.start < moment <= still.end for still in stood)


def _days(limit: Limit, begin: datetime, calendar: Calendar, stood: Sequence[Interval]) -> Counted:
    day, left = begin.date(), limit.amount * (7 if limit.unit is Unit.weeks else 1)
    while left > 0:
        day += timedelta(days=1)
        left -= not _stands(_end(limit, begin, day, calendar), stood)
    return Counted(due_at=_end(limit, begin, day, calendar), days=[], provisional=False)


def _working_days(limit: Limit, begin: datetime, calendar: Calendar, stood: Sequence[Interval]) -> Counted:
    day, days, known = begin.date(), [], calendar.knows(begin.date())
    if limit.starts is Starts.at_receipt and not calendar.is_working_day(day):
        # A day off cannot be worked from: counting begins as the office next opens.
        days.append(_line(day, None, calendar))
        begin = calendar.at(calendar.next_working_day(day), calendar.opens)
        while (day := day + timedelta(days=1)) < begin.date():
            days.append(_line(day, None, calendar))
            known = known and calendar.knows(day)
    days.append(_line(day, 0, calendar))
    counted = 0
    while counted < limit.amount:
        day += timedelta(days=1)
        known = known and calendar.knows(day)
        working = calendar.is_working_day(day)
        still = working and _stands(_end(limit, begin, day, calendar), stood)
        counted += working and not still
        days.append(_line(day, counted if working and not still else None, calendar, still=still))
    return Counted(due_at=_end(limit, begin, day, calendar), days=days, provisional=not known)


def _working_hours(amount: int, begin: datetime, calendar: Calendar, stood: Sequence[Interval]) -> Counted:
    left, day, days = timedelta(hours=amount), begin.date(), []
    known, moment = True, begin
    while True:
        known = known and calendar.knows(day)
        if calendar.is_working_day(day):
            opens, closes = calendar.at(day, calendar.opens), calendar.at(day, calendar.closes)
            days.append(_line(day, None, calendar))
            for start, end in _running(min(max(moment, opens), closes), closes, stood):
                if left <= end - start:
                    return Counted(due_at=start + left, days=days, provisional=not known)
                left -= end - start
        day += timedelta(days=1)
        moment = calendar.at(day, time.min)


def _running(start: datetime, end: datetime, stood: Sequence[Interval]) -> list[tuple[datetime, datetime]]:
    """The pieces of a span in which the clock ran."""
    pieces = []
    for still in stood:
        if start < still.end and still.start < end:
            pieces.append((start, max(start, still.start)))
            start = min(still.end, end)
    return [*pieces, (start, end)]


def _end(limit: Limit, begin: datetime, day: date, calendar: Calendar) -> datetime:
    match limit.ends:
        case Ends.same_time:
            return calendar.at(day, begin.timetz().replace(tzinfo=None))
        case Ends.end_of_day:
            return calendar.at(day + timedelta(days=1), time.min)
        case Ends.close_of_business:
            return calendar.at(day, calendar.closes)


def _line(day: date, number: int | None, calendar: Calendar, *, still: bool = False) -> str:
    weekday = day.strftime("%a")
    if number == 0:
        why = "start"
    elif calendar.is_working_day(day):
        why = "make-up working day" if day.isoweekday() in calendar.weekend else "working day"
    else:
        why = "weekend" if day.isoweekday() in calendar.weekend else "holiday"
    if still:
        why += ", the clock stood still"
    if not calendar.knows(day):
        why += " (calendar not announced)"
    return f"{day} {weekday} {'-' if number is None else number} {why}"
