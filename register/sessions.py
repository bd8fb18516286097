"""Who is signed in: sessions and service keys, found by one query, ended at once; only digests of tokens are kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from register.columns import table
from register.connect import reading
from register.sign_in_tables import ServiceKey, SpentToken, StaffSession
from register.tables import Staff

SEEN_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was last used: not every request is a write."""
KEPT_AFTER_END = timedelta(days=30)
S, K = StaffSession, ServiceKey


@dataclass(frozen=True)
class Standing:
    """A good session or key, and whose it is."""

    username: str
    name: str
    roles: list[str]
    department: str | None
    region: str | None
    language: str
    id: str
    kind: str
    seen_at: datetime | None
    expires_at: datetime
    scopes: frozenset[str] | None = None


async def begin(db: AsyncConnection, session: StaffSession) -> None:
    """Keep a new session, in the transaction that let the person in; what ended long ago goes."""
    await db.execute(insert(S).values(session.model_dump()))
    old = session.made_at - KEPT_AFTER_END
    gone = select(col(S.id)).where(col(S.username) == session.username, col(S.expires_at) < old)
    await db.execute(delete(S).where(col(S.id).in_(gone.with_for_update(skip_locked=True))))
    spent = select(col(SpentToken.digest)).where(col(SpentToken.at) < old)
    await db.execute(delete(SpentToken).where(col(SpentToken.digest).in_(spent.with_for_update(skip_locked=True))))


def _good(now: datetime, idle: timedelta) -> tuple[ColumnElement[bool], ...]:
    return (col(S.ended_at).is_(None), col(S.expires_at) > now, col(S.seen_at) > now - idle)


PERSON = [col(c) for c in (Staff.username, Staff.name, Staff.roles, Staff.department, Staff.region, Staff.language)]
ACTIVE = col(Staff.state) != "disabled"


def _sessions(now: datetime, idle: timedelta) -> Select[*tuple[Any, ...]]:
    fields = [col(c) for c in (S.id, S.kind, S.seen_at, S.expires_at)]
    mine = col(Staff.username) == col(S.username)
    return select(*PERSON, *fields).join_from(table(S), table(Staff), mine).where(ACTIVE, *_good(now, idle))


async def by_id(engine: AsyncEngine, identifier: str, username: str, now: datetime, idle: timedelta) -> Standing | None:
    """The session that an access token names."""
    these = (col(S.id) == identifier, col(S.username) == username, col(S.kind) == "token")
    return await _one(engine, _sessions(now, idle).where(*these))


async def by_cookie(engine: AsyncEngine, digest: str, now: datetime, idle: timedelta) -> Standing | None:
    """The session of a page's cookie."""
    return await _one(engine, _sessions(now, idle).where(col(S.digest) == digest, col(S.kind) == "page"))


async def by_key(engine: AsyncEngine, digest: str, now: datetime) -> Standing | None:
    """The service key of that digest, as a standing of its account."""
    fields = [col(K.id), literal("key").label("kind"), col(K.seen_at), col(K.expires_at), col(K.scopes)]
    query = select(*PERSON, *fields).join_from(table(K), table(Staff), col(Staff.username) == col(K.username))
    good = (col(K.digest) == digest, col(K.revoked_at).is_(None), col(K.expires_at) > now)
    return await _one(engine, query.where(ACTIVE, *good))


async def _one(engine: AsyncEngine, query: Select[*tuple[Any, ...]]) -> Standing | None:
    async with reading(engine) as db:
        row = (await db.execute(query)).mappings().first()
    if row is None:
        return None
    found = dict(row)
    return Standing(**found | {"scopes": frozenset(found["scopes"]) if "scopes" in found else None})


async def seen(engine: AsyncEngine, standing: Standing, now: datetime) -> None:
    """Note that it was used, at most once in a minute."""
    if standing.seen_at is not None and now - standing.seen_at < SEEN_EVERY:
        return
    of: type[StaffSession | ServiceKey] = ServiceKey if standing.kind == "key" else StaffSession
    async with engine.begin() as db:
        await db.execute(update(of).where(col(of.id) == standing.id).values(seen_at=now))


async def refresh(engine: AsyncEngine, old: str, new: str, now: datetime, idle: timedelta) -> tuple[str, str] | None:
    """Put another refresh token in the place of this one; gives the session's id and user name.

    Two at the same moment: the second finds the digest changed, and is a reuse.
    """
    active = col(S.username).in_(select(col(Staff.username)).where(ACTIVE))
    mine = (col(S.digest) == old, col(S.kind) == "token", active, *_good(now, idle))
    change = update(S).where(*mine).values(digest=new, seen_at=now).returning(col(S.id), col(S.username))
    async with engine.begin() as db:
        row = (await db.execute(change)).first()
        if row is None:
            return None
        await spend(db, old, row.id, now)
        return row.id, row.username


async def spend(db: AsyncConnection, digest: str, session: str, now: datetime) -> bool:
    """Mark a token as used; False when it was used before."""
    row = SpentToken(digest=digest, session=session, at=now).model_dump()
    put = pg_insert(SpentToken).values(row).on_conflict_do_nothing().returning(col(SpentToken.digest))
    return (await db.execute(put)).first() is not None


async def is_alive(engine: AsyncEngine, identifier: str, now: datetime, idle: timedelta) -> bool:
    """Whether that session is good now, and its account too."""
    return await _one(engine, _sessions(now, idle).where(col(S.id) == identifier)) is not None


async def of_token(engine: AsyncEngine, digest: str) -> tuple[str, str] | None:
    """The id and user name of the session whose refresh token or cookie this is, or was; it may be over."""
    return await _whose(engine, (col(S.digest) == digest) | _spent_in(digest))


async def of_spent(engine: AsyncEngine, digest: str) -> tuple[str, str] | None:
    """The same of a token that was used up; None of one that never was."""
    return await _whose(engine, _spent_in(digest))


def _spent_in(digest: str) -> ColumnElement[bool]:
    return col(S.id).in_(select(col(SpentToken.session)).where(col(SpentToken.digest) == digest))


async def _whose(engine: AsyncEngine, which: ColumnElement[bool]) -> tuple[str, str] | None:
    async with reading(engine) as db:
        row = (await db.execute(select(col(S.id), col(S.username)).where(which))).first()
    return (row.id, row.username) if row else None


async def end(
    engine: AsyncEngine, username: str, why: str, now: datetime, *, only: str | None = None, but: str | None = None
) -> list[str]:
    """End a person's sessions, one of them, or all but one; gives the ids of those that ended now."""
    which = [col(S.username) == username, col(S.ended_at).is_(None), col(S.expires_at) > now]
    if only is not None:
        which.append(col(S.id) == only)
    if but is not None:
        which.append(col(S.id) != but)
    change = update(S).where(*which).values(ended_at=now, ended_why=why).returning(col(S.id))
    async with engine.begin() as db:
        return list((await db.execute(change)).scalars())


async def of_person(engine: AsyncEngine, username: str, now: datetime, idle: timedelta) -> list[StaffSession]:
    """The sessions of a person that are good now, the newest first."""
    query = select(table(S)).where(col(S.username) == username, *_good(now, idle)).order_by(col(S.made_at).desc())
    async with reading(engine) as db:
        return [StaffSession(**row) for row in (await db.execute(query)).mappings()]
