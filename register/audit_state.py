"""What checks of the audit log found. Each is a line of the log itself, and so as safe as what it speaks of.

A log of millions of lines is not checked while somebody waits for a page: where it is longer than that, a check goes on
from where the last one ended. What it then says of the lines before is what was found at that time.
"""

from datetime import datetime

import structlog
from pydantic import BaseModel, JsonValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register import audit, audit_check
from register.audit_tables import Audit, AuditHead
from register.read import rows

log = structlog.get_logger()
CHECKED = "audit_checked"
AT_ONCE = 20_000
"""Lines that are checked while somebody waits; measured: two seconds of work."""


class TooLong(Exception):
    """More lines than can be checked while somebody waits: `amends audit verify` does it."""


class Check(BaseModel):
    """What a check found: by whom, when, of which lines; `fault_at` is the first bad line."""

    at: datetime
    who: str
    since: int
    lines: int
    head: str
    fault_at: int | None = None
    fault: str | None = None


class State(BaseModel):
    """How many lines there are, what the last check found, and the last one of the whole log."""

    lines: int
    last: Check | None
    whole: Check | None

    def going_on(self, most: int) -> audit_check.Anchor | None:
        """From where a check has to go on; none: from the first line. TooLong if there is too much to check."""
        if self.lines <= most:
            return None
        if self.last is None or self.last.fault_at is not None or self.lines - self.last.lines > most:
            raise TooLong
        return audit_check.Anchor.read(self.last.head)


async def state(engine: AsyncEngine) -> State:
    """The log's state as far as it was checked."""
    head = await rows(engine, select(col(AuditHead.seq)))
    return State(
        lines=head[0]["seq"] if head else 0, last=await _last(engine), whole=await _last(engine, from_the_first=True)
    )


async def check(engine: AsyncEngine, who: str, origin: str | None, most: int) -> audit_check.Report:
    """Check what can be checked at once, and write down what was found."""
    found = await audit_check.verify(engine, since=(await state(engine)).going_on(most))
    await note(engine, found, who, origin)
    return found


async def note(engine: AsyncEngine, found: audit_check.Report, who: str, origin: str | None) -> None:
    """Write down what a check found, unless there is nothing to write it behind, or a line stands in its place."""
    if not found.head or not (found.lines or found.fault):
        return
    change: dict[str, JsonValue] = {"since": found.since, "lines": found.lines, "head": found.head}
    if found.fault:
        change |= {"fault_at": found.fault.seq, "fault": found.fault.what}
    try:
        await audit.append(engine, audit.Entry(who=who, act=CHECKED, change=change, origin=origin))
    except IntegrityError:
        if not found.fault:
            raise
        log.error("audit.fault_not_noted", line=found.fault.seq, fault=found.fault.what)


async def _last(engine: AsyncEngine, *, from_the_first: bool = False) -> Check | None:
    query = select(col(Audit.at), col(Audit.who), col(Audit.change)).where(col(Audit.act) == CHECKED)
    if from_the_first:
        query = query.where(col(Audit.change)["since"].as_integer() == 0)
    found = await rows(engine, query.order_by(col(Audit.seq).desc()).limit(1))
    return Check(at=found[0]["at"], who=found[0]["who"], **found[0]["change"]) if found else None
