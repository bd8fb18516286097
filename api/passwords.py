"""Signing in by password: the same answer in the same time whatever was wrong, and a lock against guessing."""

import asyncio
import hashlib
import hmac
from datetime import timedelta
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Request
from sqlalchemy import update
from sqlmodel import col
from starlette.exceptions import HTTPException

from api import sessions
from api.parts import Parts
from api.rates import address_of, too_fast
from register import locks
from register.provided import member
from register.sign_in_tables import StaffSession
from register.tables import Staff
from register.usernames import USERNAME

LONGEST = 1024
"""Characters of a password; argon2 would chew on more for as long as somebody likes to send them."""
WRONG = "wrong user name or password"
LOCKED = "too many failed sign-ins; wait before the next"


async def sign_in(here: Parts, request: Request, username: str, password: str, kind: str) -> tuple[StaffSession, str]:
    """A session and its secret; 401 whatever was wrong, 429 while the name is locked."""
    address, now, key = address_of(request), here.clock(), _key(here, username)
    async with here.rates.hashing:
        await here.rates.may_sign_in(address)
        # Nothing is raised inside: the count of failures has to be committed.
        async with here.engine.begin() as db:
            lock = await locks.hold(db, key, now)
            wait = (lock.locked_until or now) - now if lock else timedelta()
            staff = await member(db, username) if USERNAME.match(username) else None
            locked = wait > timedelta()
            good = not locked and await asyncio.to_thread(_right, here.hasher, staff, password)
            if staff is not None and good:
                if here.hasher.check_needs_rehash(staff.password):
                    again = await asyncio.to_thread(here.hasher.hash, password)
                    mine = col(Staff.username) == staff.username
                    await db.execute(update(Staff).where(mine).values(password=again))
                await locks.succeeded(db, key)
                begun = await sessions.begin(db, here, request, staff.username, kind, "password")
            elif not locked:
                wait = await locks.failed(db, key, lock, now)
    if locked:
        await here.rates.failed(address)
        raise too_fast(wait.total_seconds(), LOCKED)
    if staff is not None and good:
        await sessions.note(here, request, staff.username, "signed_in")
        return begun
    await here.rates.failed(address)
    known = staff.username if staff else None
    await sessions.note(here, request, known, "sign_in_failed")
    if wait:
        await sessions.note(here, request, known, "sign_in_locked")
    raise HTTPException(401, WRONG)


@lru_cache
def _nobodys(hasher: PasswordHasher) -> str:
    """The hash of a password that nobody has."""
    return hasher.hash("nobody has this password")


def _right(hasher: PasswordHasher, staff: Staff | None, password: str) -> bool:
    """Whether it is that person's password. Somebody's or nobody's hash is worked through all the same."""
    nobodys = _nobodys(hasher)
    kept = staff.password if staff and staff.password else nobodys
    fits = len(password) <= LONGEST
    try:
        hasher.verify(kept, password if fits else "")
    except (VerificationError, InvalidHashError, ValueError):
        return False
    return fits and kept is not nobodys and staff is not None and staff.state != "disabled"


def _key(here: Parts, username: str) -> str:
    """What is kept of the name that was typed."""
    return hmac.new(here.secret.encode(), f"name:{username}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
