"""Writes the register. Every write is idempotent and keyed by the case's own numbers: a repeat changes nothing."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import SQLModel, col

from complaints.access import parts_of
from complaints.case import Case, case_view
from complaints.names import HEAD_OFFICE, Role
from complaints.procedure import response_clock
from complaints.records import Event, Recipient
from complaints.turns import Duty
from register import detour_tables as d
from register import tables as t
from register.auditing import WATCHED, log_step
from register.sealing import FORM, STATE, box_of, divided, duty_place, event_place, index_secret, indexes, put
from vault.box import Box
from vault.index import blind

CHANGED = "amends_changed"
"""Where the register tells whoever listens that some case has changed."""


async def record(engine: AsyncEngine, case: Case, events: list[Event], ordered_at: datetime | None = None) -> list[str]:
    """Make the register say what the workflow says; gives the usernames that now have something to be told.

    A workflow task that was lost may be done again with another outcome: the workflow's last word stands, so rows
    are overwritten, and events beyond its last number, which then never happened, go. A worker that stood still while
    another did its task again may write after that one: what is older than what is there is no last word, and is left.
    So is the repeat of a write that others have followed. `ordered_at` says how old one without events is.
    """
    async with engine.begin() as db:
        box, secret = await box_of(db, case.reference, make=True), await index_secret(db)
        rows = rows_of(case, events, box, secret)
        row = rows[t.Complaint][0]
        known = await _known(db, case.reference)
        if known is not None and await _overtaken(db, known["seq"], case, events, ordered_at):
            return []
        if known is not None and known["seq"] > case.seq:
            await db.execute(
                delete(t.CaseEvent).where(col(t.CaseEvent.reference) == case.reference, col(t.CaseEvent.seq) > case.seq)
            )
        for table, some in rows.items():
            await _upsert(db, table, some)
        if case.incident:
            leader = select(col(t.Staff.username)).where(col(t.Staff.username) == case.incident.leader)
            await _upsert(db, d.MajorIncident, [incident_row(case, await db.scalar(leader))])
        notices = [row for e in events for row in await _notice_rows(db, case, e)]
        await _upsert(db, t.StaffNotice, notices, keep=("digest",))
        await log_step(db, known, row, events)
        await db.execute(select(func.pg_notify(CHANGED, "")))  # told when this is committed
        return sorted({str(n["username"]) for n in notices})


async def _known(db: AsyncConnection, reference: str) -> dict[str, Any] | None:
    """What the register has of the case, held until the transaction ends; while it has nothing, the name is held."""
    columns = (getattr(t.Complaint, name) for name in ("seq", *WATCHED))
    query = select(*columns).where(col(t.Complaint.reference) == reference).with_for_update()
    if (found := (await db.execute(query)).mappings().first()) is None:
        await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(reference, 0))))
        found = (await db.execute(query)).mappings().first()
    return dict(found) if found else None


async def _overtaken(
    db: AsyncConnection, seq: int, case: Case, events: list[Event], ordered_at: datetime | None
) -> bool:
    """Whether the register, which has `seq` events, has a later word: of the same step, or of steps after it."""
    e = t.CaseEvent
    mine = select(col(e.seq), col(e.at)).where(col(e.reference) == case.reference)
    if not events:
        if ordered_at is None or seq <= case.seq:
            return False
        later = mine.where(col(e.seq) > case.seq, col(e.at) > ordered_at)
        return (await db.execute(later.limit(1))).first() is not None
    first, last = events[0], events[-1]
    found = await db.execute(mine.where(col(e.seq).in_([first.seq, last.seq])))
    there = {row.seq: row.at for row in found}
    if first.seq in there and there[first.seq] > first.at:
        return True
    return seq > case.seq and last.seq in there and there[last.seq] >= last.at


def rows_of(case: Case, events: list[Event], box: Box, secret: bytes) -> dict[type[SQLModel], list[dict[str, Any]]]:
    """The rows that a case is in the register, with these events; but for its incident, and whom they are told to."""
    return {
        t.Complaint: [_complaint_row(case, box, secret)],
        t.CaseEvent: [_event_row(case, e, box) for e in events],
        t.SlaClock: [_clock_row(case, name) for name in case.clocks],
        t.CaseAssignment: [_plain(t.CaseAssignment, a, case) for a in case.assignments],
        t.CaseApproval: [_approval_row(case, n) for n in range(len(case.approvals))],
        t.CallbackTry: [_plain(t.CallbackTry, c, case) for c in case.callbacks],
        d.CaseTransfer: [_transfer_row(case, n) for n in range(len(case.transfers))],
        d.CaseExtension: [_plain(d.CaseExtension, e, case) for e in case.extensions],
        d.CaseDuty: [_duty_row(case, x, box) for x in (case.plan.duties if case.plan else [])],
    }


async def _upsert(
    db: AsyncConnection, table: type[SQLModel], rows: list[dict[str, Any]], keep: tuple[str, ...] = ()
) -> None:
    """Insert the rows, or make the ones that are there say the same; columns in `keep` stay as they are."""
    if rows:
        await db.execute(_upserting(table, tuple(rows[0]), keep), rows)


@cache
def _upserting(table: type[SQLModel], columns: tuple[str, ...], keep: tuple[str, ...]) -> Insert:
    """The statement, made once for a table: the database library compiles each statement object only once."""
    made = insert(table).values({c: bindparam(c) for c in columns})
    keys = [c.name for c in t.table(table).primary_key]
    rest = {c: made.excluded[c] for c in columns if c not in keys and c not in keep}
    return made.on_conflict_do_update(index_elements=keys, set_=rest)


def _plain(table: type[SQLModel], part: Any, case: Case) -> dict[str, Any]:
    """A part of the case whose fields have the names of the table's columns."""
    columns = set(table.model_fields) - {"reference"}
    return {"reference": case.reference, **part.model_dump(include=columns)}


def number_of(reference: str) -> int:
    """The running number inside a reference: 42 of CMP-2026-000042."""
    return int(reference.rsplit("-", 1)[1])


def _complaint_row(case: Case, box: Box, secret: bytes) -> dict[str, Any]:
    form, state = divided(case_view(case))
    found, held, last = case.classification, case.assignment, case.resolutions[-1] if case.resolutions else None
    rated = next((c for c in reversed(case.callbacks) if c.reached), None)
    return {
        "reference": case.reference,
        "number": number_of(case.reference),
        "seq": case.seq,
        "stage": case.stage,
        "outcome": case.outcome,
        "nature": found.nature if found else None,
        "urgency": found.urgency if found else None,
        "kinds": [str(k) for k in case.kinds],
        "handler": held.handler if held else None,
        "channel": case.form.channel,
        "product": case.form.product,
        "language": case.form.language,
        "received_at": case.form.received_at,
        "opened_at": case.opened_at,
        **parts_of(case).model_dump(),
        "closed_at": case.closed_at,
        "due_at": case.due_at(),
        "breached": case.breached(),
        "round": case.round,
        "root_cause_index": blind(secret, "root_cause", last.root_cause.lower()) if last else None,
        "satisfaction": rated.satisfaction if rated else None,
        "nps": rated.nps if rated else None,
        "policy": case.rules.version,
        "merged_into": case.merged_into,
        "incident_of": case.incident_of,
        **indexes(secret, case.form.complainant),
        "form": put(box, FORM, form),
        "state": put(box, STATE, state),
    }


def _event_row(case: Case, event: Event, box: Box) -> dict[str, Any]:
    sealed = put(box, event_place(event.seq), event.model_dump(mode="json")["data"])
    plain = event.model_dump(exclude={"tell", "data"})
    return {"reference": case.reference, **plain, "data": sealed, "late_by": _late_by(case, event)}


def _late_by(case: Case, event: Event) -> int | None:
    """How late the process was with an alarm: a limit that was over before the case was kept could not fire sooner."""
    late = event.data.get("late_by_seconds")
    if not isinstance(late, int):
        return None
    return max(0, min(late, int((event.at - case.opened_at).total_seconds())))


def _clock_row(case: Case, name: str) -> dict[str, Any]:
    columns = {"started_at", "due_at", "warned_at", "breached_at", "stopped_at", "level", "provisional"}
    return {"reference": case.reference, "name": name, **case.clocks[name].model_dump(include=columns)}


def _approval_row(case: Case, number: int) -> dict[str, Any]:
    approval, held = case.approvals[number], case.assignment
    columns = {"id", "asked_at", "purpose", "needs", "asked", "why", "by", "decision", "decided_at", "decided_by"}
    columns |= {"delegated_to"}
    return {
        "reference": case.reference,
        "due_at": case.clocks[approval.clock].due_at,
        "department": held.department if held else None,
        "closed": approval.purpose != "public_answer" and (case.closed_at is not None or case.withdrawn is not None),
        **approval.model_dump(include=columns),
    }


def _transfer_row(case: Case, place: int) -> dict[str, Any]:
    """Handled: whoever accepted it has resolved the case since."""
    transfer = case.transfers[place]
    since = transfer.answered_at
    handled = transfer.answer == "accepted" and any(since and r.at >= since for r in case.resolutions)
    return {**_plain(d.CaseTransfer, transfer, case), "handled": handled}


def _duty_row(case: Case, duty: Duty, box: Box) -> dict[str, Any]:
    clock, task = case.clocks[duty.clock], put(box, duty_place(duty.number), duty.task)
    return {**_plain(d.CaseDuty, duty, case), "task": task, "due_at": clock.due_at, "breached_at": clock.breached_at}


def incident_row(case: Case, leader: str | None) -> dict[str, Any]:
    """The row of a case's incident. A leader who is no member of staff is named in the sealed case alone."""
    incident, clock = case.incident, response_clock(case)
    assert incident is not None
    columns = {"id", "declared_at", "acknowledged_at", "acknowledged_by", "stood_down_at"}
    return {
        "leader": leader,
        "reference": case.reference,
        "due_at": clock.due_at,
        "breached_at": clock.breached_at,
        "reported_at": incident.report.at if incident.report else None,
        "members": len(incident.members),
        **incident.model_dump(include=columns),
    }


async def _notice_rows(db: AsyncConnection, case: Case, event: Event) -> list[dict[str, Any]]:
    usernames = {u for r in event.tell for u in await _people(db, r, case)}
    return [
        {
            "reference": case.reference,
            "seq": event.seq,
            "username": username,
            "kind": event.kind,
            "at": event.at,
            "data": {name: event.data[name] for name in ("clock", "due_at") if name in event.data},
            "digest": None,
        }
        for username in sorted(usernames)
    ]


async def _people(db: AsyncConnection, recipient: Recipient, case: Case) -> list[str]:
    """The named one while at work, else the case's supervisors; whoever holds the role there.

    There is in the region, else in the department; else who holds it for all, else whoever holds it.
    """
    staff = t.Staff
    working = col(staff.state) == "working"
    if recipient.username:
        found = await db.scalar(select(col(staff.username)).where(col(staff.username) == recipient.username, working))
        if found:
            return [found]
        recipient = Recipient(role=Role.supervisor, department=case.assignment.department if case.assignment else None)
    query = select(col(staff.username)).where(working, col(staff.roles).contains([recipient.role]))
    if recipient.department:
        own = query.where(col(staff.department) == recipient.department)
        for some in [own.where(col(staff.region) == recipient.region)] * bool(recipient.region) + [own]:
            if found_there := list(await db.scalars(some)):
                return found_there
    for nobodys in (col(staff.department).is_(None), col(staff.department) != HEAD_OFFICE):
        if found_there := list(await db.scalars(query.where(nobodys).order_by(col(staff.username)))):
            return found_there
    return []
