"""The register's side of a comparison with the processes, and what comparisons came to."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Executable, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from complaints.records import PROCESS
from complaints.standing import Kind, Reconciliation, Standing
from register import tables as t
from register.read import Row, rows
from register.reconcile_tables import ComparedCase, ReconcileRun
from register.usernames import SEEDED

At = tuple[str, int, str]
"""The run of a process, how many events it has, and a digest of what the register says of it."""
NAMED = 100
"""So many differences of a comparison are kept by name; all are counted."""


async def to_compare(engine: AsyncEngine, closed_since: datetime) -> tuple[list[str], int]:
    """Cases that are open, or were closed since then, in order; and how many seeded ones, which have no process."""
    c = t.Complaint
    query = select(col(c.reference), (col(c.opened_by) == SEEDED).label("seeded")).where(
        col(c.closed_at).is_(None) | (col(c.closed_at) >= closed_since), col(c.erased_at).is_(None)
    )
    found = await rows(engine, query.order_by(col(c.number)))
    references = [row["reference"] for row in found if not row["seeded"]]
    return references, len(found) - len(references)


async def standings(engine: AsyncEngine, references: Collection[str]) -> dict[str, Standing]:
    """What the register says of these cases."""
    c, e, k, s = t.Complaint, t.CaseEvent, t.SlaClock, t.Sending
    said = (c.reference, c.seq, c.stage, c.outcome, c.department, c.handler)
    cases = await rows(engine, select(*map(col, said)).where(col(c.reference).in_(references)))
    events = select(col(e.reference), func.count().label("number")).group_by(col(e.reference))
    clocks = select(col(k.reference), col(k.name), col(k.due_at)).where(col(k.stopped_at).is_(None))
    letters = select(col(s.reference), col(s.number), col(s.state))
    found = {row["reference"]: Standing(**row, events=0) for row in cases}
    for row in await rows(engine, events.where(col(e.reference).in_(found))):
        found[row["reference"]].events = row["number"]
    for row in await rows(engine, clocks.where(col(k.reference).in_(found))):
        found[row["reference"]].clocks[row["name"]] = row["due_at"]
    for row in await rows(engine, letters.where(col(s.reference).in_(found))):
        found[row["reference"]].letters[row["number"]] = row["state"]
    return found


async def closed(engine: AsyncEngine, references: Collection[str]) -> set[str]:
    """Those of these cases that the register has as closed."""
    c = t.Complaint
    query = select(col(c.reference)).where(col(c.reference).in_(references), col(c.closed_at).is_not(None))
    return {row["reference"] for row in await rows(engine, query)}


async def not_started(engine: AsyncEngine, before: datetime) -> list[Row]:
    """Complaints kept before then that no process was started for, and why, where they were set aside."""
    i = t.Intake
    query = select(col(i.reference), col(i.set_aside)).where(col(i.started_at).is_(None), col(i.recorded_at) < before)
    return await rows(engine, query.order_by(col(i.number)))


async def without_record(engine: AsyncEngine, before: datetime, since: datetime | None) -> list[str]:
    """Complaints started before then, and since then if that is given, that the register has no case of."""
    return [row["reference"] for row in await rows(engine, without_record_query(before, since))]


def without_record_query(before: datetime, since: datetime | None) -> Executable:
    """The same as a query; without `since` it reads every complaint there ever was."""
    i, c = t.Intake, t.Complaint
    recorded = select(col(c.reference)).where(col(c.reference) == col(i.reference)).exists()
    query = select(col(i.reference)).where(col(i.started_at) < before, ~recorded).order_by(col(i.started_at))
    return query.where(col(i.started_at) >= since) if since else query


async def none_lost(engine: AsyncEngine) -> datetime | None:
    """When the hourly comparison was last made and left no complaint whose start was lost."""
    r, lost = ReconcileRun, Kind.start_lost.value
    none = col(r.found)[lost].as_string().is_not_distinct_from(col(r.mended)[lost].as_string())
    query = select(col(r.at)).where(col(r.by) == PROCESS, none).order_by(col(r.at).desc()).limit(1)
    found = await rows(engine, query)
    return found[0]["at"] if found else None


async def same(engine: AsyncEngine, references: Collection[str]) -> dict[str, At]:
    """Those of these cases that were found the same on both sides, and how both stood then."""
    query = select(t.table(ComparedCase)).where(col(ComparedCase.reference).in_(references))
    return {row["reference"]: (row["run"], row["events"], row["digest"]) for row in await rows(engine, query)}


async def remember(engine: AsyncEngine, cases: Mapping[str, At]) -> None:
    """These are the same on both sides."""
    if cases:
        names = ("run", "events", "digest")
        made = insert(ComparedCase).values(
            [{"reference": r, **dict(zip(names, at, strict=True))} for r, at in cases.items()]
        )
        news = {name: made.excluded[name] for name in names}
        async with engine.begin() as db:
            await db.execute(made.on_conflict_do_update(index_elements=["reference"], set_=news))


async def forget(engine: AsyncEngine, closed_before: datetime) -> None:
    """Cases closed before then are not compared any more."""
    c = t.Complaint
    over = select(col(c.reference)).where(col(c.closed_at) < closed_before)
    async with engine.begin() as db:
        await db.execute(delete(ComparedCase).where(col(ComparedCase.reference).in_(over)))


def digest(record: Standing) -> str:
    """The same for the same record."""
    said = json.dumps(record.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


async def keep(engine: AsyncEngine, found: Reconciliation, by: str) -> None:
    """Keep what a comparison came to."""
    row = found.model_dump(include={"at", "seconds", "compared", "seeded", "moving"}) | {
        "found": found.found(),
        "mended": found.mended(),
        "left_over": [d.model_dump(mode="json", include={"reference", "kind"}) for d in found.left()[:NAMED]],
        "by": by,
    }
    async with engine.begin() as db:
        await db.execute(insert(ReconcileRun).values(row).on_conflict_do_nothing())


async def last(engine: AsyncEngine, by: str | None = None) -> ReconcileRun | None:
    """What the last comparison came to; or the last that this one made, `process` being the hourly one."""
    query = select(t.table(ReconcileRun)).order_by(col(ReconcileRun.at).desc()).limit(1)
    found = await rows(engine, query.where(col(ReconcileRun.by) == by) if by else query)
    return ReconcileRun(**found[0]) if found else None
