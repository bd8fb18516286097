"""Times as a script says them: "+1 working day 09:30", "+2 hours", "same day 15:00 after receipt".

A time is counted from the move before it, or from what it names with `after`: `begin`, `receipt` (of the complaint the
move is on), or the mark of an earlier move. All are wall-clock times of the office, without a zone.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from complaints.clock import Calendar, Limit, Unit, count

WAYS = (
    '"+0", "+90 minutes", "+2 hours", "+4 working hours", "+1 working day 09:30", "+3 days", "next working day 10:00", '
    '"same day 15:00", "2026-10-09 09:30"; and "after begin", "after receipt" or "after <mark>" behind it'
)
_CLOCK = r"(?P<clock>[0-9]{1,2}:[0-9]{2})"
_FORMS = [
    re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}) " + _CLOCK),
    re.compile(rf"(?P<word>next working day|same day) {_CLOCK}"),
    re.compile(r"\+(?P<amount>0)"),
    re.compile(r"\+(?P<amount>[0-9]{1,4}) (?P<unit>minute|hour|working hour)s?"),
    re.compile(rf"\+(?P<amount>[0-9]{{1,4}}) (?P<unit>day|working day)s?(?: {_CLOCK})?"),
]
_AFTER = re.compile(r"(?P<time>.*?)(?: after (?P<anchor>[a-z][a-z0-9_]*))?")


class BadTime(ValueError):
    """A time nobody can read, or that the calendar does not reach; the message says how to mend it."""


@dataclass(frozen=True)
class Spoken:
    """A time as said: how far from where; or, with `day`, that day whatever came before."""

    amount: int = 0
    unit: str = "minute"
    clock: time | None = None
    anchor: str | None = None
    day: datetime | None = None

    def count(self, start: datetime, calendar: Calendar) -> datetime:
        """The wall-clock time so far after `start`."""
        found = self._count(start, calendar)
        if not calendar.knows(found.date()):
            known = f"{calendar.known_from} to {calendar.known_through}"
            raise BadTime(f"{found:%Y-%m-%d} is outside the days the calendar knows ({known}); stay within them")
        return found

    def _count(self, start: datetime, calendar: Calendar) -> datetime:
        match self.unit:
            case "minute" | "hour":
                found = self.day or start + timedelta(**{f"{self.unit}s": self.amount})
            case "working hour":
                limit = Limit(amount=self.amount, unit=Unit.working_hours)
                due = count(limit, calendar.at(start.date(), start.time()), calendar).due_at
                found = due.replace(tzinfo=None)
            case "day":
                found = start + timedelta(days=self.amount)
            case _:
                day = start.date()
                for _ in range(self.amount):
                    day = calendar.next_working_day(day)
                found = datetime.combine(day, start.time())
        return found if self.clock is None else datetime.combine(found.date(), self.clock)


def parse(text: str) -> Spoken:
    """Read a time as said; raises BadTime."""
    split = _AFTER.fullmatch(" ".join(text.split()))
    assert split is not None  # it matches everything
    for form in _FORMS:
        if (found := form.fullmatch(split["time"])) is not None:
            said = found.groupdict()
            try:
                return _spoken(said, split["anchor"])
            except ValueError as error:
                raise BadTime(f"{text!r}: {error}") from None
    raise BadTime(f"cannot read the time {text!r}; say it so: {WAYS}")


def _spoken(said: dict[str, str | None], anchor: str | None) -> Spoken:
    clock = time.fromisoformat(text.zfill(5)) if (text := said.get("clock")) else None
    if (day := said.get("day")) is not None:
        return Spoken(clock=clock, anchor=anchor, day=wall(f"{day} 00:00"))
    if (word := said.get("word")) is not None:
        return Spoken(1 if word == "next working day" else 0, "working day", clock, anchor)
    return Spoken(int(said["amount"] or 0), said.get("unit") or "minute", clock, anchor)


def wall(text: str) -> datetime:
    """A wall-clock time of the office, `2026-09-30 22:10`; raises BadTime."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007  # the office's own clock has no zone
    except ValueError:
        raise BadTime(f"cannot read the moment {text!r}; say it so: 2026-09-30 22:10") from None
