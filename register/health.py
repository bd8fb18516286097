"""What ops ask of the register: how late deadlines were heard, what waits to start or go out. Nothing here writes."""

from datetime import datetime, timedelta

from sqlalchemy import Executable, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register import tables as t
from register.read import Row, rows

OPEN_LETTERS = text("state <> 'sent'")
"""Written as the index has it, so that the database sees that it may use it."""


def alarms_query(since: datetime, until: datetime) -> Executable:
    """Alarms heard between these moments, by kind: how many, and how late, in seconds."""
    e = t.CaseEvent
    late = col(e.late_by)
    return (
        select(
            col(e.kind),
            func.count().label("fired"),
            *(
                func.percentile_disc(share).within_group(late).label(name)
                for name, share in (("p50", 0.5), ("p95", 0.95))
            ),
            func.max(late).label("max"),
        )
        .where(late.is_not(None), col(e.at) > since, col(e.at) <= until)
        .group_by(col(e.kind))
        .order_by(col(e.kind))
    )


async def alarms(engine: AsyncEngine, since: datetime, until: datetime) -> list[Row]:
    """Reminders, breaches and escalations heard since then, and the seconds they were late."""
    return await rows(engine, alarms_query(since, until))


def letters_query(recent: datetime) -> Executable:
    """Letters that are not out, by state."""
    s = t.Sending
    return (
        select(
            col(s.state),
            func.count().label("letters"),
            func.count().filter(col(s.ordered_at) > recent).label("recent"),
            func.min(col(s.ordered_at)).label("oldest"),
        )
        .where(OPEN_LETTERS)
        .group_by(col(s.state))
    )


async def letters(engine: AsyncEngine, recent: datetime) -> dict[str, Row]:
    """Letters that are not out, by state: how many, how many ordered since `recent`, when the oldest was ordered."""
    return {row["state"]: row for row in await rows(engine, letters_query(recent))}


async def letters_to_look_at(engine: AsyncEngine, limit: int) -> list[Row]:
    """Letters that wait, the oldest first, then those that failed or may have gone out, the newest first."""
    s = t.Sending
    shown = (col(s.reference), col(s.number), col(s.kind), col(s.way), col(s.state), col(s.ordered_at), col(s.tries))
    some = select(*shown, col(s.error)).where(OPEN_LETTERS)
    waiting = some.where(col(s.state).in_(("ready", "handing_over"))).order_by(col(s.ordered_at))
    over = some.where(col(s.state).in_(("failed", "uncertain"))).order_by(col(s.ordered_at).desc())
    return [*await rows(engine, waiting.limit(limit)), *await rows(engine, over.limit(limit))]


def digests_query() -> Executable:
    """Digests with something left to send."""
    return select(func.count().label("number"), func.min(col(t.Digest.made_at)).label("oldest")).where(
        col(t.Digest.done_at).is_(None)
    )


def notices_query() -> Executable:
    """What people have not been told yet."""
    n = t.StaffNotice
    people = func.count(func.distinct(col(n.username))).label("people")
    query = select(func.count().label("number"), people, func.min(col(n.at)).label("oldest"))
    return query.where(col(n.digest).is_(None))


def kept_query(older_than: datetime) -> Executable:
    """Complaints kept before then whose process has not started."""
    i = t.Intake
    query = select(func.count().label("number"), func.min(col(i.recorded_at)).label("oldest"))
    return query.where(col(i.started_at).is_(None), col(i.recorded_at) < older_than)


def backlog_query() -> Executable:
    """What was kept and has not started: how many wait for the relay, since when, and how many are set aside."""
    i = t.Intake
    aside, tried = col(i.set_aside).isnot(None), col(i.set_aside).is_(None)
    query = select(
        func.count().filter(tried).label("waiting"),
        func.min(col(i.recorded_at)).filter(tried).label("oldest"),
        func.count().filter(aside).label("set_aside"),
    )
    return query.where(col(i.started_at).is_(None))


async def backlog(engine: AsyncEngine) -> Row:
    """How many kept complaints wait to be started, since when, and how many are set aside."""
    return (await rows(engine, backlog_query()))[0]


async def digests(engine: AsyncEngine) -> Row:
    """How many digests are not out, since when."""
    return (await rows(engine, digests_query()))[0]


async def notices(engine: AsyncEngine) -> Row:
    """How many notices wait for a digest, of how many people, since when."""
    return (await rows(engine, notices_query()))[0]


async def kept(engine: AsyncEngine, now: datetime, limit: int) -> tuple[Row, list[Row]]:
    """Kept complaints that the relay should have started by now: how many, since when, and the first of them."""
    i, due = t.Intake, now - timedelta(seconds=30)
    first = select(col(i.reference), col(i.recorded_at), col(i.set_aside)).where(
        col(i.started_at).is_(None), col(i.recorded_at) < due
    )
    return (await rows(engine, kept_query(due)))[0], await rows(engine, first.order_by(col(i.number)).limit(limit))


async def open_cases(engine: AsyncEngine, references: list[str]) -> set[str]:
    """Which of these the register shows as open."""
    c = t.Complaint
    query = select(col(c.reference)).where(col(c.reference).in_(references), col(c.closed_at).is_(None))
    return {row["reference"] for row in await rows(engine, query)} if references else set()
