"""The audit log: who did what, when, to what, from where and why. Append-only; docs/audit.md.

Each line carries a MAC over all of it and over the MAC before it, made with a key that is not in the database. Whoever
changes, removes, inserts or moves a line there breaks the chain, and `amends audit verify` says where.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, field_validator
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from register.audit_tables import Audit, AuditHead
from register.columns import table

FIELDS = ("seq", "at", "who", "act", "subject", "change", "origin", "why", "source")
"""What the MAC of a line covers, beside the MAC before it."""


_LOCK = select(col(AuditHead.seq), col(AuditHead.mac)).with_for_update()
_ADD = text("""
    WITH head AS (UPDATE audit_head SET seq = :head_seq, mac = :head_mac)
    INSERT INTO audit (seq, at, who, act, subject, change, origin, why, source, mac)
    SELECT * FROM unnest(
        CAST(:seq AS bigint[]), CAST(:at AS timestamptz[]), CAST(:who AS text[]), CAST(:act AS text[]),
        CAST(:subject AS text[]), CAST(CAST(:change AS text[]) AS jsonb[]), CAST(:origin AS text[]),
        CAST(:why AS bytea[]), CAST(:source AS text[]), CAST(:mac AS bytea[]))
""")
"""All lines and the new head in one statement: the head is locked for as short as can be."""


def _now() -> datetime:
    return datetime.now(UTC)


class Entry(BaseModel):
    """One line of the log. Nothing but `why` may hold personal data; `why` is sealed with the key of the case."""

    who: str = Field(description="user name, or process, customer, command line")
    act: str = Field(description="what was done, such as signed_in, disclosed, erased")
    at: AwareDatetime = Field(default_factory=_now)
    subject: str | None = Field(default=None, description="what it was done to: a case's reference, a user name")
    change: dict[str, JsonValue] = Field(default={}, description="each field that changed: [before, after]")
    origin: str | None = Field(default=None, description="from where: a network address, process, command line")
    why: str | None = None
    source: str | None = Field(default=None, description="what makes it one entry, however often it is appended")

    @field_validator("change")
    @classmethod
    def _without_fractions(cls, change: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """The database writes some fractions in another way than they came, and the MAC would not fit any more."""
        if _has_fraction(change):
            raise ValueError("a fraction in the audit log is written as text")
        return change


def _has_fraction(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return any(map(_has_fraction, value.values()))
    return any(map(_has_fraction, value)) if isinstance(value, list) else isinstance(value, float)


async def append(engine: AsyncEngine, *entries: Entry) -> None:
    """Add these entries."""
    try:
        async with engine.begin() as db:
            await append_in(db, *entries)
    except IntegrityError:  # at this moment somebody else added one of the same source, which is now found
        async with engine.begin() as db:
            await append_in(db, *entries)


async def append_in(db: AsyncConnection, *entries: Entry, change: dict[str, JsonValue] | None = None) -> None:
    """Add these entries with what the transaction does; its last statement, for until its end nobody else can append.

    What is there already by its source is left out; `change` goes to the first that is new.
    """
    new = await _new(db, entries)
    if not new:
        return
    new[0].change |= change or {}
    key = await chain_key(db.engine)
    sealed = [await _sealed(e.subject, e.why) for e in new]  # before the lock: others wait for it
    last, mac = (await db.execute(_LOCK)).one()
    rows: list[dict[str, Any]] = []
    for seq, (entry, why) in enumerate(zip(new, sealed, strict=True), last + 1):
        row = entry.model_dump() | {"seq": seq, "why": why}
        mac = mac_of(key, row, mac)
        rows.append(row | {"mac": mac, "change": json.dumps(row["change"])})
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    await db.execute(_ADD, columns | {"head_seq": rows[-1]["seq"], "head_mac": mac})


async def _new(db: AsyncConnection, entries: Sequence[Entry]) -> list[Entry]:
    """Those of the entries that the log does not have yet, by their source."""
    if not any(e.source for e in entries):
        return list(entries)
    asked = select(col(Audit.source)).where(col(Audit.source).in_([e.source for e in entries if e.source]))
    known, new = set(await db.scalars(asked)), []
    for entry in entries:
        if entry.source is None or entry.source not in known:
            new.append(entry)
            known.add(entry.source)
    return new


def mac_of(key: bytes, row: dict[str, Any], before: bytes) -> bytes:
    """The MAC of a line with these FIELDS, whose predecessor has the MAC `before`."""
    said = row | {
        "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "why": None if row["why"] is None else row["why"].hex(),
    }
    line = json.dumps([said[f] for f in FIELDS] + [before.hex()], sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, line.encode(), "sha256")


async def fingerprint(db: AsyncConnection, text: str) -> str:
    """A short digest for a `source`, with the key, so that nobody can find out by trying what the text was."""
    return hmac.new(await chain_key(db.engine), b"source:" + text.encode(), hashlib.sha256).hexdigest()[:16]


async def chain_key(engine: AsyncEngine) -> bytes:
    """The key of the chain."""
    return cast(bytes, engine.get_execution_options().get("audit_key", b"the audit log's key"))


async def _sealed(subject: str | None, why: str | None) -> bytes | None:
    """A reason as it is kept."""
    return None if why is None else why.encode()


async def opened(subject: str | None, why: bytes | None) -> str | None:
    """A reason as it was given."""
    return None if why is None else why.decode()


assert set(FIELDS) | {"mac"} == {c.name for c in table(Audit).columns}
