"""The query log 查詢記錄: who looked at which case, when, from where and for what; read from the audit log."""

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from complaints.disclosure import ALARM, DISCLOSED
from register import audit
from register.audit_tables import Audit
from register.read import Row, rows
from register.read_audit import Wanted

LOOKS = (DISCLOSED, ALARM, "decoded", "searched")
READS = tuple(f"GET {desk}/{what}/{{" for desk in ("", "/desk") for what in ("complaints", "incidents", "approvals"))
"""How the acts begin by which one case was read, over the API or on a page; contact data was masked."""
SAID = ("seq", "at", "who", "act", "subject", "origin")


async def page(engine: AsyncEngine, wanted: Wanted, before: int | None, limit: int) -> list[Row]:
    """Looks, newest first; `before` is the line after which the page begins."""
    act = col(Audit.act)
    query = wanted.query().where(or_(act.in_(LOOKS), *(act.startswith(read, autoescape=True) for read in READS)))
    if before is not None:
        query = query.where(col(Audit.seq) < before)
    found = await rows(engine, query.order_by(col(Audit.seq).desc()).limit(limit))
    async with engine.connect() as keys:
        return [await _look(keys, line) for line in found]


async def _look(keys: AsyncConnection, line: Row) -> Row:
    purpose, letters = line["change"].get("purpose"), line["change"].get("letters", False)
    more = {"purpose": purpose, "letters": letters, "change": line["change"] if line["act"] == ALARM else None}
    return {name: line[name] for name in SAID} | more | {"why": await audit.opened(keys, line["subject"], line["why"])}


async def cases_shown(engine: AsyncEngine, who: str, since: datetime) -> int:
    """How many different cases that person has shown since then."""
    query = select(func.count(func.distinct(col(Audit.subject))).label("cases"))
    query = query.where(col(Audit.who) == who, col(Audit.act) == DISCLOSED, col(Audit.at) > since)
    return int((await rows(engine, query))[0]["cases"])


async def alarmed(engine: AsyncEngine, who: str, since: datetime, within_minutes: int) -> bool:
    """Whether the alarm of that window was raised about that person since then."""
    query = select(col(Audit.seq)).where(col(Audit.act) == ALARM, col(Audit.subject) == who, col(Audit.at) > since)
    query = query.where(col(Audit.change)["within_minutes"].as_integer() == within_minutes)
    return bool(await rows(engine, query.limit(1)))


async def last_alarms(engine: AsyncEngine, since: datetime, limit: int) -> list[Row]:
    """The last alarms since then, newest first: about whom, and how many cases they showed within which time."""
    query = select(col(Audit.seq), col(Audit.at), col(Audit.subject), col(Audit.change))
    query = query.where(col(Audit.act) == ALARM, col(Audit.at) > since)
    return await rows(engine, query.order_by(col(Audit.seq).desc()).limit(limit))


async def alarms(engine: AsyncEngine) -> int:
    """How many alarms there have been."""
    return int((await rows(engine, select(func.count().label("alarms")).where(col(Audit.act) == ALARM)))[0]["alarms"])
