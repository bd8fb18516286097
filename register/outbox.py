"""What goes out once: letters and digests, each with its key and its outcome.

States: ready -> handing_over -> sent | failed. `handing_over` is committed just before the peer may take the message;
who finds it there after a crash knows that it may have gone, and makes it `uncertain` instead of sending twice.
"""

import base64
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import SQLModel, col

from register import links, read
from register import tables as t
from register.connect import reading
from register.sealing import NOTICE, box_of, letter_place, put
from vault.box import Box


class Letter(BaseModel):
    """A letter as it was written, and what became of it."""

    reference: str
    number: int
    kind: str
    way: str
    language: str
    recipient: str
    subject: str
    body: str
    html: str | None = None
    pdf: bytes | None = None
    ordered_at: datetime
    state: str
    message_id: str
    tries: int = 0
    done_at: datetime | None = None
    error: str | None = None


TEXT = ("recipient", "subject", "body", "html")


def _content(letter: Letter, box: Box) -> bytes:
    pdf = None if letter.pdf is None else base64.b64encode(letter.pdf).decode()
    return put(box, letter_place(letter.number), letter.model_dump(include=set(TEXT)) | {"pdf": pdf})


async def prepare_letter(engine: AsyncEngine, letter: Letter, link: t.CustomerLink | None = None) -> Letter:
    """Keep the letter as written, and its link with it; or find it as it was written before, with the link it has."""
    async with engine.begin() as db:
        row = letter.model_dump(exclude={*TEXT, "pdf"})
        row["content"] = _content(letter, await box_of(db, letter.reference, make=True))
        once = insert(t.Sending).values(row).on_conflict_do_nothing().returning(col(t.Sending.number))
        if (await db.execute(once)).first() is not None and link is not None:
            await links.make(db, link)
        found = await _letter(db, letter.reference, letter.number)
    assert found is not None
    return found


async def find_letter(engine: AsyncEngine, reference: str, number: int) -> Letter | None:
    """The letter with that key."""
    async with reading(engine) as db:
        return await _letter(db, reference, number)


async def _letter(db: AsyncConnection, reference: str, number: int) -> Letter | None:
    key = (col(t.Sending.reference) == reference, col(t.Sending.number) == number)
    row = (await db.execute(select(t.table(t.Sending)).where(*key))).mappings().first()
    return Letter(**read.letter(dict(row), await box_of(db, reference))) if row else None


async def change_text(engine: AsyncEngine, letter: Letter) -> None:
    """Keep another text of a letter that is out."""
    key = (col(t.Sending.reference) == letter.reference, col(t.Sending.number) == letter.number)
    async with engine.begin() as db:
        content = _content(letter, await box_of(db, letter.reference))
        await db.execute(update(t.Sending).where(*key).values(content=content))


async def move(
    engine: AsyncEngine, table: type[SQLModel], key: dict[str, Any], column: str, old: str, new: str, **more: Any
) -> bool:
    """Change a state from `old` to `new`; False when somebody else has changed it meanwhile."""
    where = [getattr(table, name) == value for name, value in {**key, column: old}.items()]
    async with engine.begin() as db:
        done = await db.execute(update(table).where(*where).values({column: new, **more}))
    return done.rowcount == 1


async def open_digests(engine: AsyncEngine, username: str) -> list[t.Digest]:
    """Digests of that person that are not done, oldest first."""
    query = select(t.table(t.Digest)).where(col(t.Digest.username) == username, col(t.Digest.done_at).is_(None))
    async with reading(engine) as db:
        return [t.Digest(**r) for r in (await db.execute(query.order_by(col(t.Digest.made_at)))).mappings()]


async def waiting_notices(engine: AsyncEngine, username: str, limit: int = 5000) -> list[t.StaffNotice]:
    """What that person has not been told yet, oldest first."""
    n = t.StaffNotice
    query = select(t.table(n)).where(col(n.username) == username, col(n.digest).is_(None))
    async with reading(engine) as db:
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


async def publish(engine: AsyncEngine, reference: str, at: datetime, language: str, title: str, body: str) -> None:
    """Put a notice on the board, once."""
    async with engine.begin() as db:
        content = put(await box_of(db, reference, make=True), NOTICE, {"title": title, "body": body})
        row = t.BoardNotice(reference=reference, published_at=at, language=language, content=content)
        await db.execute(insert(t.BoardNotice).values(row.model_dump()).on_conflict_do_nothing())
