"""The data keys: one for each case, wrapped by the master key, kept in a schema of its own; destroyed to erase.

Their backups are kept apart from the data's and not for long (docs/encryption.md): a destroyed key lives on in them.
"""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import DateTime, Executable, LargeBinary, case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import Field, SQLModel, col

from vault.box import Box, KeyDestroyed, Unreadable
from vault.master import BYTES, Master

FRESH_FOR = 60.0
MOST_KEPT = 20_000


class DataKey(SQLModel, table=True):
    """A data key, wrapped; `subject` is a complaint's reference, or what else has a key of its own."""

    __tablename__ = "data_key"
    __table_args__ = {"schema": "vault"}
    subject: str = Field(primary_key=True)
    key_id: str = Field(unique=True)
    master: str = Field(index=True, description="the name of the master key that wrapped it")
    wrapped: bytes | None = Field(default=None, sa_type=LargeBinary)
    made_at: datetime = Field(sa_type=DateTime(timezone=True))
    destroyed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


def _about(subject: str, key_id: str) -> str:
    return f"{subject}|{key_id}"


class Keyring:
    """Opens data keys with the master key, and remembers them for a minute.

    A key that was destroyed is gone from here at the latest then; while the database is away, what is remembered
    goes on being used, so that running cases go on.
    """

    def __init__(self, master: Master) -> None:
        self.master = master
        self._kept: OrderedDict[str, tuple[Box, float]] = OrderedDict()

    async def box(self, db: AsyncConnection, subject: str, *, make: bool = False) -> Box:
        """The box of one subject; KeyDestroyed, or Unreadable when it never had a key. `make`: give it one then."""
        found = await self.boxes(db, [subject])
        if subject not in found and make:
            await db.execute(insert(DataKey).values(self.new_row(subject)).on_conflict_do_nothing())
            found = await self._read(db, {subject})  # not remembered: the transaction that makes it may yet fail
        if subject in found:
            return found[subject]
        if await db.scalar(select(func.count()).where(col(DataKey.subject) == subject)):
            raise KeyDestroyed(f"the key of {subject} was destroyed")
        raise Unreadable(f"{subject} has no key")

    async def boxes(self, db: AsyncConnection, subjects: Iterable[str], *, fresh: bool = False) -> dict[str, Box]:
        """The boxes of those subjects that have a key; `fresh`: as the database has them now."""
        wanted, now = set(subjects), time.monotonic()
        found = {} if fresh else {s: box for s in wanted if (box := self.fresh(s))}
        if missing := wanted - found.keys():
            opened = await self._read(db, missing)
            for subject in missing:
                self._kept.pop(subject, None)
            self._kept.update((subject, (box, now)) for subject, box in opened.items())
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            found |= opened
        return found

    async def _read(self, db: AsyncConnection, subjects: set[str]) -> dict[str, Box]:
        query = select(col(DataKey.subject), col(DataKey.key_id), col(DataKey.master), col(DataKey.wrapped))
        query = query.where(col(DataKey.subject).in_(subjects), col(DataKey.wrapped).is_not(None))
        rows = [(row[0], row[1], row[2], row[3] or b"") for row in await db.execute(query)]
        return await asyncio.to_thread(self.open_rows, rows) if rows else {}

    def remembered(self, subject: str) -> Box | None:
        """The box of a subject without asking the database: for when that is away."""
        kept = self._kept.get(subject)
        return kept[0] if kept else None

    def fresh(self, subject: str) -> Box | None:
        """The box of a subject if it was opened within the last minute."""
        kept = self._kept.get(subject)
        return kept[0] if kept and time.monotonic() - kept[1] < FRESH_FOR else None

    async def destroy(self, db: AsyncConnection, subject: str, now: datetime) -> bool:
        """Overwrite the key of a subject; whatever it sealed is unreadable from then on. False: it was gone before."""
        there = (col(DataKey.subject) == subject, col(DataKey.wrapped).is_not(None))
        done = await db.execute(update(DataKey).where(*there).values(wrapped=None, destroyed_at=now))
        self._kept.pop(subject, None)
        return done.rowcount == 1

    def new_row(self, subject: str) -> dict[str, Any]:
        """A new key for a subject, as a row of the table."""
        key_id = uuid4().hex
        wrapped = self.master.wrap(os.urandom(BYTES), _about(subject, key_id))
        made = {"subject": subject, "key_id": key_id, "master": self.master.current, "wrapped": wrapped}
        return made | {"made_at": datetime.now(UTC)}

    def open_rows(self, rows: Iterable[tuple[str, str, str, bytes]]) -> dict[str, Box]:
        """The boxes of rows (subject, key, master, wrapped), by subject."""
        return {
            subject: Box(key_id, subject, self.master.unwrap(master, wrapped, _about(subject, key_id)))
            for subject, key_id, master, wrapped in rows
        }


async def rewrap(engine: AsyncEngine, batch: int = 500) -> AsyncIterator[int]:
    """Wrap with the current master key what another one wrapped, so many data keys after so many, until none is left.

    At the end it begins again from the first: a part that was started with the old key may have made some behind it.
    """
    last = ""
    while some := await _rewrap(engine, last, batch) or (last and await _rewrap(engine, "", batch)):
        yield len(some)
        last = some[-1]


def to_rewrap(current: str, after: str, batch: int) -> Executable:
    """Data keys that another master key wrapped, by subject, those behind `after`; locked, in this order."""
    k = DataKey
    query = select(col(k.subject), col(k.key_id), col(k.master), col(k.wrapped))
    query = query.where(col(k.subject) > after, col(k.master) != current, col(k.wrapped).is_not(None))
    return query.order_by(col(k.subject)).limit(batch).with_for_update()


async def _rewrap(engine: AsyncEngine, after: str, batch: int) -> list[str]:
    """The same once: the subjects whose keys are wrapped anew."""
    keyring, k = keyring_of(engine), DataKey
    async with engine.begin() as db:
        found = await db.execute(to_rewrap(keyring.master.current, after, batch))
        rows = [(row[0], row[1], row[2], row[3] or b"") for row in found]
        boxes = await asyncio.to_thread(keyring.open_rows, rows)
        for subject, box in boxes.items():
            wrapped = await asyncio.to_thread(keyring.master.wrap, box.key, _about(subject, box.key_id))
            values = {"master": keyring.master.current, "wrapped": wrapped}
            await db.execute(update(k).where(col(k.subject) == subject).values(**values))
    return list(boxes)


async def counts(engine: AsyncEngine) -> list[tuple[str | None, int]]:
    """How many data keys each master key wraps; None for those that were destroyed."""
    wrapped_by = case((col(DataKey.wrapped).is_not(None), col(DataKey.master)))
    async with engine.connect() as db:
        query = select(wrapped_by, func.count()).group_by(wrapped_by).order_by(wrapped_by)
        return [(row[0], row[1]) for row in await db.execute(query)]


def keyring_of(db: AsyncConnection | AsyncEngine) -> Keyring:
    """The keyring that a register's engine was connected with."""
    if isinstance(db, AsyncEngine):
        return cast(Keyring, db.sync_engine.get_execution_options()["keyring"])
    assert db.sync_connection is not None
    return cast(Keyring, db.sync_connection.get_execution_options()["keyring"])
