"""Keeps what was received, and gives it its reference, in one transaction; nothing that came in is ever dropped."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from complaints.errors import Refused
from complaints.form import ComplaintForm
from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION
from register.connect import reading
from register.sealing import box_of, boxes_of, index_secret, put, take
from register.tables import NUMBERS, Intake, table
from vault.box import Box, Unreadable
from vault.index import blind

SAME_BODY_WITHIN = timedelta(minutes=10)
PLACE = "intake.form"
TO_THE_END = 3
"""Failed so often, it is tried after the others."""


class Kept(BaseModel):
    """What was received; `form` is empty once the case is erased or cannot be opened, `locked` where its key cannot."""

    reference: str
    agent: str
    body_hash: str
    form: dict[str, Any]
    recorded_at: AwareDatetime
    started_at: AwareDatetime | None = None
    locked: bool = False


def body_hash(body: dict[str, Any]) -> str:
    """A digest of everything a body (as JSON) says, the same for the same body."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def keep(
    engine: AsyncEngine, form: ComplaintForm, agent: str, key: str | None, now: datetime, *, given: str | None = None
) -> tuple[Kept, bool]:
    """What is kept, and whether it is new. `given` is the digest of the body as sent, when defaults were filled in.

    The same key gives the same complaint for good, with another body it is refused; without a key the same body
    from the same agent within ten minutes does.
    """
    said = form.model_dump(mode="json")
    async with engine.begin() as db:
        # Keyed, so that nobody with the register alone can try out bodies against it.
        digest = blind(await index_secret(db), "body", given or body_hash(said))
        # Two equal requests at the same moment: the second waits here and then finds the first one's row.
        await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{agent}|{key or digest}", 0))))
        if (known := await _known(db, agent, key, digest, now)) is not None:
            if known.body_hash != digest:
                raise Refused("key_reused", "this Idempotency-Key was used before with another body")
            return known, False
        number = int((await db.execute(select(NUMBERS.next_value()))).scalar_one())
        row = Intake(
            reference=f"CMP-{calendar(DEFAULT_JURISDICTION).local(now).year}-{number:06d}",
            number=number,
            agent=agent,
            idempotency_key=key,
            body_hash=digest,
            recorded_at=now,
        )
        box = await box_of(db, row.reference, make=True)
        row.form = put(box, PLACE, said)
        await db.execute(table(Intake).insert().values(row.model_dump()))
        return _kept(row.model_dump(), box), True


async def _known(db: AsyncConnection, agent: str, key: str | None, digest: str, now: datetime) -> Kept | None:
    query = select(table(Intake)).where(col(Intake.agent) == agent)
    if key is not None:
        query = query.where(col(Intake.idempotency_key) == key)
    else:
        recent = col(Intake.recorded_at) > now - SAME_BODY_WITHIN
        query = query.where(col(Intake.body_hash) == digest, col(Intake.idempotency_key).is_(None), recent)
    found = (await db.execute(query.order_by(col(Intake.number).desc()).limit(1))).mappings().first()
    return (await _opened(db, [found]))[0] if found else None


def _kept(row: Any, box: Box | None) -> Kept:
    return Kept.model_validate({**row, "form": take(box, PLACE, row["form"])})


def _readable(row: Any, box: Box | None) -> Kept:
    """One that cannot be opened has no form, and does not keep the others from being read."""
    try:
        return _kept(row, box)
    except Unreadable:
        return Kept.model_validate({**row, "form": {}})


async def _opened(db: AsyncConnection, rows: list[Any]) -> list[Kept]:
    boxes = await boxes_of(db, [row["reference"] for row in rows])
    return [_readable(row, boxes.get(row["reference"])) for row in rows]


async def started(engine: AsyncEngine, reference: str, now: datetime) -> None:
    """The process of that complaint runs."""
    async with engine.begin() as db:
        await db.execute(update(Intake).where(col(Intake.reference) == reference).values(started_at=now))


async def not_started(engine: AsyncEngine, references: list[str], most: int, *, aside: bool) -> list[str]:
    """Count a try that failed for each; with `aside`, those that have failed that often are set aside, and given."""
    these = col(Intake.reference).in_(references)
    async with engine.begin() as db:
        await db.execute(update(Intake).where(these).values(tries=Intake.tries + 1))
        if not aside:
            return []
        often = (
            update(Intake).where(these, col(Intake.tries) >= most).values(set_aside="its process could not be started")
        )
        return list((await db.execute(often.returning(col(Intake.reference)))).scalars())


async def set_aside(engine: AsyncEngine, reference: str, why: str | None) -> bool:
    """Do not try it any more, and why; None: try it again. False when nothing unstarted has that reference."""
    this = (col(Intake.reference) == reference, col(Intake.started_at).is_(None))
    async with engine.begin() as db:
        done = await db.execute(update(Intake).where(*this).values(set_aside=why, tries=0))
    return done.rowcount == 1


async def waiting(engine: AsyncEngine, limit: int, older_than: datetime) -> list[Kept]:
    """Complaints kept before that time whose process has not started, in the order they came; those that fail, last."""
    query = (
        select(table(Intake))
        .where(col(Intake.started_at).is_(None), col(Intake.recorded_at) < older_than)
        .where(col(Intake.set_aside).is_(None))
        .order_by(col(Intake.tries) >= TO_THE_END, col(Intake.number))
        .limit(limit)
    )
    async with reading(engine) as db:
        rows = list((await db.execute(query)).mappings())
        try:
            return await _opened(db, rows)
        except Unreadable:  # one of the keys
            return [await _opened_alone(db, row) for row in rows]


async def _opened_alone(db: AsyncConnection, row: Any) -> Kept:
    try:
        return (await _opened(db, [row]))[0]
    except Unreadable:
        return Kept.model_validate({**row, "form": {}, "locked": True})


async def find(engine: AsyncEngine, reference: str) -> Kept | None:
    """What was kept under that reference."""
    async with reading(engine) as db:
        query = select(table(Intake)).where(col(Intake.reference) == reference)
        row = (await db.execute(query)).mappings().first()
        return (await _opened(db, [row]))[0] if row else None
