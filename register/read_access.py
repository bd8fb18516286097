"""Reads who has a part in a case, and which cases lie within somebody's scope. Nothing here writes."""

from sqlalchemy import ColumnElement, and_, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Mapped
from sqlmodel import col

from complaints.access import BY_NAME, Parts, Scope
from complaints.records import Actor
from register import tables as t
from register.read import rows


async def parts(engine: AsyncEngine, reference: str) -> Parts | None:
    """The parts of a case; a kept complaint whose process has not started is its agent's alone."""
    c, i = t.Complaint, t.Intake
    query = select(*(getattr(c, name) for name in Parts.model_fields)).where(col(c.reference) == reference)
    if found := await rows(engine, query):
        return Parts(**found[0])
    kept = await rows(engine, select(col(i.agent)).where(col(i.reference) == reference))
    return Parts(opened_by=kept[0]["agent"], people=[kept[0]["agent"]]) if kept else None


async def asked_by(engine: AsyncEngine, approval: str) -> str | None:
    """Whose work it is that is to be approved."""
    a = t.CaseApproval
    found = await rows(engine, select(col(a.by)).where(col(a.id) == approval))
    return found[0]["by"] if found else None


async def among(engine: AsyncEngine, seen: ColumnElement[bool], references: list[str]) -> set[str]:
    """Which of these are the references of cases `seen`."""
    c = t.Complaint
    query = select(col(c.reference)).where(seen, col(c.reference).in_(references))
    return {row["reference"] for row in await rows(engine, query)} if references else set()


def visible(
    who: Actor,
    scopes: frozenset[Scope],
    *,
    own: Mapped[str] | None = None,
    part: Mapped[str] | None = None,
) -> ColumnElement[bool]:
    """The cases within these scopes, as complaints.access.within says of one.

    `own` and `part`: the columns that say it of a list whose rows have an owner or a department of their own.
    """
    c = t.Complaint
    if Scope.any in scopes or (Scope.bound in scopes and who.department is None):
        return true()
    ways: list[ColumnElement[bool]] = []
    if scopes & BY_NAME:
        ways.append(own == who.username if own is not None else col(c.people).contains([who.username]))
    if Scope.part in scopes and who.department is not None:
        ways.append(part == who.department if part is not None else col(c.departments).contains([who.department]))
    if Scope.bound in scopes:
        here = true() if who.region is None else or_(col(c.region).is_(None), col(c.region) == who.region)
        ways.append(and_(col(c.department) == who.department, here))
    return or_(false(), *ways)
