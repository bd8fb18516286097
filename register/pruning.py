"""Takes away what was told and is over: at most AT_ONCE in a call, in one short transaction; each says how many went.

What becomes of the record of a case is in register/erasure.py.
"""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register.reconcile_tables import ReconcileRun
from register.tables import CustomerLink, Digest, StaffNotice

AT_ONCE = 500


async def digests(engine: AsyncEngine, before: datetime) -> int:
    """Digests that were done before then, with the notices they told."""
    async with engine.begin() as db:
        old = list(await db.scalars(select(col(Digest.id)).where(col(Digest.done_at) < before).limit(AT_ONCE)))
        await db.execute(delete(StaffNotice).where(col(StaffNotice.digest).in_(old)))
        return (await db.execute(delete(Digest).where(col(Digest.id).in_(old)))).rowcount


async def links(engine: AsyncEngine, before: datetime) -> int:
    """Customers' links that expired before then."""
    old = select(col(CustomerLink.hash)).where(col(CustomerLink.expires_at) < before).limit(AT_ONCE)
    async with engine.begin() as db:
        return (await db.execute(delete(CustomerLink).where(col(CustomerLink.hash).in_(old)))).rowcount


async def comparisons(engine: AsyncEngine, before: datetime) -> int:
    """Comparisons of register and processes made before then, but for the last that each has made."""
    r = ReconcileRun
    last = select(func.max(col(r.at))).group_by(col(r.by))
    old = select(col(r.at)).where(col(r.at) < before, col(r.at).not_in(last)).limit(AT_ONCE)
    async with engine.begin() as db:
        return (await db.execute(delete(r).where(col(r.at).in_(old)))).rowcount
