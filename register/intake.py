"""Keeps what was received, and gives it its reference, in one transaction; nothing that came in is ever dropped."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from complaints.errors import Refused
from complaints.form import ComplaintForm
from register.tables import NUMBERS, Intake, table

SAME_BODY_WITHIN = timedelta(minutes=10)


def body_hash(body: dict[str, Any]) -> str:
    """A digest of everything a body (as JSON) says, the same for the same body."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def keep(
    engine: AsyncEngine, form: ComplaintForm, agent: str, key: str | None, now: datetime, *, given: str | None = None
) -> tuple[Intake, bool]:
    """The kept row, and whether it is new. `given` is the digest of the body as sent, when defaults were filled in.

    The same key gives the same complaint for good, with another body it is refused; without a key the same body
    from the same agent within ten minutes does.
    """
    digest = given or body_hash(form.model_dump(mode="json"))
    async with engine.begin() as db:
        # Two equal requests at the same moment: the second waits here and then finds the first one's row.
        await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{agent}|{key or digest}", 0))))
        if (known := await _known(db, agent, key, digest, now)) is not None:
            if known.body_hash != digest:
                raise Refused("key_reused", "this Idempotency-Key was used before with another body")
            return known, False
        number = int((await db.execute(select(NUMBERS.next_value()))).scalar_one())
        row = Intake(
            reference=f"CMP-{now.year}-{number:06d}",
            number=number,
            agent=agent,
            idempotency_key=key,
            body_hash=digest,
            form=form.model_dump(mode="json"),
            recorded_at=now,
        )
        await db.execute(table(Intake).insert().values(row.model_dump()))
        return row, True


async def _known(db: AsyncConnection, agent: str, key: str | None, digest: str, now: datetime) -> Intake | None:
    query = select(table(Intake)).where(col(Intake.agent) == agent)
    if key is not None:
        query = query.where(col(Intake.idempotency_key) == key)
    else:
        recent = col(Intake.recorded_at) > now - SAME_BODY_WITHIN
        query = query.where(col(Intake.body_hash) == digest, col(Intake.idempotency_key).is_(None), recent)
    found = (await db.execute(query.order_by(col(Intake.number).desc()).limit(1))).mappings().first()
    return Intake(**found) if found else None


async def started(engine: AsyncEngine, reference: str, now: datetime) -> None:
    """The process of that complaint runs."""
    async with engine.begin() as db:
        await db.execute(update(Intake).where(col(Intake.reference) == reference).values(started_at=now))


async def waiting(engine: AsyncEngine, limit: int, older_than: datetime) -> list[Intake]:
    """Complaints kept before that time whose process has not started, in the order they came."""
    query = (
        select(table(Intake))
        .where(col(Intake.started_at).is_(None), col(Intake.recorded_at) < older_than)
        .order_by(col(Intake.number))
        .limit(limit)
    )
    async with engine.connect() as db:
        return [Intake(**row) for row in (await db.execute(query)).mappings()]


async def find(engine: AsyncEngine, reference: str) -> Intake | None:
    """The kept row of that reference."""
    async with engine.connect() as db:
        query = select(table(Intake)).where(col(Intake.reference) == reference)
        row = (await db.execute(query)).mappings().first()
    return Intake(**row) if row else None
