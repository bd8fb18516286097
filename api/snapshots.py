"""The figures as last counted: each web server counts them for itself, once for all who look, and not too often."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from api.listing import targets
from api.pages.live import Changes
from api.periods import PeriodName, days_of, period_of, tomorrow
from complaints.targets import FigureName, Targets
from register import measuring
from register.connect import LONGER
from register.measuring import Measured
from register.read import Row

log = structlog.get_logger()
K = TypeVar("K")
V = TypeVar("V")
AGAIN, OLDEST = 15.0, 40.0
"""Seconds after which figures are counted anew while the last ones are still shown; and after which one waits."""
SHARE = 10
"""Counting the same takes at most one part in so many of the time, however long it takes."""
PATIENCE = OLDEST / SHARE
"""Seconds one waits for figures that are old; what takes longer to count is shown as it was, with its time."""
OF_NOW, OF_NOW_UNCHANGED = 1.0, 10.0
"""Seconds the figures of this moment stand when something has changed since, and when nothing has."""


class Key(NamedTuple):
    """Which figures; no department: the whole bank."""

    period: PeriodName
    department: str | None


@dataclass(frozen=True)
class Snapshot:
    """The figures of a period, as they were at a moment."""

    key: Key
    at: datetime
    first: date
    last: date
    targets: Targets
    figures: dict[FigureName, Measured]
    trend: list[tuple[date, int, int]]
    about: dict[str, list[tuple[str | None, int]]]
    causes: list[tuple[str | None, str, int]]
    charts: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    """Drawn once for each language, by whoever asks first."""


@dataclass
class Kept(Generic[V]):
    """A value, when it was made, how long that took, and the number of the last change before."""

    value: V
    since: float
    took: float
    change: int


class Once(Generic[K, V]):
    """Makes each value once for all who want it at the same time."""

    def __init__(self, make: Callable[[K], Awaitable[V]], changes: Changes) -> None:
        self.make, self.changes = make, changes
        self.kept: dict[K, Kept[V]] = {}
        self.tasks: dict[K, asyncio.Task[None]] = {}
        self.turn = asyncio.Semaphore(1)

    def begun(self, key: K) -> asyncio.Task[None]:
        """The task that makes it, now begun if there is none."""
        if key not in self.tasks:
            self.tasks[key] = asyncio.create_task(self._made(key))
            self.tasks[key].add_done_callback(_said)
        return self.tasks[key]

    async def wanted(self, key: K, again: float, oldest: float) -> V:
        """The value: after `again` seconds it is made anew; after `oldest` one waits for it, unless that takes long."""
        known = self.kept.get(key)
        if known is None:
            return await self.fresh(key)
        age = monotonic() - known.since
        if age < max(again, SHARE * known.took):
            return known.value
        self.begun(key)
        if age >= oldest and known.took <= PATIENCE:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    return await self.fresh(key)
        return known.value

    async def fresh(self, key: K) -> V:
        """The value, made anew; who stops waiting stops nobody else's."""
        await asyncio.shield(self.begun(key))
        return self.kept[key].value

    async def _made(self, key: K) -> None:
        try:
            async with self.turn:
                change, began = self.changes.number, monotonic()
                value = await self.make(key)
                self.kept[key] = Kept(value, began, monotonic() - began, change)
        finally:
            del self.tasks[key]


def _said(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("figures.not_counted", error=type(error).__name__)


class Snapshots:
    """The board's figures for this web server; asking for them costs nothing while they are fresh."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime], changes: Changes) -> None:
        self.engine, self.clock, self.changes = engine, clock, changes
        self.periods: Once[Key, Snapshot] = Once(self._count, changes)
        self.moments: Once[str | None, Row] = Once(self._count_now, changes)

    async def of_period(self, key: Key) -> Snapshot:
        """The figures of a period: no older than OLDEST if they are counted within PATIENCE; never of another day."""
        known = self.periods.kept.get(key)
        if known is not None and known.value.last != days_of(key.period, self.clock())[1]:
            return await self.periods.fresh(key)
        return await self.periods.wanted(key, AGAIN, OLDEST)

    async def of_now(self, department: str | None) -> Row:
        """The figures of this moment: counted anew after each change, at most once a second."""
        known = self.moments.kept.get(department)
        changed = known is not None and self.changes.number != known.change
        again = OF_NOW if changed else OF_NOW_UNCHANGED
        return await self.moments.wanted(department, again, again)

    async def _count_now(self, department: str | None) -> Row:
        now = self.clock()
        return await measuring.standings(self.engine, now, tomorrow(now), department)

    async def _count(self, key: Key) -> Snapshot:
        now = self.clock()
        period, rules = period_of(key.period, now), targets(now)
        first, last = days_of(key.period, now)
        async with self.engine.connect() as db:
            await db.execute(LONGER)  # if a long count failed, the next who looks would begin it anew
            figures = await measuring.figures(db, period, key.department, rules)
            counted = await measuring.trend(db, period, key.department)
            about = await measuring.about(db, period, key.department)
            causes = await measuring.causes(db, period, key.department)
        return Snapshot(
            key=key,
            at=now,
            first=first,
            last=last,
            targets=rules,
            figures={figure.name: figure for figure in figures},
            trend=_whole(counted, first, last, period.step),
            about=about,
            causes=causes,
        )


def _whole(counted: dict[date, dict[str, int]], first: date, last: date, step: str) -> list[tuple[date, int, int]]:
    """Every day, or every week by its Monday, also those in which nothing came."""
    length = timedelta(days=7 if step == "week" else 1)
    day = first - timedelta(days=first.weekday()) if step == "week" else first
    whole = []
    while day <= last:
        here = counted.get(day, {})
        whole.append((day, here.get("received", 0), here.get("closed", 0)))
        day += length
    return whole
