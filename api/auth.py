"""Who asks: by a bearer token, a page's cookie or a service key; each is looked up at every request."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.exceptions import HTTPException

from api import csrf
from api.parts import Parts, parts
from api.sessions import cookie_name, named
from complaints.names import Role
from complaints.records import Actor
from register import sessions
from register.links import digest
from register.sessions import Standing

KEY_BEGINS = "amk_"
"""How every service key begins, so that scanners for leaked secrets can find one."""
SIGN_IN = "sign in at POST /auth/token and send the token as Authorization: Bearer"
bearer = OAuth2PasswordBearer(tokenUrl="auth/token", refreshUrl="auth/refresh", auto_error=False)


async def standing(
    request: Request, here: Annotated[Parts, Depends(parts)], token: Annotated[str | None, Depends(bearer)]
) -> Standing:
    """The session or key the request comes with; 401 without one that is good now."""
    now, idle = here.clock(), here.lives.idle
    cookie = request.cookies.get(cookie_name(here, request)) if token is None else None
    found: Standing | None = None
    if cookie is not None:
        found = await sessions.by_cookie(here.engine, digest(cookie), now, idle)
    elif token is not None and token.startswith(KEY_BEGINS):
        found = await sessions.by_key(here.engine, digest(token), now)
    elif token is not None and (names := named(here, token)) is not None:
        found = await sessions.by_id(here.engine, *names, now, idle)
    if found is None:
        raise HTTPException(401, SIGN_IN)
    await here.rates.asks(found.username)
    if cookie is not None:
        await csrf.check(here, request, found.id)
    await sessions.seen(here.engine, found, now)
    return found


SignedIn = Annotated[Standing, Depends(standing)]


async def signed_in(request: Request, found: SignedIn) -> Actor:
    """The member of staff who asks.

    `request.state.scopes`: the acts a service key is for, else None; `session`: the session's or the key's own name.
    """
    request.state.scopes, request.state.session = found.scopes, f"{found.kind} {found.id}"
    roles = [Role(r) for r in found.roles]
    actor = Actor(username=found.username, roles=roles, department=found.department, region=found.region)
    request.state.actor = actor
    return actor
