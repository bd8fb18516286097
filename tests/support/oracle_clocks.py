"""How the oracle counts a clock: days are walked one by one, hours added up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

import yaml

from policies.files import FOLDER

Json = dict[str, Any]
DAY = timedelta(days=1)
INCIDENT = ("major_response", "incident_task")


def rules_as_data(topic: str = "clocks", folder: Path = FOLDER / "cn") -> Json:
    """A topic of the newest rules as it stands in the file."""
    newest = max(p for p in folder.iterdir() if (p / f"{topic}.yaml").is_file())
    found: Json = yaml.safe_load((newest / f"{topic}.yaml").read_text("utf-8"))
    return found


@dataclass
class Almanac:
    """Which days are worked, from when to when, where."""

    works: Callable[[date], bool]
    opens: time
    closes: time
    zone: tzinfo


@dataclass
class Expected:
    """A clock as it must be."""

    name: str
    limit: Json
    start: datetime
    due: datetime
    more: int = 0
    stood: list[tuple[datetime, datetime]] = field(default_factory=list)
    paused: datetime | None = None
    stopped: datetime | None = None
    breached: datetime | None = None
    said: bool = False

    @property
    def state(self) -> str:
        """`running`, `paused`, `met` or `breached`."""
        if self.breached:
            return "breached"
        return "met" if self.stopped else "paused" if self.paused else "running"

    def open(self) -> bool:
        """Whether it still counts."""
        return self.stopped is None


def due(limit: Json, more: int, start: datetime, stood: list[tuple[datetime, datetime]], almanac: Almanac) -> datetime:
    """When a limit, with so many more units, runs out."""
    amount = limit["amount"] + more
    match limit["unit"]:
        case "hours":
            return _hours(timedelta(hours=amount), start, stood)
        case "working_hours":
            assert not stood
            return _working_hours(timedelta(hours=amount), start, almanac)
        case "working_days":
            assert (limit["starts"], limit["ends"]) == ("next_day", "close_of_business")
            return _working_days(amount, start, stood, almanac)
    raise AssertionError(f"no clock is counted in {limit['unit']}")


def _hours(left: timedelta, start: datetime, stood: list[tuple[datetime, datetime]]) -> datetime:
    at = start
    for begin, end in stood:
        if begin - at >= left:
            break
        left -= begin - at
        at = end
    return at + left


def _working_hours(left: timedelta, start: datetime, almanac: Almanac) -> datetime:
    at = start.astimezone(almanac.zone)
    while True:
        opens = datetime.combine(at.date(), almanac.opens, almanac.zone)
        closes = datetime.combine(at.date(), almanac.closes, almanac.zone)
        if almanac.works(at.date()) and at < closes:
            at = max(at, opens)
            if closes - at >= left:
                return at + left
            left -= closes - at
        at = datetime.combine(at.date() + DAY, time.min, almanac.zone)


def _working_days(amount: int, start: datetime, stood: list[tuple[datetime, datetime]], almanac: Almanac) -> datetime:
    day = start.astimezone(almanac.zone).date()
    counted = 0
    while True:
        day += DAY
        close = datetime.combine(day, almanac.closes, almanac.zone)
        if almanac.works(day) and not any(begin < close <= end for begin, end in stood):
            counted += 1
            if counted == amount:
                return close
