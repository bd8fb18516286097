"""Who holds how much: the members of departments and their open cases. Nothing here writes."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register import tables as t
from register.read import LISTED, Row, rows

C, S = t.Complaint, t.Staff
MEMBERS = ("handler", "supervisor")
"""The roles of a department's own people; who only reads, or serves every department, is in no team."""


async def members(engine: AsyncEngine, department: str | None) -> list[t.Staff]:
    """The people of that department, or of every one; nobody whose account is closed."""
    query = select(t.table(S)).where(
        col(S.state) != "disabled", or_(*(col(S.roles).contains([role]) for role in MEMBERS))
    )
    query = query.where(col(S.department) == department if department else col(S.department).isnot(None))
    found = await rows(engine, query.order_by(col(S.department), col(S.username)))
    return [t.Staff(**row) for row in found]


async def loads(
    engine: AsyncEngine, seen: ColumnElement[bool], usernames: list[str], today_ends: datetime
) -> dict[str, Row]:
    """Of each of these, by user name: open cases, how many end today, how many broke a limit, when the oldest came.

    By the index complaint_handler_open, which holds open cases alone.
    """
    query = select(col(C.handler), *_counts(today_ends))
    query = query.where(seen, col(C.closed_at).is_(None), col(C.handler).in_(usernames))
    return {row["handler"]: row for row in await rows(engine, query.group_by(col(C.handler)))}


async def queues(engine: AsyncEngine, seen: ColumnElement[bool], today_ends: datetime) -> dict[str, Row]:
    """The same of each department's queue: its cases that no handler has."""
    query = select(col(C.department), *_counts(today_ends))
    query = query.where(seen, col(C.closed_at).is_(None), col(C.handler).is_(None), col(C.department).isnot(None))
    return {row["department"]: row for row in await rows(engine, query.group_by(col(C.department)))}


async def cases(
    engine: AsyncEngine, seen: ColumnElement[bool], handler: str | None, department: str | None, limit: int
) -> list[Row]:
    """Open cases of that handler, or of the department's queue, by what breaks first."""
    query = select(*(getattr(C, name) for name in (*LISTED, "seq"))).where(seen, col(C.closed_at).is_(None))
    if handler is not None:
        query = query.where(col(C.handler) == handler)
    else:
        query = query.where(col(C.handler).is_(None), col(C.department) == department)
    return await rows(engine, query.order_by(col(C.due_at).asc().nulls_last(), col(C.number)).limit(limit))


def _counts(today_ends: datetime) -> tuple[ColumnElement[Any], ...]:
    broken = col(C.breached)
    return (
        func.count().label("open"),
        func.count().filter(col(C.due_at) < today_ends, ~broken).label("today"),
        func.count().filter(broken).label("breached"),
        func.min(col(C.received_at)).label("oldest"),
    )
