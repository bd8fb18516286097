"""Checks the audit log's chain from its first line to its head, and finds the first line that is not as it was written.

A line's MAC covers its number and the MAC before it. So what follows a bad line says what happened: if the next line
fits it, only its content was changed; if that does not fit either, lines were inserted, moved or taken out.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from register import audit
from register.audit_tables import Audit, AuditHead
from register.read import Row, all_of
from register.read_audit import AT_ONCE

ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


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
    """Read the log, all of it or what follows `since`, as it is at this moment; is it as it was written?"""
    start = since.seq if since else 0
    report, mac = Report(lines=start, since=start), bytes.fromhex(since.mac) if since else b""
    # Lines that are added meanwhile are not seen.
    as_of_now = engine.execution_options(isolation_level="REPEATABLE READ")
    async with as_of_now.connect() as db, aclosing(_lines(db, since)) as all_:
        key = await audit.chain_key(db)
        head = (await db.execute(select(col(AuditHead.seq), col(AuditHead.mac)))).one_or_none()
        if head is None:
            return Report(fault=Fault(seq=0, what="the log's head is gone"))
        report.head = f"{head.seq}:{head.mac.hex()}"
        async for line in all_:
            report.fault = _wrong(line, report.lines + 1, head.seq, anchor)
            if report.fault is None and not _fits(key, line, mac):
                report.fault = Fault(seq=line["seq"], what=_unfit(key, line, mac, await anext(all_, None)))
            if report.fault:
                return report
            mac, at = line["mac"], line["at"]
            report.lines, report.first_at, report.last_at = line["seq"], report.first_at or at, at
    report.fault = _end(report.lines, mac, head.seq, head.mac, anchor)
    return report


async def _lines(db: AsyncConnection, since: Anchor | None) -> AsyncGenerator[Row]:
    query = all_of(Audit).where(col(Audit.seq) > since.seq) if since else all_of(Audit)
    found = await db.stream(query.order_by(col(Audit.seq)), execution_options={"yield_per": AT_ONCE})
    async for row in found.mappings():
        yield dict(row)


def _wrong(line: Row, due: int, last: int, anchor: Anchor | None) -> Fault | None:
    """What is wrong with where a line stands; `due` is the number it should have, `last` the head's."""
    seq: int = line["seq"]
    if seq < due:
        return Fault(seq=seq, what="inserted: the log begins with line 1")
    if seq > due:
        return _missing(due, seq - 1)
    if seq > last:
        return Fault(seq=seq, what=f"beyond the head, which says {last}: inserted, or the head was moved back")
    if anchor and anchor.seq == seq and anchor.mac != line["mac"].hex():
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


def _end(lines: int, mac: bytes, last: int, head: bytes, anchor: Anchor | None) -> Fault | None:
    """What is wrong with the end of the log."""
    if lines < last:
        return _missing(lines + 1, last)
    if mac != head:
        return Fault(seq=lines, what="the head has another MAC than this, the last line")
    if anchor and anchor.seq > lines:
        return _missing(lines + 1, anchor.seq)
    return None
