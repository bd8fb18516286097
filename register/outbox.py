"""What goes out once: letters and digests, each with its key and its outcome.

States: ready -> handing_over -> sent | failed. `handing_over` is committed just before the peer may take the message;
who finds it there after a crash knows that it may have gone, and makes it `uncertain` instead of sending twice.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel, col

from register import links
from register import tables as t


async def prepare_letter(engine: AsyncEngine, row: t.Sending, link: t.CustomerLink | None = None) -> t.Sending:
    """Keep the letter as written, and its link with it; or find it as it was written before, with the link it has."""
    key = (col(t.Sending.reference) == row.reference, col(t.Sending.number) == row.number)
    async with engine.begin() as db:
        once = insert(t.Sending).values(row.model_dump()).on_conflict_do_nothing().returning(col(t.Sending.number))
        if (await db.execute(once)).first() is not None and link is not None:
            await links.make(db, link)
        found = (await db.execute(select(t.table(t.Sending)).where(*key))).mappings().one()
    return t.Sending(**found)


async def find_letter(engine: AsyncEngine, reference: str, number: int) -> t.Sending | None:
    """The letter with that key."""
    key = (col(t.Sending.reference) == reference, col(t.Sending.number) == number)
    async with engine.connect() as db:
        row = (await db.execute(select(t.table(t.Sending)).where(*key))).mappings().first()
    return t.Sending(**row) if row else None


async def move(
    engine: AsyncEngine, table: type[SQLModel], key: dict[str, Any], column: str, old: str, new: str, **more: Any
) -> bool:
    """Change a state from `old` to `new`; False when somebody else has changed it meanwhile."""
    where = [getattr(table, name) == value for name, value in {**key, column: old}.items()]
    async with engine.begin() as db:
        done = await db.execute(update(table).where(*where).values({column: new, **more}))
    return done.rowcount == 1


async def letters_waiting(engine: AsyncEngine) -> int:
    """How many letters are not out yet."""
    async with engine.connect() as db:
        query = select(func.count()).select_from(t.Sending).where(col(t.Sending.state).in_(["ready", "handing_over"]))
        return int((await db.execute(query)).scalar_one())


async def open_digests(engine: AsyncEngine, username: str) -> list[t.Digest]:
    """Digests of that person that are not done, oldest first."""
    query = select(t.table(t.Digest)).where(col(t.Digest.username) == username, col(t.Digest.done_at).is_(None))
    async with engine.connect() as db:
        return [t.Digest(**r) for r in (await db.execute(query.order_by(col(t.Digest.made_at)))).mappings()]


async def waiting_notices(engine: AsyncEngine, username: str, limit: int = 5000) -> list[t.StaffNotice]:
    """What that person has not been told yet, oldest first."""
    n = t.StaffNotice
    query = select(t.table(n)).where(col(n.username) == username, col(n.digest).is_(None))
    async with engine.connect() as db:
        rows = (await db.execute(query.order_by(col(n.at), col(n.reference), col(n.seq)).limit(limit))).mappings()
        return [n(**r) for r in rows]


async def tell(engine: AsyncEngine, notices: list[t.StaffNotice]) -> None:
    """Keep what these people are to be told, once."""
    if notices:
        once = insert(t.StaffNotice).values([n.model_dump() for n in notices]).on_conflict_do_nothing()
        async with engine.begin() as db:
            await db.execute(once)


async def make_digest(engine: AsyncEngine, digest: t.Digest, notices: list[t.StaffNotice]) -> None:
    """Keep the digest and mark its notices as told by it, in one transaction."""
    n = t.StaffNotice
    async with engine.begin() as db:
        await db.execute(insert(t.Digest).values(digest.model_dump()))
        told = [(notice.reference, notice.seq) for notice in notices]
        of_them = tuple_(col(n.reference), col(n.seq)).in_(told)
        await db.execute(update(n).where(col(n.username) == digest.username, of_them).values(digest=digest.id))


async def digest_done(engine: AsyncEngine, digest_id: str, now: datetime) -> None:
    """Nothing is left to send of that digest."""
    async with engine.begin() as db:
        await db.execute(update(t.Digest).where(col(t.Digest.id) == digest_id).values(done_at=now))


async def publish(engine: AsyncEngine, notice: t.BoardNotice) -> None:
    """Put a notice on the board, once."""
    async with engine.begin() as db:
        await db.execute(insert(t.BoardNotice).values(notice.model_dump()).on_conflict_do_nothing())
