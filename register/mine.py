"""What is somebody's to do, the most pressing first. Nothing here writes."""

from typing import Any

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register import read_detours
from register import tables as t
from register.read import LISTED, Row, rows

C = t.Complaint
SHOWN = 50
"""Cases of a list; one more is read, which says that there are more."""


def _open() -> Select[Any]:
    query = select(*(getattr(C, name) for name in LISTED)).where(col(C.closed_at).is_(None))
    return query.order_by(col(C.due_at).asc().nulls_last(), col(C.number)).limit(SHOWN + 1)


async def held(engine: AsyncEngine, username: str) -> list[Row]:
    """Open cases of that handler, by what breaches first."""
    return await rows(engine, _open().where(col(C.handler) == username))


async def queue(engine: AsyncEngine, seen: ColumnElement[bool], department: str | None) -> list[Row]:
    """Cases of a department that nobody has taken; of all departments for who belongs to none."""
    waiting = _open().where(seen, col(C.handler).is_(None), col(C.stage) == "assigned")
    return await rows(engine, waiting.where(col(C.department) == department) if department else waiting)


async def duties(engine: AsyncEngine, username: str) -> list[Row]:
    """Duties of running plans that are that person's."""
    return await read_detours.open_duties(engine, true(), username)


async def transfers(engine: AsyncEngine, seen: ColumnElement[bool], department: str | None) -> list[Row]:
    """Transfers that wait for that department's answer."""
    return await read_detours.transfers_to(engine, seen, department) if department else []
