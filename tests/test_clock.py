"""The working-day clock as a table: day before, day of, day after, holidays, make-up Saturdays, summer time."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.clock import Calendar, Ends, Limit, Starts, Unit, count
from policies.load import calendar

CN, US = calendar("cn"), calendar("us")
NEXT, AT = Starts.next_day, Starts.at_receipt
CLOSE, SAME, END = Ends.close_of_business, Ends.same_time, Ends.end_of_day


def cn(text: str) -> datetime:
    return datetime.fromisoformat(text + "+08:00")


@pytest.mark.parametrize(
    ("received", "amount", "unit", "starts", "ends", "due", "why"),
    [
        # one working day
        ("2026-03-10T10:00", 1, "working_days", NEXT, CLOSE, "2026-03-11T17:30", "Tuesday to Wednesday"),
        ("2026-03-10T23:59", 1, "working_days", NEXT, CLOSE, "2026-03-11T17:30", "late at night is still that day"),
        ("2026-03-13T10:00", 1, "working_days", NEXT, CLOSE, "2026-03-16T17:30", "over a weekend"),
        ("2026-03-14T10:00", 1, "working_days", NEXT, CLOSE, "2026-03-16T17:30", "received on a Saturday"),
        ("2026-03-10T10:00", 1, "working_days", AT, SAME, "2026-03-11T10:00", "same time next working day"),
        ("2026-03-14T10:00", 1, "working_days", AT, SAME, "2026-03-17T09:00", "a day off begins as the office opens"),
        ("2026-03-10T10:00", 1, "working_days", NEXT, END, "2026-03-12T00:00", "the whole last day"),
        # Spring Festival 2026: off 15 to 23 February, work on Saturdays 14 and 28
        ("2026-02-12T10:00", 1, "working_days", NEXT, CLOSE, "2026-02-13T17:30", "the day before"),
        ("2026-02-13T10:00", 1, "working_days", NEXT, CLOSE, "2026-02-14T17:30", "a make-up Saturday counts"),
        ("2026-02-14T10:00", 1, "working_days", NEXT, CLOSE, "2026-02-24T17:30", "over the whole festival"),
        ("2026-02-13T10:00", 5, "working_days", NEXT, CLOSE, "2026-02-27T17:30", "14, 24, 25, 26, 27"),
        ("2026-02-14T10:00", 5, "working_days", NEXT, CLOSE, "2026-02-28T17:30", "ends on a make-up Saturday"),
        ("2026-02-20T10:00", 5, "working_days", NEXT, CLOSE, "2026-02-28T17:30", "received in the festival"),
        # National Day 2026: off 1 to 7 October, work on Sunday 20 September and Saturday 10 October
        ("2026-09-30T10:00", 5, "working_days", NEXT, CLOSE, "2026-10-13T17:30", "8, 9, 10, 12, 13 October"),
        ("2026-09-18T10:00", 1, "working_days", NEXT, CLOSE, "2026-09-20T17:30", "a make-up Sunday"),
        # other units
        ("2026-02-14T23:00", 2, "hours", AT, SAME, "2026-02-15T01:00", "clock hours, day and night"),
        ("2026-02-13T10:00", 48, "hours", AT, SAME, "2026-02-15T10:00", "holidays do not stop clock hours"),
        ("2026-02-13T10:00", 15, "days", AT, SAME, "2026-02-28T10:00", "calendar days"),
        ("2026-02-13T10:00", 2, "weeks", AT, END, "2026-02-28T00:00", "weeks"),
        ("2026-03-10T16:30", 4, "working_hours", AT, SAME, "2026-03-11T12:00", "one hour today, three tomorrow"),
        ("2026-03-10T08:00", 4, "working_hours", AT, SAME, "2026-03-10T13:00", "before the office opens"),
        ("2026-03-13T18:00", 4, "working_hours", AT, SAME, "2026-03-16T13:00", "after it has closed on a Friday"),
        ("2026-02-14T16:30", 4, "working_hours", AT, SAME, "2026-02-24T12:00", "over the festival"),
        ("2026-03-10T10:00", 0, "working_days", AT, SAME, "2026-03-10T10:00", "nothing at all"),
    ],
)  # fmt: skip
def test_due(received: str, amount: int, unit: str, starts: Starts, ends: Ends, due: str, why: str) -> None:
    limit = Limit(amount=amount, unit=Unit(unit), starts=starts, ends=ends)
    assert count(limit, cn(received), CN).due_at == cn(due), why


@pytest.mark.parametrize(
    ("received", "hours", "due"),
    [
        ("2026-03-07T23:00-05:00", 8, "2026-03-08T08:00-04:00"),  # an hour is missing that night
        ("2026-10-31T23:00-04:00", 8, "2026-11-01T06:00-05:00"),  # an hour comes twice that night
    ],
)
def test_hours_are_elapsed_hours_across_summer_time(received: str, hours: int, due: str) -> None:
    end = count(Limit(amount=hours, unit=Unit.hours), datetime.fromisoformat(received), US)
    assert end.due_at == datetime.fromisoformat(due)


def test_counting_is_done_in_the_calendars_own_zone() -> None:
    late_in_london = datetime.fromisoformat("2026-03-10T17:00+00:00")  # 01:00 on the 11th in Shanghai
    end = count(Limit(amount=1, unit=Unit.working_days, starts=NEXT, ends=CLOSE), late_in_london, CN)
    assert end.due_at == cn("2026-03-12T17:30")


def test_it_says_what_it_counted() -> None:
    end = count(Limit(amount=3, unit=Unit.working_days, starts=NEXT, ends=CLOSE), cn("2026-10-01T10:00"), CN)
    assert end.days == [
        "2026-10-01 Thu 0 start",
        "2026-10-02 Fri - holiday",
        "2026-10-03 Sat - weekend",
        "2026-10-04 Sun - weekend",
        "2026-10-05 Mon - holiday",
        "2026-10-06 Tue - holiday",
        "2026-10-07 Wed - holiday",
        "2026-10-08 Thu 1 working day",
        "2026-10-09 Fri 2 working day",
        "2026-10-10 Sat 3 make-up working day",
    ]
    assert not end.provisional


def test_a_year_that_is_not_announced_marks_the_count() -> None:
    end = count(Limit(amount=5, unit=Unit.working_days, starts=NEXT, ends=CLOSE), cn("2026-12-29T10:00"), CN)
    assert end.provisional
    assert "not announced" in end.days[-1]


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        count(Limit(amount=1, unit=Unit.days), datetime(2026, 3, 10), CN)


MOMENTS = st.datetimes(datetime(2026, 1, 5), datetime(2026, 11, 30))


@given(MOMENTS, st.integers(1, 15), st.sampled_from([AT, NEXT]), st.sampled_from([CLOSE, SAME, END]))
def test_more_working_days_never_end_earlier(at: datetime, amount: int, starts: Starts, ends: Ends) -> None:
    start = CN.at(at.date(), at.time())
    less, more = (
        count(Limit(amount=n, unit=Unit.working_days, starts=starts, ends=ends), start, CN)
        for n in (amount, amount + 1)
    )
    assert start < less.due_at < more.due_at
    assert sum("working day" in d and " 0 " not in d for d in less.days) == amount


@given(MOMENTS, st.integers(1, 60))
def test_working_hours_are_all_inside_office_hours(at: datetime, amount: int) -> None:
    end = count(Limit(amount=amount, unit=Unit.working_hours), CN.at(at.date(), at.time()), CN).due_at
    local = CN.local(end)
    assert CN.is_working_day(local.date())
    assert CN.opens < local.time() <= CN.closes


def test_a_slice_of_a_calendar_counts_the_same() -> None:
    limit = Limit(amount=5, unit=Unit.working_days, starts=NEXT, ends=CLOSE)
    start = cn("2026-09-30T10:00")
    part: Calendar = CN.since(start.date())
    assert len(part.model_dump_json()) < 900
    assert count(limit, start, part).due_at == count(limit, start, CN).due_at
