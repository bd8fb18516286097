"""Looks for words in what is sealed.

A telephone, an e-mail address or a customer number is found by its blind index, whole and at any age. Words of the
matter, or a part of a reference, are looked for by opening the newest cases of the list one after another: there is no
index of words, because even a keyed one would tell how often each word comes (docs/encryption.md). One page looks
through 2,000 cases; the next page goes on from there.
"""

from typing import Any

from sqlalchemy import Select, or_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from complaints.form import Complainant
from register import tables as t
from register.sealing import FORM, boxes_of, index_secret, indexes, take

Row = dict[str, Any]
LOOKED_THROUGH, AT_ONCE = 2000, 500


async def cases(
    engine: AsyncEngine, query: Select[Any], q: str, before: int | None, limit: int
) -> tuple[list[Row], int | None]:
    """The cases of the query (newest first) that `q` is found in, and after which number to go on, if anywhere."""
    found: list[Row] = []
    async with engine.connect() as db:
        if before is None:
            found = await _of_customer(db, query, q, limit)
        known, looked = {row["reference"] for row in found}, 0
        query = query.add_columns(col(t.Complaint.form))
        while looked < LOOKED_THROUGH:
            here = query if before is None else query.where(col(t.Complaint.number) < before)
            some = [dict(row) for row in (await db.execute(here.limit(AT_ONCE))).mappings()]
            boxes = await boxes_of(db, [row["reference"] for row in some])
            for row in some:
                form = take(boxes.get(row["reference"]), FORM, row.pop("form"))
                before = row["number"]
                if row["reference"] not in known and _in(q, row["reference"], form.get("matter") or ""):
                    found.append(row)
                if len(found) >= limit:
                    return found, before
            looked += len(some)
            if len(some) < AT_ONCE:
                return found, None
    return found, before


def _in(q: str, *texts: str) -> bool:
    return any(q.casefold() in text.casefold() for text in texts)


async def _of_customer(db: AsyncConnection, query: Select[Any], q: str, limit: int) -> list[Row]:
    person = Complainant.model_construct(customer_number=q, email=q, phone=q)
    wanted = indexes(await index_secret(db), person).items()
    theirs = [getattr(t.Complaint, name) == value for name, value in wanted if value]
    return [dict(row) for row in (await db.execute(query.where(or_(*theirs)).limit(limit))).mappings()]
