"""Checks the audit log's chain from its first line to its head, and finds the first line that is not as it was written.

A line's MAC covers its number and the MAC before it. So what follows a bad line says what happened: if the next line
fits it, only its content was changed; if that does not fit either, lines were inserted, moved or taken out.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from register import audit
from register.audit_tables import Audit, AuditHead
from register.connect import reading
from register.read import Row, all_of
from register.read_audit import AT_ONCE

ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
LOWEST = -(2**63)
"""The lowest number that a line can be inserted with."""
_HEAD = select(
    col(AuditHead.seq),
    col(AuditHead.mac),
    select(func.min(Audit.seq)).where(col(Audit.seq) > col(AuditHead.seq)).scalar_subquery().label("beyond"),
)
"""The head, and the first line beyond it: at one moment, for a line and the head that names it are written together."""


class Anchor(BaseModel):
    """A line as somebody wrote it down elsewhere: its number and its MAC."""

    seq: int
    mac: str

    @classmethod
    def read(cls, text: str) -> "Anchor":
        """`SEQ:MAC`, as a check prints it; ValueError if it is not that."""
        if (found := ANCHOR.fullmatch(text.strip())) is None:
            raise ValueError("an anchor is SEQ:MAC as `amends audit verify` prints it")
        return cls(seq=int(found[1]), mac=found[2])


class Fault(BaseModel):
    """The first bad line, and what is wrong."""

    seq: int
    what: str


class Report(BaseModel):
    """What a check found; `head` is worth writing down where nobody who reaches the database can change it."""

    lines: int = 0
    since: int = Field(default=0, description="the line after which it began: an earlier check ended there")
    first_at: datetime | None = None
    last_at: datetime | None = None
    head: str = ""
    fault: Fault | None = None


async def verify(engine: AsyncEngine, anchor: Anchor | None = None, since: Anchor | None = None) -> Report:
    """Read the log, all of it or what follows the line `since`, to the head it has now; is it as it was written?

    It is read in parts, for one long transaction would keep PostgreSQL from tidying up for as long as it takes. Nothing
    can change between them: lines are only added, behind the head.
    """
    start = since.seq if since else 0
    report, due, mac = Report(lines=start, since=start), start or 1, b""
    anchors = [a for a in (anchor, since) if a]
    async with reading(engine) as db:
        key = await audit.chain_key(db)
        head = (await db.execute(_HEAD)).one_or_none()
        if head is None:
            return Report(fault=Fault(seq=0, what="the log's head is gone"))
        report.head = f"{head.seq}:{head.mac.hex()}"
        async with aclosing(_lines(db, start or LOWEST, head.seq)) as lines:
            async for line in lines:
                report.fault = _wrong(line, due, anchors)
                new = due > start  # the line of `since` itself was checked when it was written down
                if report.fault is None and new and not _fits(key, line, mac):
                    report.fault = Fault(seq=line["seq"], what=_unfit(key, line, mac, await anext(lines, None)))
                if report.fault:
                    return report
                due, mac, at = due + 1, line["mac"], line["at"]
                if new:
                    report.lines, report.first_at, report.last_at = line["seq"], report.first_at or at, at
    report.fault = _end(due - 1, mac, head, anchors)
    return report


async def _lines(db: AsyncConnection, first: int, last: int) -> AsyncGenerator[Row]:
    """The lines from the first number to the last, AT_ONCE of them in each transaction."""
    query = all_of(Audit).where(col(Audit.seq) <= last).order_by(col(Audit.seq)).limit(AT_ONCE)
    while found := (await db.execute(query.where(col(Audit.seq) >= first))).mappings().all():
        for row in found:
            yield dict(row)
        first = found[-1]["seq"] + 1


def _wrong(line: Row, due: int, anchors: list[Anchor]) -> Fault | None:
    """What is wrong with where a line stands; `due` is the number it should have."""
    seq: int = line["seq"]
    if seq < due:
        return Fault(seq=seq, what="inserted: the log begins with line 1")
    if seq > due:
        return _missing(due, seq - 1)
    if any(a.seq == seq and a.mac != line["mac"].hex() for a in anchors):
        return Fault(seq=seq, what="not the line of the anchor: the log was written anew, or the anchor is of another")
    return None


def _missing(first: int, last: int) -> Fault:
    return Fault(seq=first, what="missing" if first == last else f"missing: lines {first} to {last}")


def _fits(key: bytes, line: Row, before: bytes) -> bool:
    return bool(audit.mac_of(key, line, before) == line["mac"])


def _unfit(key: bytes, line: Row, before: bytes, following: Row | None) -> str:
    """What happened to a line whose MAC does not fit."""
    if following and _fits(key, following, line["mac"]):
        return "changed"
    if following and _fits(key, following, audit.mac_of(key, line, before)):
        return "changed: its MAC"
    if following is None:
        return "the last line, changed or inserted; or this is another key"
    return "inserted or moved here, or lines before it taken out and the rest renumbered; or this is another key"


def _end(lines: int, mac: bytes, head: Any, anchors: list[Anchor]) -> Fault | None:
    """What is wrong with the end of the log; `head` is a row of _HEAD."""
    if lines < head.seq:
        return _missing(lines + 1, head.seq)
    if head.beyond is not None:
        what = f"beyond the head, which says {head.seq}: inserted, or the head was moved back"
        return Fault(seq=head.beyond, what=what)
    if (last := max((a.seq for a in anchors), default=0)) > head.seq:
        return _missing(head.seq + 1, last)
    return None if mac == head.mac else Fault(seq=lines, what="the head has another MAC than this, the last line")
