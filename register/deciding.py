"""What an approver reads: approvals that wait, broken time limits, who could decide. Nothing here writes."""

from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from complaints.access import Parts
from register import tables as t
from register.read import Row, opened, rows
from register.sealing import STATE, take

A, C, K = t.CaseApproval, t.Complaint, t.SlaClock
OF_CASE = ("seq", "nature", "urgency", "kinds", "handler", "round", "breached", *Parts.model_fields)


async def waiting(engine: AsyncEngine, seen: ColumnElement[bool], limit: int) -> list[Row]:
    """Approvals nobody has decided in the cases `seen`, the most pressing first, each with its redress.

    By the index approval_open, the earliest end first: it is for NOT closed, which IS false would not be known to mean.
    """
    query = _asked().where(seen, col(A.decision).is_(None), ~col(A.closed))
    return await _with_redress(engine, query.order_by(col(A.due_at), col(A.id)).limit(limit))


async def approval(engine: AsyncEngine, identifier: str) -> Row | None:
    """That approval, decided or not, as a list has it."""
    found = await _with_redress(engine, _asked().where(col(A.id) == identifier))
    return found[0] if found else None


def _asked() -> Select[Any]:
    columns = [column for column in t.table(A).columns if column.name != "department"]
    return select(*columns, *(getattr(C, name) for name in OF_CASE), col(C.state)).join(
        C, col(C.reference) == col(A.reference)
    )


async def _with_redress(engine: AsyncEngine, query: Select[Any]) -> list[Row]:
    """The redress is sealed in the case."""
    found, boxes = await opened(engine, query)
    for row in found:
        state = take(boxes.get(row["reference"]), STATE, row.pop("state"))
        row["redress"] = next((a["redress"] for a in state.get("approvals", []) if a["id"] == row["id"]), None)
    return found


async def escalations(engine: AsyncEngine, seen: ColumnElement[bool], limit: int) -> list[Row]:
    """Running time limits of the cases `seen` that are broken, and how far each has climbed, the latest broken first.

    By the index clock_broken, which holds those alone.
    """
    columns = (col(K.reference), col(K.name), col(K.due_at), col(K.breached_at), col(K.level))
    of_case = (col(C.stage), col(C.nature), col(C.urgency), col(C.kinds), col(C.department), col(C.handler))
    query = select(*columns, *of_case).join(C, col(C.reference) == col(K.reference))
    query = query.where(seen, col(K.stopped_at).is_(None), col(K.breached_at).isnot(None))
    return await rows(engine, query.order_by(col(K.breached_at).desc(), col(K.reference)).limit(limit))


async def at_work(engine: AsyncEngine, *roles: str) -> list[t.Staff]:
    """Who is at work and holds one of these roles, by user name."""
    s = t.Staff
    query = select(t.table(s)).where(col(s.state) == "working", or_(*(col(s.roles).contains([role]) for role in roles)))
    return [t.Staff(**row) for row in await rows(engine, query.order_by(col(s.username)))]
