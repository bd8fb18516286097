"""The drill as one picture: a lane for each limit and each actor, over the office's days, those off shaded."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from pydantic import BaseModel

from complaints.records import PROCESS
from run.drill.load import Drill
from run.drill.report import Line, Report
from run.drill.words import both

X = Callable[[datetime], float]

LEFT, WIDTH, ROW = 190, 1000, 22
DAY = timedelta(days=1)
AT_ONCE = timedelta(minutes=1)
TICKS = [timedelta(hours=h) for h in (1, 2, 3, 6, 12)] + [timedelta(days=d) for d in (1, 2, 5, 10)]
ALARMS = {"reminded": "warned", "breached": "broken", "escalated": "broken"}


class Band(BaseModel):
    """A stretch of the picture: a day off, or a limit that runs."""

    x: float
    width: float
    look: str
    says: str


class Dot(BaseModel):
    """Something that happened."""

    x: float
    look: str
    says: str


class Lane(BaseModel):
    """One row."""

    y: float
    name: str
    begins: bool = False
    bands: list[Band] = []
    dots: list[Dot] = []


class Picture(BaseModel):
    """Everything the page draws."""

    width: float
    height: float
    left: float
    days_off: list[Band]
    ticks: list[tuple[float, str]]
    lanes: list[Lane]


def draw(report: Report, drill: Drill) -> Picture:
    """The picture of that drill."""
    first, last = report.begin, report.end + max((report.end - report.begin) / 40, timedelta(minutes=5))

    def x(moment: datetime) -> float:
        share = (min(max(moment, first), last) - first) / (last - first)
        return round(LEFT + share * (WIDTH - LEFT), 1)

    lanes: list[Lane] = []

    def lane(name: str, begins: bool) -> Lane:
        lanes.append(Lane(y=34 + ROW * len(lanes), name=name, begins=begins and bool(lanes)))
        return lanes[-1]

    several = len(report.complaints) > 1
    for one in report.complaints:
        clocks = [c for c in one.clocks if not (several and _at_once(c))]
        for n, clock in enumerate(sorted(clocks, key=lambda c: (c["started_at"], c["due_at"]))):
            zh, en = both(clock["name"])
            row = lane(f"{one.label} · {zh}" if several else f"{zh} {en}", begins=n == 0)
            row.bands = list(_bars(clock, x, last))
    for n, (actor, lines) in enumerate(report.actors.items()):
        if actor:
            row = lane(actor, begins=n == 0)
            dots = [Dot(x=x(line.at), look=_look(line, actor), says=_says(line)) for line in lines]
            row.dots = sorted(dots, key=lambda dot: "told" not in dot.look)  # what somebody did lies on top
    return Picture(
        width=WIDTH,
        height=40 + ROW * len(lanes),
        left=LEFT,
        days_off=_days_off(drill, first, last, x),
        ticks=_ticks(first, last, x),
        lanes=lanes,
    )


def _at_once(clock: dict[str, Any]) -> bool:
    """Whether it was kept before anybody could look at it; among many complaints such lanes only take room."""
    kept: bool = clock["state"] == "met" and clock["stopped_at"] - clock["started_at"] < AT_ONCE
    return kept


def _bars(clock: dict[str, Any], x: X, last: datetime) -> list[Band]:
    started, due, stopped = clock["started_at"], clock["due_at"], clock["stopped_at"] or last
    says = f"{clock['name']}: {started:%m-%d %H:%M} – {due:%m-%d %H:%M}, {clock['state']}"
    bars = [(started, min(stopped, due), "run")]
    if stopped < due:
        bars.append((stopped, due, "left"))
    elif stopped > due:
        bars.append((due, stopped, "late"))
    return [Band(x=x(a), width=max(x(b) - x(a), 1.5), look=look, says=says) for a, b, look in bars if b >= a]


def _look(line: Line, actor: str) -> str:
    if line.kind in ALARMS:
        return f"{ALARMS[line.kind]} {'told' if actor != line.actor else ''}".strip()
    if line.kind == "refused":
        return "refused"
    return "told" if actor != line.actor else "process" if actor == PROCESS else "act"


def _says(line: Line) -> str:
    return f"{line.at:%m-%d %H:%M} {' '.join(line.what)}"


def _days_off(drill: Drill, first: datetime, last: datetime, x: X) -> list[Band]:
    found, day = [], first.date()
    while day <= last.date():
        if not drill.days.is_working_day(day):
            begins = datetime.combine(day, time.min)
            a, b = x(begins), x(begins + DAY)
            found.append(Band(x=a, width=round(b - a, 1), look="off", says=f"{day:%m-%d %a}"))
        day += DAY
    return found


def _ticks(first: datetime, last: datetime, x: X) -> list[tuple[float, str]]:
    step = next((s for s in TICKS if (last - first) / s <= 12), TICKS[-1])
    midnight = datetime.combine(first.date(), time.min)
    at = midnight + -(-(first - midnight) // step) * step
    found = []
    while at <= last:
        shown = "%m-%d" if step >= DAY else "%m-%d %H:%M" if at.time() == time.min else "%H:%M"
        found.append((x(at), at.strftime(shown)))
        at += step
    return found
