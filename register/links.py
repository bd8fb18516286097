"""Personal links of complainants: made with a letter, found by their token, revoked. Only a token's digest is kept."""

import hashlib
import re
import secrets
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import col

from register import tables as t
from register.connect import reading

LINK = re.compile(r"(/c/)[A-Za-z0-9_-]{43}")
"""The end of a personal link as it stands in a letter."""


def new_token() -> str:
    """256 random bits, safe in an address: nobody guesses it, and it says nothing."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token; with this many random bits it needs neither salt nor slowness."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def struck(text: str) -> str:
    """The text with the tokens of its links struck out."""
    return LINK.sub(r"\1…", text)


async def make(db: AsyncConnection, link: t.CustomerLink) -> None:
    """Keep a link, in the transaction that keeps its letter."""
    await db.execute(insert(t.CustomerLink).values(link.model_dump()))


async def find(engine: AsyncEngine, token: str) -> t.CustomerLink | None:
    """The link of that token. Looking by the digest takes as long for a near miss as for nonsense."""
    query = select(t.table(t.CustomerLink)).where(col(t.CustomerLink.hash) == digest(token))
    async with reading(engine) as db:
        row = (await db.execute(query)).mappings().first()
    return t.CustomerLink(**row) if row else None


async def revoke(engine: AsyncEngine, reference: str, now: datetime) -> int:
    """End every link of a case; gives how many were not ended before."""
    async with engine.begin() as db:
        return await revoke_in(db, reference, now)


async def revoke_in(db: AsyncConnection, reference: str, now: datetime) -> int:
    """The same, in a transaction under way."""
    good = (col(t.CustomerLink.reference) == reference, col(t.CustomerLink.revoked_at).is_(None))
    return (await db.execute(update(t.CustomerLink).where(*good).values(revoked_at=now))).rowcount
