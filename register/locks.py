"""Failed sign-ins lock a name for a growing time, on every web server at once.

Known or not, a name is treated alike, and only a keyed digest of it is kept: people type passwords there.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from register.columns import table
from register.sign_in_tables import SignInLock

FREE = 5
"""Failures before the first lock."""
FIRST, LONGEST = timedelta(minutes=1), timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)
L = SignInLock


def lock_after(failures: int) -> timedelta:
    """How long a name is locked after so many failures in a row."""
    return min(FIRST * 2 ** min(failures - FREE, 10), LONGEST) if failures >= FREE else timedelta()


async def hold(db: AsyncConnection, key: str, now: datetime) -> SignInLock | None:
    """What is kept of that name. Until the transaction ends, nobody else tries it: a crowd of guesses is a queue."""
    await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
    row = (await db.execute(select(table(L)).where(col(L.key) == key))).mappings().first()
    return SignInLock(**row) if row and row["last_at"] > now - FORGOTTEN_AFTER else None


async def failed(db: AsyncConnection, key: str, before: SignInLock | None, now: datetime) -> timedelta:
    """One more failure; gives how long the name is locked now."""
    failures = (before.failures if before else 0) + 1
    wait = lock_after(failures)
    row = {"key": key, "failures": failures, "last_at": now, "locked_until": now + wait if wait else None}
    put = insert(L).values(row)
    await db.execute(put.on_conflict_do_update(index_elements=["key"], set_=row))
    old = select(col(L.key)).where(col(L.last_at) < now - FORGOTTEN_AFTER).with_for_update(skip_locked=True)
    await db.execute(delete(L).where(col(L.key).in_(old)))
    return wait


async def succeeded(db: AsyncConnection, key: str) -> None:
    """The name is free again."""
    await db.execute(delete(L).where(col(L.key) == key))
