"""Counts the figures of register/figures.py: those of this moment, those of a period, its trend and what it was about.

Each query is answered from an index alone (docs/figures.md has the plans). Nothing here writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Date, Select, and_, case, cast, extract, func, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from complaints.masking import Mask
from complaints.targets import FigureName, Targets
from register import detour_tables as d
from register import tables as t
from register.figures import DETRACTORS, FIGURES, NOW_NAMES, PROMOTERS, Rate, between, of_department, standing
from register.read import Row
from register.sealing import FORM, STATE, boxes_of, take

C = t.Complaint
ABOUT = ("nature", "product", "channel", "department")
NAMED_FROM = 3
"""A cause is free text, sealed; it is shown in words from so many complaints on, for then it is nobody's own."""
CAUSES = 8


@dataclass(frozen=True)
class Measured:
    """A figure's value, none where there is nothing to measure; `base` and `hits` count complaints."""

    name: FigureName
    unit: Literal["percent", "days", "points"]
    by: Literal["received", "closed"]
    base: int
    hits: int
    value: float | None
    against: int


@dataclass(frozen=True)
class Period:
    """From `since`, the beginning of a day of the bank, until before `until`; by day or by week of that zone."""

    since: datetime
    until: datetime
    zone: str
    step: Literal["day", "week"]


async def standings(engine: AsyncEngine, now: datetime, tomorrow: datetime, department: str | None) -> Row:
    """The figures of this moment: `stages` by code, each of NOW_NAMES, and `incidents` under way in the whole bank."""
    c, i = t.Complaint, d.MajorIncident
    counts = [func.count().filter(standing(name, now, tomorrow)).label(name) for name in NOW_NAMES]
    query = select(col(c.stage), *counts).where(col(c.closed_at).is_(None), of_department(department))
    under_way = select(func.count()).select_from(t.table(i))
    under_way = under_way.where(col(i.reported_at).is_(None), col(i.stood_down_at).is_(None))
    async with engine.connect() as db:
        found = [dict(r) for r in (await db.execute(query.group_by(col(c.stage)))).mappings()]
        incidents = await db.scalar(under_way)
    return {
        "stages": {row["stage"]: row["open"] for row in found},
        "incidents": incidents or 0,
        **{name: sum(row[name] for row in found) for name in NOW_NAMES},
    }


async def figures(db: AsyncConnection, period: Period, department: str | None, rules: Targets) -> list[Measured]:
    """Every figure of a period."""
    rates = {name: make(rules) for name, make in FIGURES.items()}
    counted: dict[FigureName, tuple[Any, ...]] = {}
    for by in ("received", "closed"):
        plain = [name for name, rate in rates.items() if rate.plain and rate.by == by]
        columns = [column for name in plain for column in _plain(rates[name])]
        row = tuple((await db.execute(_of(period, by, department, *columns))).one())
        counted |= {name: row[3 * n : 3 * n + 3] for n, name in enumerate(plain)}
    for name, rate in rates.items():
        if not rate.plain:  # as conditions, so that the database may join instead of asking row by row
            base, hits = [
                await db.scalar(_of(period, rate.by, department, func.count()).where(condition))
                for condition in (rate.base, and_(rate.base, rate.hit))
            ]
            counted[name] = (base, hits, None)
    return [_measured(name, rates[name], *counted[name]) for name in FIGURES]


def _of(period: Period, by: Literal["received", "closed"], department: str | None, *columns: Any) -> Select[Any]:
    """Those columns over the complaints of the period."""
    query = select(*columns).select_from(t.table(C))
    return query.where(*between(by, period.since, period.until), of_department(department))


def _plain(rate: Rate) -> list[ColumnElement[Any]]:
    """Base, hits and, for what is no share, the value."""
    value: ColumnElement[Any] = literal_column("NULL")
    if rate.unit == "days":
        value = func.avg(extract("epoch", col(C.closed_at) - col(C.received_at)) / 86400).filter(rate.base)
    elif rate.unit == "points":
        way = case((col(C.nps) >= PROMOTERS, 100.0), (col(C.nps) <= DETRACTORS, -100.0), else_=0.0)
        value = func.avg(way).filter(rate.base)
    return [func.count().filter(rate.base), func.count().filter(rate.base, rate.hit), value]


def _measured(name: FigureName, rate: Rate, base: int, hits: int, value: Any) -> Measured:
    if rate.unit == "percent" and base:
        value = 100 * hits / base
    against = hits if rate.bad else base - hits
    return Measured(name, rate.unit, rate.by, base, hits, None if value is None else float(value), against)


async def trend(db: AsyncConnection, period: Period, department: str | None) -> dict[date, dict[str, int]]:
    """How many were received and closed, by the first day of each day or week that had any."""
    found: dict[date, dict[str, int]] = {}
    for by, at in (("received", col(C.received_at)), ("closed", col(C.closed_at))):
        day = cast(func.date_trunc(period.step, func.timezone(period.zone, at)), Date).label("day")
        query = _of(period, "received" if by == "received" else "closed", department, day, func.count())
        for first, cases in await db.execute(query.group_by(day)):
            found.setdefault(first, {"received": 0, "closed": 0})[by] = cases
    return found


async def about(db: AsyncConnection, period: Period, department: str | None) -> dict[str, list[tuple[str | None, int]]]:
    """What the complaints received were about: nature, product, channel and department, the most frequent first."""
    columns: list[Any] = [col(getattr(C, name)) for name in ABOUT]
    level = func.grouping(*columns)
    query = _of(period, "received", department, level, *columns, func.count())
    query = query.group_by(func.grouping_sets(*[tuple_(column) for column in columns]))
    found: dict[str, list[tuple[str | None, int]]] = {name: [] for name in ABOUT}
    for bits, *values, cases in await db.execute(query):
        place = next(n for n in range(len(ABOUT)) if not bits >> (len(ABOUT) - 1 - n) & 1)
        found[ABOUT[place]].append((values[place], cases))
    return {name: sorted(rows, key=lambda row: (-row[1], row[0] or "")) for name, rows in found.items()}


async def causes(db: AsyncConnection, period: Period, department: str | None) -> list[tuple[str | None, str, int]]:
    """The commonest causes of the complaints closed: words, blind index and how many, the most frequent first.

    Equal causes have equal indexes. The words are read from one complaint of each that is not erased, masked; none
    where there is no such complaint, or too few for its words to be shown.
    """
    index, cases = col(C.root_cause_index), func.count()
    readable = func.max(col(C.reference)).filter(col(C.erased_at).is_(None))
    query = _of(period, "closed", department, index, cases, readable).where(index.isnot(None))
    query = query.group_by(index).order_by(cases.desc(), index).limit(CAUSES)
    found = [tuple(row) for row in await db.execute(query)]
    words = await _words(db, [reference for _, number, reference in found if reference and number >= NAMED_FROM])
    return [(words.get(reference), cause, number) for cause, number, reference in found]


async def _words(db: AsyncConnection, references: Sequence[str]) -> dict[str, str]:
    query = select(col(C.reference), col(C.form), col(C.state)).where(col(C.reference).in_(references))
    rows = (await db.execute(query)).all()
    boxes = await boxes_of(db, references)
    words = {}
    for reference, form, state in rows:
        box = boxes.get(reference)
        if resolutions := take(box, STATE, state).get("resolutions"):
            mask = Mask(take(box, FORM, form).get("complainant"))
            words[reference] = mask.text(resolutions[-1]["root_cause"])
    return words
