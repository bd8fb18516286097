"""Reads the register: cases, their histories, lists and counts. Nothing here writes."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel, col

from register import tables as t

Row = dict[str, Any]


async def rows(engine: AsyncEngine, query: Executable) -> list[Row]:
    """What a query finds, row by row."""
    async with engine.connect() as db:
        return [dict(r) for r in (await db.execute(query)).mappings()]


def all_of(table: type[SQLModel]) -> Select[Any]:
    """Every column of a table."""
    return select(t.table(table))


async def case_state(engine: AsyncEngine, reference: str) -> Row | None:
    """The whole state of a case as its workflow last said."""
    found = await rows(engine, select(col(t.Complaint.state)).where(col(t.Complaint.reference) == reference))
    return found[0]["state"] if found else None


async def case_states(engine: AsyncEngine, references: Collection[str]) -> dict[str, Row]:
    """The states of many cases, by reference."""
    c = t.Complaint
    found = await rows(engine, select(col(c.reference), col(c.state)).where(col(c.reference).in_(references)))
    return {row["reference"]: row["state"] for row in found}


async def complaint(engine: AsyncEngine, reference: str) -> Row | None:
    """What links and mergers ask of a case: where it stands, since when, and what goes on for it."""
    c = t.Complaint
    query = select(col(c.stage), col(c.outcome), col(c.received_at), col(c.merged_into))
    found = await rows(engine, query.where(col(c.reference) == reference))
    return found[0] if found else None


async def events(engine: AsyncEngine, reference: str) -> list[Row]:
    """A case's history, oldest first."""
    query = all_of(t.CaseEvent).where(col(t.CaseEvent.reference) == reference)
    return await rows(engine, query.order_by(col(t.CaseEvent.seq)))


LISTED = (
    *("reference", "number", "stage", "outcome", "nature", "urgency", "kinds", "department", "handler", "channel"),
    *("product", "language", "received_at", "opened_at", "closed_at", "due_at", "breached", "round"),
)


async def complaints(
    engine: AsyncEngine,
    *,
    stage: str | None = None,
    kind: str | None = None,
    nature: str | None = None,
    department: str | None = None,
    handler: str | None = None,
    due_before: datetime | None = None,
    breached: bool | None = None,
    q: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Row]:
    """Cases, newest first; `before` is the number after which the page begins, `q` part of a reference or matter."""
    c = t.Complaint
    query = select(*(getattr(c, name) for name in LISTED))
    equal = {"stage": stage, "nature": nature, "department": department, "handler": handler, "breached": breached}
    for name, value in equal.items():
        if value is not None:
            query = query.where(getattr(c, name) == value)
    if kind is not None:
        query = query.where(col(c.kinds).contains([kind]))
    if due_before is not None:
        query = query.where(col(c.due_at) < due_before, col(c.closed_at).is_(None))
    if q:
        like = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where(or_(col(c.reference).ilike(like), col(c.matter).ilike(like)))
    if before is not None:
        query = query.where(col(c.number) < before)
    return await rows(engine, query.order_by(col(c.number).desc()).limit(limit))


async def open_approvals(engine: AsyncEngine) -> list[Row]:
    """Approvals nobody has decided, the most pressing first."""
    a = t.CaseApproval
    query = all_of(a).where(col(a.decision).is_(None), col(a.closed).is_(False))
    return await rows(engine, query.order_by(col(a.due_at)))


async def sendings(engine: AsyncEngine, reference: str) -> list[Row]:
    """The letters of a case, with their text and what became of them."""
    query = all_of(t.Sending).where(col(t.Sending.reference) == reference)
    return await rows(engine, query.order_by(col(t.Sending.number)))


async def board(engine: AsyncEngine, limit: int = 100) -> list[Row]:
    """The internal notice board, newest first."""
    return await rows(engine, all_of(t.BoardNotice).order_by(col(t.BoardNotice.published_at).desc()).limit(limit))


async def staff_member(engine: AsyncEngine, username: str) -> t.Staff | None:
    """One member of staff."""
    found = await rows(engine, all_of(t.Staff).where(col(t.Staff.username) == username))
    return t.Staff(**found[0]) if found else None


async def staff(engine: AsyncEngine) -> list[t.Staff]:
    """Everybody, by username."""
    return [t.Staff(**r) for r in await rows(engine, all_of(t.Staff).order_by(col(t.Staff.username)))]


async def departments(engine: AsyncEngine) -> list[Row]:
    """Every department."""
    return await rows(engine, all_of(t.Department).order_by(col(t.Department.code)))


async def handlers_with_load(engine: AsyncEngine, department: str) -> list[Row]:
    """The department's handlers at work, with how many open cases each holds, least first."""
    s, c = t.Staff, t.Complaint
    load = (
        select(func.count())
        .where(col(c.handler) == col(s.username), col(c.closed_at).is_(None))
        .correlate(t.table(s))
        .scalar_subquery()
    )
    query = (
        select(col(s.username), col(s.skills), col(s.region), load.label("load"))
        .where(col(s.department) == department, col(s.state) == "working", col(s.roles).contains(["handler"]))
        .order_by(load, col(s.username))
    )
    return await rows(engine, query)


async def counts(engine: AsyncEngine) -> list[Row]:
    """How many cases are open, by stage."""
    c = t.Complaint
    grouped = select(col(c.stage), func.count().label("cases")).where(col(c.closed_at).is_(None))
    return await rows(engine, grouped.group_by(col(c.stage)))


async def kept_agents(engine: AsyncEngine, prefix: str) -> list[str]:
    """In whose names complaints were kept under keys that begin so; looks through the whole intake."""
    i = t.Intake
    query = select(col(i.agent)).where(col(i.idempotency_key).startswith(prefix)).distinct()
    return [row["agent"] for row in await rows(engine, query)]


async def kept_by(engine: AsyncEngine, agents: list[str], key: str) -> str | None:
    """Which of these agents has kept a complaint under that key."""
    i = t.Intake
    found = await rows(engine, select(col(i.agent)).where(col(i.agent).in_(agents), col(i.idempotency_key) == key))
    return found[0]["agent"] if found else None


async def opened_since(engine: AsyncEngine, prefix: str, since: datetime) -> list[Row]:
    """How many cases were opened since then under keys that begin so, by nature, special kinds and department."""
    c, i = t.Complaint, t.Intake
    what = (col(c.nature), col(c.kinds), col(c.department))
    query = select(*what, func.count().label("cases")).join(i, col(i.reference) == col(c.reference))
    query = query.where(col(i.started_at) >= since, col(i.idempotency_key).startswith(prefix))
    return await rows(engine, query.group_by(*what))
