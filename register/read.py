"""Reads the register: cases, their histories, lists and counts. Nothing here writes."""

import base64
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, false, func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel, col

from register import search
from register import tables as t
from register.connect import reading
from register.sealing import ERASED, FORM, NOTICE, STATE, box_of, boxes_of, event_place, letter_place, take
from vault.box import Box, KeyDestroyed

Row = dict[str, Any]


async def rows(engine: AsyncEngine, query: Executable) -> list[Row]:
    """What a query finds, row by row."""
    async with reading(engine) as db:
        return [dict(r) for r in (await db.execute(query)).mappings()]


async def opened(engine: AsyncEngine, query: Executable) -> tuple[list[Row], dict[str, Box]]:
    """What a query finds, and the boxes of the cases it is about; an erased case has none."""
    async with reading(engine) as db:
        found = [dict(r) for r in (await db.execute(query)).mappings()]
        return found, await boxes_of(db, [row["reference"] for row in found])


def all_of(table: type[SQLModel]) -> Select[Any]:
    """Every column of a table."""
    return select(t.table(table))


async def case_state(engine: AsyncEngine, reference: str) -> Row | None:
    """The whole state of a case as its workflow last said; KeyDestroyed when it was erased."""
    c = t.Complaint
    async with reading(engine) as db:
        query = select(col(c.form), col(c.state), col(c.erased_at)).where(col(c.reference) == reference)
        if (found := (await db.execute(query)).first()) is None:
            return None
        form, state, erased_at = found
        if erased_at is not None:
            raise KeyDestroyed(f"{reference} was erased")
        box = await box_of(db, reference)
    whole: Row = take(box, STATE, state) | {"form": take(box, FORM, form)}
    return whole


async def erased_case(engine: AsyncEngine, reference: str) -> Row:
    """What is left of an erased case: what lists and figures need."""
    c = t.Complaint
    query = select(*(getattr(c, name) for name in (*LISTED, "erased_at"))).where(col(c.reference) == reference)
    [row] = await rows(engine, query)
    return {name: value for name, value in row.items() if name != "number"} | ERASED | {"masked": True, "possible": []}


async def forms(engine: AsyncEngine, references: Collection[str]) -> dict[str, Row]:
    """The forms of many cases, by reference."""
    c = t.Complaint
    query = select(col(c.reference), col(c.form)).where(col(c.reference).in_(references))
    found, boxes = await opened(engine, query)
    return {row["reference"]: take(boxes.get(row["reference"]), FORM, row["form"]) for row in found}


async def complaint(engine: AsyncEngine, reference: str) -> Row | None:
    """What links and mergers ask of a case: where it stands, since when, and what goes on for it."""
    c = t.Complaint
    query = select(col(c.stage), col(c.outcome), col(c.received_at), col(c.merged_into))
    found = await rows(engine, query.where(col(c.reference) == reference))
    return found[0] if found else None


async def events(engine: AsyncEngine, reference: str) -> list[Row]:
    """A case's history, oldest first."""
    e = t.CaseEvent
    query = select(col(e.reference), col(e.seq), col(e.at), col(e.kind), col(e.by), col(e.data))
    query = query.where(col(e.reference) == reference).order_by(col(e.seq))
    found, boxes = await opened(engine, query)
    return [row | {"data": take(boxes.get(reference), event_place(row["seq"]), row["data"])} for row in found]


LISTED = (
    *("reference", "number", "stage", "outcome", "nature", "urgency", "kinds", "department", "handler", "channel"),
    *("product", "language", "received_at", "opened_at", "closed_at", "due_at", "breached", "round"),
)


def listed(
    seen: ColumnElement[bool],
    *,
    stage: str | None = None,
    kind: str | None = None,
    nature: str | None = None,
    department: str | None = None,
    handler: str | None = None,
    due_before: datetime | None = None,
    breached: bool | None = None,
    product: str | None = None,
    channel: str | None = None,
    cause: str | None = None,
    also: Collection[ColumnElement[bool]] = (),
) -> Select[Any]:
    """Cases of those `seen` that fit; `cause` is a blind index, `also` what register/figures.py says of them."""
    c = t.Complaint
    query = select(*(getattr(c, name) for name in LISTED)).where(seen, *also)
    equal = {
        "stage": stage, "nature": nature, "department": department, "handler": handler, "breached": breached,
        "product": product, "channel": channel, "root_cause_index": cause,
    }  # fmt: skip
    for name, value in equal.items():
        if value is not None:
            query = query.where(getattr(c, name) == value)
    if kind is not None:
        query = query.where(col(c.kinds).contains([kind]))
    if due_before is not None:
        query = query.where(col(c.due_at) < due_before, col(c.closed_at).is_(None))
    return query


async def complaints(
    engine: AsyncEngine,
    seen: ColumnElement[bool],
    *,
    q: str | None = None,
    shown: ColumnElement[bool] | None = None,
    before: int | None = None,
    limit: int = 50,
    **wanted: Any,
) -> tuple[list[Row], int | None]:
    """Cases of those `seen`, newest first, and after which number to go on; for `q`, see register/search.py.

    `shown`: those whose contact data the reader may be shown, so that it may be looked for; none, if not said.
    `wanted` is what `listed` takes.
    """
    c = t.Complaint
    query = listed(seen, **wanted).order_by(col(c.number).desc())
    if q:
        return await search.cases(engine, query, q, before, limit, false() if shown is None else shown)
    if before is not None:
        query = query.where(col(c.number) < before)
    found = await rows(engine, query.limit(limit + 1))
    return found[:limit], found[limit - 1]["number"] if len(found) > limit else None


async def how_many(engine: AsyncEngine, seen: ColumnElement[bool], most: int, **wanted: Any) -> int:
    """How many cases of those `seen` fit, counted no further than `most`."""
    some = listed(seen, **wanted).with_only_columns(col(t.Complaint.number)).limit(most).subquery()
    async with reading(engine) as db:
        return await db.scalar(select(func.count()).select_from(some)) or 0


async def open_approvals(engine: AsyncEngine, seen: ColumnElement[bool]) -> list[Row]:
    """Approvals nobody has decided in the cases `seen`, the most pressing first."""
    a, c = t.CaseApproval, t.Complaint
    query = all_of(a).join(c, col(c.reference) == col(a.reference)).where(seen)
    query = query.where(col(a.decision).is_(None), ~col(a.closed))
    return await rows(engine, query.order_by(col(a.due_at)))


async def sendings(engine: AsyncEngine, reference: str) -> list[Row]:
    """The letters of a case, with their text and what became of them."""
    query = all_of(t.Sending).where(col(t.Sending.reference) == reference).order_by(col(t.Sending.number))
    found, boxes = await opened(engine, query)
    return [letter(row, boxes.get(reference)) for row in found]


def letter(row: Row, box: Box | None) -> Row:
    """A letter's row with its text; one of an erased case has none."""
    text = take(box, letter_place(row["number"]), row.pop("content"))
    pdf = text.get("pdf")
    empty = {"recipient": "", "subject": "", "body": "", "html": None}
    whole: Row = row | empty | text
    return whole | {"pdf": None if pdf is None else base64.b64decode(pdf)}


async def board(engine: AsyncEngine, limit: int = 100) -> list[Row]:
    """The internal notice board, newest first."""
    query = all_of(t.BoardNotice).order_by(col(t.BoardNotice.published_at).desc()).limit(limit)
    found, boxes = await opened(engine, query)
    texts = [take(boxes.get(row["reference"]), NOTICE, row.pop("content")) for row in found]
    return [row | {"title": "", "body": ""} | text for row, text in zip(found, texts, strict=True)]


async def staff_member(engine: AsyncEngine, username: str) -> t.Staff | None:
    """One member of staff."""
    found = await rows(engine, all_of(t.Staff).where(col(t.Staff.username) == username))
    return t.Staff(**found[0]) if found else None


async def staff(engine: AsyncEngine) -> list[t.Staff]:
    """Everybody, by username."""
    return [t.Staff(**r) for r in await rows(engine, all_of(t.Staff).order_by(col(t.Staff.username)))]


async def departments(engine: AsyncEngine) -> list[Row]:
    """Every department."""
    return await rows(engine, all_of(t.Department).order_by(col(t.Department.code)))


async def handlers_with_load(engine: AsyncEngine, department: str) -> list[Row]:
    """The department's handlers at work, with how many open cases each holds, least first.

    Counted for each from the index `complaint_handler_open`: a join with GROUP BY makes PostgreSQL read every open
    case, those of other departments too.
    """
    s, c = t.Staff, t.Complaint
    load = (
        select(func.count())
        .where(col(c.handler) == col(s.username), col(c.closed_at).is_(None))
        .correlate(t.table(s))
        .scalar_subquery()
    )
    query = (
        select(col(s.username), col(s.skills), col(s.region), load.label("load"))
        .where(col(s.department) == department, col(s.state) == "working", col(s.roles).contains(["handler"]))
        .order_by(load, col(s.username))
    )
    return await rows(engine, query)


async def kept_agents(engine: AsyncEngine, prefix: str) -> list[str]:
    """In whose names complaints were kept under keys that begin so; looks through the whole intake."""
    i = t.Intake
    query = select(col(i.agent)).where(col(i.idempotency_key).startswith(prefix)).distinct()
    return [row["agent"] for row in await rows(engine, query)]


async def kept_by(engine: AsyncEngine, agents: list[str], key: str) -> str | None:
    """Which of these agents has kept a complaint under that key."""
    i = t.Intake
    found = await rows(engine, select(col(i.agent)).where(col(i.agent).in_(agents), col(i.idempotency_key) == key))
    return found[0]["agent"] if found else None


async def opened_since(engine: AsyncEngine, prefix: str, since: datetime) -> list[Row]:
    """How many cases were opened since then under keys that begin so, by nature, special kinds and department."""
    c, i = t.Complaint, t.Intake
    what = (col(c.nature), col(c.kinds), col(c.department))
    query = select(*what, func.count().label("cases")).join(i, col(i.reference) == col(c.reference))
    query = query.where(col(i.started_at) >= since, col(i.idempotency_key).startswith(prefix))
    return await rows(engine, query.group_by(*what))
