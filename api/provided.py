"""Who somebody is by an ID token: user name, roles, department and region, from the claims the bank has named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from api import sessions
from api.oidc import Client, found
from api.parts import Parts
from api.rates import address_of
from complaints.access import Scope
from complaints.names import Role
from policies.access import TABLE
from register import provided
from register.links import digest
from register.provided import Provided
from register.sessions import spend
from register.sign_in_tables import StaffSession
from register.usernames import RESERVED, USERNAME

NO_ROLE = "the identity provider names no role for you that is known here"
NO_NAME = "the identity provider gives no user name that can be used here"
TAKEN = "this user name belongs to another account"
NO_DEPARTMENT = "the identity provider names a department or region that is not known here"
NONE_NAMED = "the identity provider names no department or region for you, and one of your roles needs it"
INACTIVE = "this account is not active"
USED = "this ID token was used before"
ALL = "*"
"""A department or region of this name is all of them: whoever is meant to have all is told so by the provider."""
PLACED = frozenset(
    role for role in Role for entry in TABLE.routes.values() if getattr(entry, role) & {Scope.bound, Scope.part}
)
"""The roles with rights that depend on the department one belongs to."""


def person(client: Client, claims: dict[str, Any]) -> Provided:
    """The member of staff that the claims tell of; 403 when they do not make one."""
    username = found(claims, client.username_claim)
    if not isinstance(username, str) or not USERNAME.match(username) or username in RESERVED:
        raise HTTPException(403, NO_NAME)
    changes: dict[str, Any] = {"roles": roles(client, claims)}
    for field, claim in (("department", client.department_claim), ("region", client.region_claim)):
        if claim is not None:
            changes[field] = _line(found(claims, claim), needed=not PLACED.isdisjoint(changes["roles"]))
    for field in ("name", "email"):
        if isinstance(said := claims.get(field), str) and said:
            changes[field] = said[:200]
    return Provided(client.issuer, str(claims["sub"]), username, changes)


def roles(client: Client, claims: dict[str, Any]) -> list[str]:
    """The roles among what the provider names, in our order; 403 when there is none."""
    said = found(claims, client.roles_claim)
    names = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    meant = [client.role_map.get(n) if client.role_map else n for n in names if isinstance(n, str)]
    if not (known := [r.value for r in Role if r in meant]):
        raise HTTPException(403, NO_ROLE)
    return known


def _line(said: Any, *, needed: bool) -> str | None:
    """A department or region. One that is missing or cannot be read is refused, because none can mean all of them."""
    if said is None or (isinstance(said, str) and not said.strip()):
        if needed:
            raise HTTPException(403, NONE_NAMED)
        return None
    if not isinstance(said, str) or len(said) > 100:
        raise HTTPException(403, NO_DEPARTMENT)
    return None if said == ALL else said


@asynccontextmanager
async def counted(here: Parts, request: Request) -> AsyncIterator[None]:
    """Around a sign-in: one that fails is in the log and counts for its address, which may have to wait."""
    await here.rates.may_sign_in(address_of(request))
    try:
        yield
    except HTTPException:
        await here.rates.failed(address_of(request))
        await sessions.note(here, request, None, "sign_in_failed")
        raise


async def sign_in(
    here: Parts, request: Request, client: Client, claims: dict[str, Any], token: str, kind: str
) -> tuple[StaffSession, str]:
    """A session for who the claims tell of, whose account is made or brought up to date on the way."""
    member = person(client, claims)
    async with here.engine.begin() as db:
        changed = await _account(db, member)
        session, secret = await sessions.begin(db, here, request, changed.username, kind, "provider")
        # The signed part alone: some signatures can be written in another way, and are still good.
        if not await spend(db, digest(token.rpartition(".")[0]), session.id, here.clock()):
            raise HTTPException(401, USED)
    # Name and e-mail address of a person do not go into a log from which nothing is ever taken out.
    if shown := {name: values for name, values in changed.fields.items() if name not in ("name", "email")}:
        await sessions.note(here, request, session.username, "staff_changed", change=shown)
    await sessions.note(here, request, session.username, "signed_in")
    return session, secret


async def _account(db: AsyncConnection, member: Provided) -> provided.Changed:
    """The person's account, if they may have one; else 403, and nothing is changed."""
    if (place := member.changes.get("department")) and not await provided.known_department(db, place):
        raise HTTPException(403, NO_DEPARTMENT)
    if (changed := await provided.put(db, member)) is None:
        raise HTTPException(403, TAKEN)
    if not changed.active:
        raise HTTPException(403, INACTIVE)
    return changed
