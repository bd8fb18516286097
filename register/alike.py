"""Reads the recent cases that a complaint could be the same as, and says which of them it likely is (R1.7)."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from complaints.duplicates import (
    Fingerprint,
    Text,
    compare,
    fingerprint,
    same_customer,
    words,
    worth_reading,
)
from complaints.form import Complainant, ComplaintForm
from complaints.policy import DuplicateRule
from register import tables as t
from register.sealing import FORM, boxes_of, index_secret, indexes, take

Row = dict[str, Any]
READ = ("reference", "stage", "received_at", "product", "form")


async def candidates(
    engine: AsyncEngine, form: ComplaintForm, since: datetime, until: datetime, limit: int
) -> list[Row]:
    """Cases received in that time by the same customer, and those on the same product, newest first of each."""
    c = t.Complaint
    query = (
        select(*(getattr(c, name) for name in READ))
        .where(col(c.received_at).between(since, until))
        .order_by(col(c.received_at).desc(), col(c.number).desc())
        .limit(limit)
    )
    # A complaint without a product is held against the newest of every product.
    same_product = [col(c.product) == form.product] if form.product else []
    found: dict[str, Row] = {}
    async with engine.connect() as db:
        known = _of_customer(await index_secret(db), form.complainant)
        for which in [*([query.where(or_(*known))] if known else []), query.where(*same_product)]:
            found |= {row["reference"]: dict(row) for row in (await db.execute(which)).mappings()}
        boxes = await boxes_of(db, found)
    # What was erased is like nothing. Opening some hundred forms takes milliseconds; reading them, a thread's time.
    return [
        row | {"matter": form["matter"], "person": form["complainant"]}
        for row in found.values()
        if "matter" in (form := take(boxes.get(row["reference"]), FORM, row.pop("form")))
    ]


async def likely(engine: AsyncEngine, form: ComplaintForm, rule: DuplicateRule, but: str) -> list[Row]:
    """The cases that this complaint is most likely the same as, best first; `but` is its own reference."""
    window = timedelta(days=rule.window_days)
    rows = await candidates(engine, form, form.received_at - window, form.received_at + window, rule.cases_read)
    # In a thread: some hundred long texts take tenths of a second, in which others want their answers.
    return await asyncio.to_thread(_best, form, [row for row in rows if row["reference"] != but], rule)


def _best(form: ComplaintForm, rows: Iterable[Row], rule: DuplicateRule) -> list[Row]:
    mine, found = fingerprint(form, rule), []
    texts: dict[str, Text] = {}  # many who file together send the same words: they are read once
    for row in rows:
        person = Complainant.model_construct(**row["person"]) if row["person"] else None
        if not (same_customer(form.complainant, person) or worth_reading(form.matter, row["matter"], rule)):
            continue
        if (text := texts.get(row["matter"])) is None:
            text = texts[row["matter"]] = words(row["matter"], rule)
        other = Fingerprint(row["received_at"], row["product"], person, text)
        if (alike := compare(mine, other, rule)) is not None:
            said = {name: row[name] for name in ("reference", "stage", "received_at")}
            found.append(said | {"score": alike.score, "why": alike.why})
    found.sort(key=itemgetter("score", "received_at"), reverse=True)
    return found[: rule.shown]


def _of_customer(secret: bytes, person: Complainant | None) -> list[ColumnElement[bool]]:
    """Where a case may be that customer's, in the words of the register's blind indexes."""
    return [getattr(t.Complaint, name) == value for name, value in indexes(secret, person).items() if value]
