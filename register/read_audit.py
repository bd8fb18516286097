"""Reads the audit log: for its auditor, in pages and in one stream."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from register import audit
from register.audit_tables import Audit
from register.connect import LONGER
from register.read import Row, all_of, rows

AT_ONCE = 1000
"""Rows fetched at once from a stream."""


class Wanted(BaseModel):
    """Which lines: all that are given must hold; `until` itself is not in."""

    who: str | None = None
    act: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> Select[Any]:
        """The lines, in no order yet."""
        query = all_of(Audit)
        for name in ("who", "act", "subject"):
            if (value := getattr(self, name)) is not None:
                query = query.where(getattr(Audit, name) == value)
        if self.since is not None:
            query = query.where(col(Audit.at) >= self.since)
        if self.until is not None:
            query = query.where(col(Audit.at) < self.until)
        return query


async def page(engine: AsyncEngine, wanted: Wanted, before: int | None, limit: int) -> list[Row]:
    """Lines as people read them, newest first; `before` is the line after which the page begins."""
    query = wanted.query()
    if before is not None:
        query = query.where(col(Audit.seq) < before)
    found = await rows(engine, query.order_by(col(Audit.seq).desc()).limit(limit))
    async with engine.connect() as keys:
        return [await _line(keys, row) for row in found]


async def stream(engine: AsyncEngine, wanted: Wanted) -> AsyncIterator[Row]:
    """All the lines as people read them, oldest first."""
    async with engine.connect() as keys, engine.connect() as db:
        await db.execute(LONGER)
        found = await db.stream(wanted.query().order_by(col(Audit.seq)), execution_options={"yield_per": AT_ONCE})
        async for row in found.mappings():
            yield await _line(keys, dict(row))


async def _line(keys: AsyncConnection, row: Row) -> Row:
    return row | {"why": await audit.opened(keys, row["subject"], row["why"]), "mac": row["mac"].hex()}
