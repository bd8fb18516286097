"""Looks for words in what is sealed.

A reference, and by its blind index a telephone, an e-mail address or a customer number, is found whole and at any age;
where one is found so, nothing else is looked for. Words of the matter, or a part of a reference, are looked for by
opening the newest cases of the list one after another: there is no index of words, because even a keyed one would tell
how often each word comes (docs/encryption.md). One page looks through 2,000 cases; the next page goes on from there.

Where a reader may not be shown contact data, words are looked for in the matter as it is masked: or searches would tell
it digit by digit.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, or_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from complaints.duplicates import whole_number
from complaints.form import Complainant
from complaints.masking import Mask
from register import tables as t
from register.sealing import FORM, boxes_of, index_secret, indexes, take

Row = dict[str, Any]
LOOKED_THROUGH, AT_ONCE = 2000, 500


async def cases(
    engine: AsyncEngine, query: Select[Any], q: str, before: int | None, limit: int, shown: ColumnElement[bool]
) -> tuple[list[Row], int | None]:
    """The cases of the query (newest first) that `q` is found in, and after which number to go on, if anywhere.

    `shown`: the cases whose contact data the reader may be shown.
    """
    async with engine.connect() as db:
        theirs = await _whole(db, query, q)
        if (await db.execute(query.where(theirs).limit(1))).first() is not None:
            query = query.where(theirs)
            here = query if before is None else query.where(col(t.Complaint.number) < before)
            rows = [dict(row) for row in (await db.execute(here.limit(limit + 1))).mappings()]
            return rows[:limit], rows[limit - 1]["number"] if len(rows) > limit else None
        return await _by_words(db, query.add_columns(col(t.Complaint.form), shown.label("shown")), q, before, limit)


async def _by_words(
    db: AsyncConnection, query: Select[Any], q: str, before: int | None, limit: int
) -> tuple[list[Row], int | None]:
    found: list[Row] = []
    looked = 0
    while looked < LOOKED_THROUGH:
        here = query if before is None else query.where(col(t.Complaint.number) < before)
        some = [dict(row) for row in (await db.execute(here.limit(AT_ONCE))).mappings()]
        boxes = await boxes_of(db, [row["reference"] for row in some])
        for row in some:
            form = take(boxes.get(row["reference"]), FORM, row.pop("form"))
            before, clear = row["number"], row.pop("shown")
            if _in(q, row["reference"]) or _told(q, form, clear):
                found.append(row)
            if len(found) >= limit:
                return found, before
        looked += len(some)
        if len(some) < AT_ONCE:
            return found, None
    return found, before


async def of_customer(
    engine: AsyncEngine, query: Select[Any], person: Complainant | None, limit: int
) -> list[Row] | None:
    """The cases of the query (newest first) that are of that customer; None of one who cannot be looked for.

    By customer number, e-mail address or telephone: whichever of them is known.
    """
    async with engine.connect() as db:
        wanted = indexes(await index_secret(db), person).items()
        theirs = [getattr(t.Complaint, name) == value for name, value in wanted if value]
        if not theirs:
            return None
        return [dict(row) for row in (await db.execute(query.where(or_(*theirs)).limit(limit))).mappings()]


def _in(q: str, text: str) -> bool:
    return q.casefold() in text.casefold()


def _told(q: str, form: Row, clear: bool) -> bool:
    """Whether the matter tells of it; masking takes longer, and is done only for what is there at all."""
    matter = form.get("matter") or ""
    return _in(q, matter) and (clear or _in(q, Mask(form.get("complainant")).text(matter)))


async def _whole(db: AsyncConnection, query: Select[Any], q: str) -> ColumnElement[bool]:
    """The case of that reference, or of whoever has that telephone, e-mail address or customer number."""
    person = Complainant.model_construct(customer_number=q, email=q, phone=q)
    wanted = indexes(await index_secret(db), person)
    ways = [getattr(t.Complaint, name) == value for name, value in wanted.items() if value and name != "phone_index"]
    if phone := wanted["phone_index"]:
        ways.append(col(t.Complaint.number).in_(await _of_phone(db, query, phone, q)))
    return or_(col(t.Complaint.reference) == q.strip().upper(), *ways)


async def _of_phone(db: AsyncConnection, query: Select[Any], index: str, q: str) -> list[int]:
    """The numbers of the cases of that telephone: the index knows its end alone, so the whole is compared here."""
    c = t.Complaint
    ending = query.with_only_columns(col(c.number), col(c.reference), col(c.form)).where(col(c.phone_index) == index)
    rows = (await db.execute(ending.limit(LOOKED_THROUGH))).all()
    boxes = await boxes_of(db, [row.reference for row in rows])
    people = [(take(boxes.get(row.reference), FORM, row.form).get("complainant") or {}, row.number) for row in rows]
    return [number for person, number in people if whole_number(person.get("phone")) == whole_number(q)]
