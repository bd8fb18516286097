"""Reads what does not go straight: incidents, duties, transfers, and who holds what. Nothing here writes."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, or_, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register import detour_tables as d
from register import tables as t
from register.read import LISTED, Row, opened
from register.read import all_of as _all
from register.read import rows as _rows
from register.sealing import FORM, duty_place, take


async def incidents(engine: AsyncEngine, seen: ColumnElement[bool]) -> list[Row]:
    """Major-complaint responses of the cases `seen`: nobody has acknowledged, under way, over; the newest first."""
    c, i = t.Complaint, d.MajorIncident
    query = _all(i).add_columns(col(c.stage)).join(c, col(c.reference) == col(i.reference)).where(seen)
    over = or_(col(i.reported_at).isnot(None), col(i.stood_down_at).isnot(None))
    query = query.order_by(over, col(i.acknowledged_at).isnot(None), col(i.declared_at).desc())
    return await _rows(engine, query.limit(500))


async def members(engine: AsyncEngine, references: list[str], after: int, limit: int) -> list[Row]:
    """The complaints of an event as lists have them: open ones first, by what is due; so many `after` the first."""
    c = t.Complaint
    query = select(*(getattr(c, name) for name in LISTED)).where(col(c.reference).in_(references))
    query = query.order_by(col(c.closed_at).isnot(None), col(c.due_at), col(c.reference))
    return await _rows(engine, query.offset(after).limit(limit))


async def incident(engine: AsyncEngine, identifier: str) -> Row | None:
    """One major-complaint response."""
    i = d.MajorIncident
    found = await _rows(engine, _all(i).where(col(i.id) == identifier))
    return found[0] if found else None


async def incident_forms(engine: AsyncEngine, since: datetime, product: str | None) -> list[Row]:
    """Of every major incident under way since then: what its complaint, and those that joined, are about."""
    found, boxes = await opened(engine, incident_forms_query(since, product))
    forms = [take(boxes.get(row["reference"]), FORM, row.pop("form")) for row in found]
    return [row | {"matter": form["matter"]} for row, form in zip(found, forms, strict=True) if "matter" in form]


def incident_forms_query(since: datetime, product: str | None) -> CompoundSelect[Any]:
    """Those that joined one, and those that began one and joined no other; each by an index, from the few incidents."""
    c, i = t.Complaint, d.MajorIncident
    under_way = (col(i.reported_at).is_(None), col(i.stood_down_at).is_(None), col(i.declared_at) >= since)

    def of(lead: Any, *which: ColumnElement[bool]) -> Select[Any]:
        found = select(col(c.reference), col(c.form), col(c.number), lead.label("lead"))
        return found.join(i, col(i.reference) == lead).where(*under_way, col(c.product) == product, *which)

    both = union_all(of(col(c.incident_of)), of(col(c.reference), col(c.incident_of).is_(None)))
    return both.order_by("number").limit(200)


async def open_duties(engine: AsyncEngine, seen: ColumnElement[bool], owner: str | None) -> list[Row]:
    """Duties of running plans of those `seen`, the most pressing first; of one owner, or all."""
    duty, c = d.CaseDuty, t.Complaint
    query = _all(duty).join(c, col(c.reference) == col(duty.reference)).where(col(c.closed_at).is_(None))
    query = query.where(seen, col(duty.answered_at).is_(None), col(duty.cancelled_at).is_(None))
    if owner is not None:
        query = query.where(col(duty.owner) == owner)
    found, boxes = await opened(engine, query.order_by(col(duty.due_at)))
    return [row | {"task": take(boxes.get(row["reference"]), duty_place(row["number"]), row["task"])} for row in found]


async def transfers_to(engine: AsyncEngine, seen: ColumnElement[bool], department: str | None) -> list[Row]:
    """Transfers of those `seen` that wait for an answer, oldest first; to one department, or all."""
    c, x = t.Complaint, d.CaseTransfer
    query = _all(x).join(c, col(c.reference) == col(x.reference)).where(seen, col(x.answer).is_(None))
    if department is not None:
        query = query.where(col(x.to_department) == department)
    return await _rows(engine, query.order_by(col(x.at)))


async def transfer_counts(engine: AsyncEngine) -> Row:
    """All transfers, those accepted, and those accepted and handled: the success rate is the last over the first."""
    x = d.CaseTransfer
    accepted = func.count().filter(col(x.answer) == "accepted")
    query = select(
        func.count().label("all"), accepted.label("accepted"), func.count().filter(col(x.handled)).label("handled")
    )
    return (await _rows(engine, query))[0]


async def held_by(engine: AsyncEngine, username: str) -> list[str]:
    """References of open cases in which that person has to do something: handle, a duty, a task, lead the response."""
    c, duty, i = t.Complaint, d.CaseDuty, d.MajorIncident
    handler = select(col(c.reference)).where(col(c.handler) == username, col(c.closed_at).is_(None))
    duties = select(col(duty.reference)).where(
        col(duty.owner) == username, col(duty.answered_at).is_(None), col(duty.cancelled_at).is_(None)
    )
    running = (col(i.reported_at).is_(None), col(i.stood_down_at).is_(None))
    led = select(col(i.reference)).where(col(i.leader) == username, *running)
    tasks = select(col(i.reference)).join(c, col(c.reference) == col(i.reference))
    tasks = tasks.where(*running, col(c.people).contains([username]))  # who of them has a task, the case itself knows
    query = union(handler, duties, led, tasks)
    return [row["reference"] for row in await _rows(engine, query)]


async def open_cases(engine: AsyncEngine, policy: str | None, jurisdiction: str) -> list[Row]:
    """References of open cases of a jurisdiction, of one version of its rules or of all, oldest first."""
    c = t.Complaint
    query = select(col(c.reference), col(c.policy)).where(col(c.closed_at).is_(None))
    query = query.where(col(c.policy) == policy if policy else col(c.policy).startswith(f"{jurisdiction}-"))
    return await _rows(engine, query.order_by(col(c.number)))
