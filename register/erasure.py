"""Erases a case by destroying its key: what was sealed with it, here and anywhere else, nobody can read again.

The rows stay with what figures need; what was sealed is also emptied, so that a key brought back from a backup would
find nothing here. Legal holds keep a case from being erased.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Executable, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from complaints.names import Stage
from complaints.orders import ClosedCase
from register import audit, links
from register import detour_tables as d
from register import tables as t
from register.read import rows
from register.sealing import box_of, boxes_of, put, take
from vault.keyring import keyring_of

HOLD = "legalhold.reason"
EMPTIED: tuple[tuple[Any, dict[str, None]], ...] = (
    (t.Intake, {"form": None}),
    (
        t.Complaint,
        dict.fromkeys(("form", "state", "customer_number_index", "email_index", "phone_index")),
    ),
    (t.CaseEvent, {"data": None}),
    (d.CaseDuty, {"task": None}),
    (t.Sending, {"content": None}),
    (t.BoardNotice, {"content": None}),
    (t.LegalHold, {"reason": None}),
)
"""Every sealed column of the register, and the blind indexes."""


class NotErasable(Exception):
    """The case is not to be erased now; the message says why."""


async def erasable(engine: AsyncEngine, reference: str) -> None:
    """Raise NotErasable with the reason, if there is one."""
    async with engine.connect() as db:
        await _erasable(db, reference)


async def _erasable(db: AsyncConnection, reference: str) -> None:
    """The same in a transaction, until whose end the case stays as it is: not opened again, not held."""
    c = t.Complaint
    query = select(col(c.stage), col(c.erased_at)).where(col(c.reference) == reference)
    row = (await db.execute(query.with_for_update())).first()
    held = await _held(db, reference)
    kept = await db.scalar(select(col(t.Intake.reference)).where(col(t.Intake.reference) == reference))
    if row is None:
        known = "its process has not begun" if kept else "there is no such complaint"
        raise NotErasable(f"{reference}: {known}")
    stage, erased_at = row
    if erased_at is not None:
        raise NotErasable(f"{reference} was erased on {erased_at:%Y-%m-%d}")
    if stage != Stage.closed:
        raise NotErasable(f"{reference} is open (stage {stage}); only closed complaints are erased")
    if held:
        raise NotErasable(f"{reference} is on legal hold since {held.set_at:%Y-%m-%d}; `amends hold --release` ends it")


async def erase(engine: AsyncEngine, reference: str, by: str, why: str, origin: str, now: datetime) -> None:
    """Destroy the key of a closed case and empty its rows, in one transaction with the audit log's line."""
    async with engine.begin() as db:
        await _erasable(db, reference)
        await keyring_of(db).destroy(db, reference, now)
        for table, values in EMPTIED:
            await db.execute(update(table).where(col(table.reference) == reference).values(**values))
        await db.execute(update(t.Complaint).where(col(t.Complaint.reference) == reference).values(erased_at=now))
        await links.revoke_in(db, reference, now)
        await audit.append_in(db, audit.Entry(who=by, act="erased", subject=reference, origin=origin, at=now, why=why))


async def due(
    engine: AsyncEngine, jurisdiction: str, closed_before: datetime, after: ClosedCase | None, limit: int
) -> list[ClosedCase]:
    """Closed cases whose time is over and that nobody holds, the oldest first; those behind `after`, if it is given."""
    return [ClosedCase(**row) for row in await rows(engine, due_query(jurisdiction, closed_before, after, limit))]


def due_query(jurisdiction: str, closed_before: datetime, after: ClosedCase | None, limit: int) -> Executable:
    """The same as a query."""
    c, h = t.Complaint, t.LegalHold
    holds = select(col(h.reference)).where(col(h.released_at).is_(None))
    place = (col(c.closed_at), col(c.reference))
    query = (
        select(*place)
        .where(t.TO_ERASE, col(c.closed_at) < closed_before)
        .where(col(c.policy).startswith(f"{jurisdiction}-"), col(c.reference).not_in(holds))
        .order_by(*place)
        .limit(limit)
    )
    return query.where(tuple_(*place) > tuple_(after.closed_at, after.reference)) if after else query


async def hold(engine: AsyncEngine, reference: str, by: str, reason: str, now: datetime) -> None:
    """Keep a case from being erased, until released."""
    async with engine.begin() as db:
        # One that is being erased is waited for, and has no key then.
        await db.execute(
            select(col(t.Complaint.reference)).where(col(t.Complaint.reference) == reference).with_for_update()
        )
        sealed = put(await box_of(db, reference), HOLD, reason)
        row = {"reference": reference, "set_at": now, "by": by, "reason": sealed, "released_at": None}
        await db.execute(insert(t.LegalHold).values(row).on_conflict_do_update(index_elements=["reference"], set_=row))
        entry = audit.Entry(who=by, act="held", subject=reference, origin="command line", at=now, why=reason)
        await audit.append_in(db, entry)


async def release(engine: AsyncEngine, reference: str, by: str, reason: str, now: datetime) -> bool:
    """End the hold of a case; False when there was none."""
    h = t.LegalHold
    async with engine.begin() as db:
        there = (col(h.reference) == reference, col(h.released_at).is_(None))
        if (await db.execute(update(h).where(*there).values(released_at=now))).rowcount == 0:
            return False
        entry = audit.Entry(who=by, act="hold_released", subject=reference, origin="command line", at=now, why=reason)
        await audit.append_in(db, entry)
    return True


async def holds(engine: AsyncEngine) -> list[dict[str, Any]]:
    """Every hold in force, with its reason."""
    h = t.LegalHold
    async with engine.connect() as db:
        query = select(t.table(h)).where(col(h.released_at).is_(None)).order_by(col(h.set_at))
        rows = [dict(row) for row in (await db.execute(query)).mappings()]
        boxes = await boxes_of(db, [row["reference"] for row in rows])
        return [row | {"reason": take(boxes.get(row["reference"]), HOLD, row["reason"])} for row in rows]


async def _held(db: AsyncConnection, reference: str) -> t.LegalHold | None:
    h = t.LegalHold
    query = select(t.table(h)).where(col(h.reference) == reference, col(h.released_at).is_(None))
    row = (await db.execute(query)).mappings().first()
    return h(**row) if row else None
