"""Time left until a limit: in words, and as one of three shapes, so that it never hangs on a colour alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta

from activities.render import LOCALES
from api.pages.words import say
from complaints.form import Language
from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION


@cache
def zone() -> ZoneInfo:
    """The bank's own time zone."""
    return ZoneInfo(calendar(DEFAULT_JURISDICTION).time_zone)


def moment(value: datetime | str | None) -> datetime | None:
    """A time of the register or of a case's JSON, in the bank's zone."""
    if value is None:
        return None
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(zone())


SOON = timedelta(hours=4)


@dataclass(frozen=True)
class Left:
    """`shape`: ok ○, soon △, late ■, still ‖ (the clock stands)."""

    shape: Literal["ok", "soon", "late", "still"]
    mark: str
    words: str


MARKS = {"ok": "○", "soon": "△", "late": "■", "still": "‖"}


@lru_cache(4096)
def _span(seconds: int, locale: str) -> str:
    return format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=locale)


def left(due_at: datetime, now: datetime, language: Language, *, stands: bool = False) -> Left:
    """How much time there is, or how late it is, rounded to the largest unit; times are aware."""
    seconds = abs(due_at - now).total_seconds()
    step = 1 if seconds < 180 else 60 if seconds < 3 * 3600 else 3600  # so that few spans are put into words anew
    much = _span(round(seconds / step) * step, LOCALES[language][0])
    if stands:
        return Left("still", MARKS["still"], say(language, "stands still"))
    if due_at < now:
        return Left("late", MARKS["late"], say(language, "%s late") % much)
    shape: Literal["ok", "soon"] = "soon" if due_at - now < SOON else "ok"
    return Left(shape, MARKS[shape], say(language, "%s left") % much)
