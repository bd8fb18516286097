"""Keys of service accounts: made once, shown once, revoked."""

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register.columns import table
from register.sign_in_tables import ServiceKey

K = ServiceKey


async def make(engine: AsyncEngine, key: ServiceKey) -> None:
    """Keep a new key."""
    async with engine.begin() as db:
        await db.execute(insert(K).values(key.model_dump()))


async def every(engine: AsyncEngine) -> list[ServiceKey]:
    """All keys there ever were, the newest first."""
    async with engine.connect() as db:
        rows = await db.execute(select(table(K)).order_by(col(K.made_at).desc()))
        return [ServiceKey(**row) for row in rows.mappings()]


async def revoke(engine: AsyncEngine, identifier: str, now: datetime) -> str | None:
    """End a key for good; gives whose it was, None when there is no such key that is still good."""
    which = (col(K.id) == identifier, col(K.revoked_at).is_(None))
    async with engine.begin() as db:
        change = update(K).where(*which).values(revoked_at=now).returning(col(K.username))
        return (await db.execute(change)).scalar_one_or_none()
