"""The audit log: who did what, when, to what, from where and why. Append-only; docs/audit.md.

Each line carries a MAC over all of it and over the MAC before it, made with a key that is not in the database. Whoever
changes, removes, inserts or moves a line there breaks the chain, and `amends audit verify` says where.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, field_validator
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from register.audit_tables import Audit
from register.columns import table
from vault.keyring import keyring_of
from vault.subjects import OFFICE, subject_of

FIELDS = ("seq", "at", "who", "act", "subject", "change", "origin", "why", "source")
"""What the MAC of a line covers, beside the MAC before it."""
OF_CASE, OF_OFFICE, WHY, ERASED = b"c", b"o", "audit.why", "(erased)"


_LOCK = text("""
    SELECT seq, mac, ARRAY(SELECT source FROM audit WHERE source = ANY(CAST(:sources AS text[]))) AS known
    FROM audit_head FOR UPDATE
""")
"""Takes the turn to append. `known` is as of when it was asked for; for what came since, the column is unique."""
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
    if not entries:
        return
    key = await chain_key(db)
    sealed = [await _sealed(db, e.subject, e.why) for e in entries]  # before the lock: others wait for it
    last, mac, known = (await db.execute(_LOCK, {"sources": [e.source for e in entries if e.source]})).one()
    new = _new(entries, sealed, set(known))
    if not new:
        return
    new[0][0].change |= change or {}
    rows: list[dict[str, Any]] = []
    for seq, (entry, why) in enumerate(new, last + 1):
        row = entry.model_dump() | {"seq": seq, "why": why}
        mac = mac_of(key, row, mac)
        rows.append(row | {"mac": mac, "change": json.dumps(row["change"])})
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    await db.execute(_ADD, columns | {"head_seq": rows[-1]["seq"], "head_mac": mac})


def _new(entries: Sequence[Entry], sealed: Sequence[bytes | None], known: set[str]) -> list[tuple[Entry, bytes | None]]:
    """Those that the log does not have yet, by their source, each with its sealed reason."""
    new = []
    for entry, why in zip(entries, sealed, strict=True):
        if entry.source is None or entry.source not in known:
            new.append((entry, why))
            known |= {entry.source} if entry.source else set()
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
    return hmac.new(await chain_key(db), b"source:" + text.encode(), hashlib.sha256).hexdigest()[:16]


async def chain_key(db: AsyncConnection) -> bytes:
    """The key of the chain; it is wrapped by the master key, so that who has the database alone cannot make a chain."""
    return (await keyring_of(db).box(db, "secret:audit")).key


async def _sealed(db: AsyncConnection, subject: str | None, why: str | None) -> bytes | None:
    """A reason as it is kept: sealed with the key of the case, or with the office's where there is none (any more)."""
    if why is None:
        return None
    boxes = await keyring_of(db).boxes(db, {subject_of(subject or ""), OFFICE})
    box = boxes.get(subject_of(subject or ""), boxes[OFFICE])
    return (OF_OFFICE if box.subject == OFFICE else OF_CASE) + box.seal(why.encode(), WHY)


async def opened(db: AsyncConnection, subject: str | None, why: bytes | None) -> str | None:
    """A reason as it was given; that of an erased case says so."""
    if why is None:
        return None
    wanted = OFFICE if why[:1] == OF_OFFICE else subject_of(subject or "")
    box = (await keyring_of(db).boxes(db, [wanted])).get(wanted)
    return box.open(why[1:], WHY).decode() if box else ERASED


assert set(FIELDS) | {"mac"} == {c.name for c in table(Audit).columns}
