"""Moments of the borrowed calendar, told as the office's own wall clock: in events, in counted days, in letters."""

import re
from datetime import date, datetime, timedelta
from typing import Any

from run.drill.borrowing import Borrowed

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})")
_COUNTED = re.compile(r"(\d{4}-\d{2}-\d{2}) \w{3}\b")
_ZH = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_EN = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(MONTHS)}) (\d{{4}})\b")
AROUND = timedelta(days=60)


class WallClock:
    """Turns what one office wrote into the script's time. `said` is the script: its own dates are not touched."""

    def __init__(self, calendar: Borrowed, begin: datetime, end: datetime, said: str) -> None:
        self.calendar, self.said = calendar, said
        self.first, self.last = (begin - AROUND).date() + calendar.days, (end + AROUND).date() + calendar.days

    def at(self, moment: str | datetime) -> datetime:
        """The wall-clock time, to the second."""
        found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return self.calendar.wall(found).replace(microsecond=0)

    def spell(self, value: Any) -> Any:
        """Data of an event with every moment told as wall-clock time."""
        match value:
            case str():
                return _MOMENT.sub(lambda found: f"{self.at(found[0]):%Y-%m-%d %H:%M}", value)
            case dict():
                return {key: self.spell(inner) for key, inner in value.items()}
            case list():
                return [self.spell(inner) for inner in value]
            case _:
                return value

    def counted(self, line: str) -> str:
        """A line such as `2026-10-10 Sat 3 make-up working day`."""
        return _COUNTED.sub(lambda found: f"{self._day(date.fromisoformat(found[1])):%Y-%m-%d %a}", line)

    def letter(self, text: str) -> str:
        """The text of a letter, its dates the script's."""
        text = _ZH.sub(lambda f: self._in_letter(f[0], int(f[1]), int(f[2]), int(f[3])), text)
        return _EN.sub(lambda f: self._in_letter(f[0], int(f[3]), MONTHS.index(f[2]) + 1, int(f[1])), text)

    def _day(self, real: date) -> date:
        return real - self.calendar.days

    def _in_letter(self, shown: str, year: int, month: int, day: int) -> str:
        try:
            real = date(year, month, day)
        except ValueError:
            return shown
        if shown in self.said or not self.first <= real <= self.last:
            return shown
        found = self._day(real)
        if "年" in shown:
            return f"{found.year}年{found.month}月{found.day}日"
        return f"{found.day} {MONTHS[found.month - 1]} {found.year}"
