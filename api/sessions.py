"""Sessions as the API gives them out: a bearer pair for programs, a cookie for pages; refreshed and ended here."""

import secrets
from datetime import datetime
from typing import Any

import jwt
from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from api.csrf import secure
from api.parts import Parts
from api.rates import address_of
from register import audit, sessions
from register.links import digest, new_token
from register.sign_in_tables import StaffSession

AUDIENCE = "amends"
COOKIE = "amends_session"
SIGN_IN_AGAIN = "sign in again"


def cookie_name(here: Parts, request: Request, name: str = COOKIE) -> str:
    """With __Host- a browser takes it from this very host by HTTPS only, and from no other page of the domain."""
    return f"__Host-{name}" if secure(here, request) else name


def set_cookie(here: Parts, request: Request, answer: Response, value: str, seconds: int, name: str = COOKIE) -> None:
    """Give the browser a cookie that no script reads and no other site's form brings along; 0 seconds: take it away."""
    answer.set_cookie(
        cookie_name(here, request, name),
        value,
        max_age=seconds,
        path="/",
        secure=secure(here, request),
        httponly=True,
        samesite="lax",
    )


async def begin(
    db: AsyncConnection, here: Parts, request: Request, username: str, kind: str, way: str
) -> tuple[StaffSession, str]:
    """A new session and its secret: a refresh token, or what the cookie holds."""
    now, secret = here.clock(), new_token()
    session = StaffSession(
        id=secrets.token_hex(12),
        username=username,
        kind=kind,
        way=way,
        origin=address_of(request),
        digest=digest(secret),
        made_at=now,
        seen_at=now,
        expires_at=now + here.lives.session,
    )
    await sessions.begin(db, session)
    return session, secret


def bearer_pair(here: Parts, session: str, username: str, refresh_token: str) -> dict[str, Any]:
    """An access token with the refresh token beside it, as OAuth2 has them."""
    now = here.clock()
    claims = {"sub": username, "sid": session, "aud": AUDIENCE, "iat": now, "exp": now + here.lives.token}
    return {
        "access_token": jwt.encode(claims, here.secret, algorithm="HS256"),
        "token_type": "bearer",  # nosec B105: the kind of token
        "expires_in": int(here.lives.token.total_seconds()),
        "refresh_token": refresh_token,
    }


def named(here: Parts, token: str) -> tuple[str, str] | None:
    """The session and the user name that an access token of ours names; None when it is not good."""
    options: Any = {"require": ["exp", "sub", "sid"], "verify_iat": False}
    try:
        claims = jwt.decode(token, here.secret, algorithms=["HS256"], audience=AUDIENCE, options=options)
    except jwt.InvalidTokenError:
        return None
    return str(claims["sid"]), str(claims["sub"])


async def refresh(here: Parts, request: Request, token: str) -> dict[str, Any]:
    """Another pair for a refresh token. One that was used before was stolen, now or then: its session ends."""
    now, fresh, old = here.clock(), new_token(), digest(token)
    if (found := await sessions.refresh(here.engine, old, digest(fresh), now, here.lives.idle)) is not None:
        session, username = found
        return bearer_pair(here, session, username, fresh)
    if (found := await sessions.of_spent(here.engine, old)) is not None:
        session, username = found
        if await sessions.end(here.engine, username, "refresh token used twice", now, only=session):
            await note(here, request, username, "refresh_reused")
    raise HTTPException(401, SIGN_IN_AGAIN)


async def end(
    here: Parts, request: Request, username: str, *, only: str | None = None, but: str | None = None
) -> list[str]:
    """Sign a person out, of one session, of all but one, or of all."""
    ended = await sessions.end(here.engine, username, "signed out", here.clock(), only=only, but=but)
    if ended:
        await note(here, request, username, "signed_out")
    return ended


async def whose(here: Parts, token: str) -> tuple[str, str] | None:
    """The session and the user name of an access or refresh token."""
    return await sessions.of_token(here.engine, digest(token)) or named(here, token)


async def is_alive(here: Parts, session: str) -> bool:
    """Whether that session is good now."""
    return await sessions.is_alive(here.engine, session, here.clock(), here.lives.idle)


async def note(here: Parts, request: Request, username: str | None, act: str, **more: Any) -> None:
    """Write it into the audit log. Where nobody of that name is known there is no name: it may be a password."""
    who = username or "nobody"
    at: datetime = here.clock()
    entry = audit.Entry(who=who, act=act, at=at, subject=username, origin=address_of(request), **more)
    await audit.append(here.engine, entry)
