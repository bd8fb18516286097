"""Sign-in by password for a bearer token, and who may call what."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.exceptions import HTTPException

from api.parts import Parts, parts
from complaints.names import Role
from complaints.records import Actor
from register import read
from register.tables import Staff

HASHER = PasswordHasher()
NOBODY = HASHER.hash("nobody has this password")
USERNAME = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
AUDIENCE = "amends"
bearer = OAuth2PasswordBearer(tokenUrl="auth/token", auto_error=False)


async def sign_in(here: Parts, username: str, password: str) -> tuple[str, int]:
    """A token and the seconds it is good for; 401 whatever was wrong, in the same time."""
    staff = await read.staff_member(here.engine, username) if USERNAME.match(username) else None
    try:
        HASHER.verify(staff.password if staff else NOBODY, password)
    except (VerificationError, ValueError):
        raise HTTPException(401, "wrong user name or password") from None
    if staff is None or staff.state == "disabled":
        raise HTTPException(401, "wrong user name or password")
    life = timedelta(minutes=here.token_minutes)
    now = datetime.now(UTC)
    claims = {"sub": staff.username, "aud": AUDIENCE, "iat": now, "exp": now + life}
    return jwt.encode(claims, here.secret, algorithm="HS256"), int(life.total_seconds())


async def _signed_in(
    request: Request, here: Annotated[Parts, Depends(parts)], token: Annotated[str | None, Depends(bearer)]
) -> Actor:
    try:
        claims = jwt.decode(
            token or "", here.secret, algorithms=["HS256"], audience=AUDIENCE, options={"require": ["exp", "sub"]}
        )
    except jwt.InvalidTokenError:
        raise HTTPException(401, "sign in at POST /auth/token and send the token as Authorization: Bearer") from None
    staff = await read.staff_member(here.engine, str(claims["sub"]))
    if staff is None or staff.state == "disabled":
        raise HTTPException(401, "this account is not active")
    request.state.actor = actor(staff)
    return actor(staff)


def actor(staff: Staff) -> Actor:
    """The member of staff as one who acts."""
    roles = [Role(r) for r in staff.roles]
    return Actor(username=staff.username, roles=roles, department=staff.department, region=staff.region)


def allowed(*roles: Role) -> Callable[..., Awaitable[Actor]]:
    """A dependency: signed in, and holding one of these roles; none named means all staff."""

    async def check(request: Request, who: Annotated[Actor, Depends(_signed_in)]) -> Actor:
        if roles and not who.has(*roles):
            raise HTTPException(403, f"for {' or '.join(roles)}")
        return who

    return check


AnyStaff = Annotated[Actor, Depends(allowed())]
