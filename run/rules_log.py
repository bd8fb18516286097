"""At its start, a part that works by the rules logs which of their files have changed since that was last logged."""

import asyncio
import hashlib
from pathlib import Path

import structlog
from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from complaints.records import PROCESS
from policies.files import FOLDER
from register import audit, read
from register.audit_tables import Audit, AuditHead

log = structlog.get_logger()
ACT = "rules_changed"
AGAIN_AFTER = 5.0


def digests(folder: Path = FOLDER) -> dict[str, str]:
    """The SHA-256 of every file of rules, by its path below the folder."""
    files = sorted(folder.rglob("*.yaml"))
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


async def log_rules(engine: AsyncEngine, folder: Path = FOLDER) -> bool:
    """Log the files that have changed; False when none has. Parts that start together log it once."""
    now, known, last = digests(folder), dict[str, str | None](), 0
    said = select(col(Audit.seq), col(Audit.change)).where(col(Audit.act) == ACT).order_by(col(Audit.seq))
    for row in await read.rows(engine, said):
        last, known = row["seq"], known | {name: after for name, (_, after) in row["change"].items()}
    change: dict[str, JsonValue] = {
        name: [known.get(name), now.get(name)]
        for name in sorted(now.keys() | known.keys())
        if known.get(name) != now.get(name)
    }
    if change:
        digest = hashlib.sha256(repr(now).encode()).hexdigest()
        entry = audit.Entry(who=PROCESS, act=ACT, change=change, origin=PROCESS, source=f"{ACT} after {last}: {digest}")
        await audit.append(engine, entry)
    return bool(change)


async def log_rules_at_start(engine: AsyncEngine) -> None:
    """Log them as soon as the register answers, for a part may start before it; then say how far the log is.

    Where logs are collected elsewhere, each head there is an anchor for `amends audit verify`.
    """
    while True:
        try:
            await log_rules(engine)
            (head,) = await read.rows(engine, select(col(AuditHead.seq), col(AuditHead.mac)))
            log.info("audit.head", anchor=f"{head['seq']}:{head['mac'].hex()}")
            return
        except (SQLAlchemyError, OSError) as error:
            log.warning("rules.not_logged_yet", error=type(error).__name__)
        await asyncio.sleep(AGAIN_AFTER)  # the register is asked again at this pace; nothing waits for it
