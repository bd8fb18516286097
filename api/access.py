"""Who may call what: asked here, before every request, by the table in policies/access.yaml."""

import re
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from sqlalchemy import ColumnElement, false
from sqlalchemy.orm import Mapped

from api.auth import signed_in
from api.parts import Parts, parts
from api.watching import about
from complaints.access import Entry
from complaints.errors import FieldError, Refused
from complaints.names import case_of
from complaints.records import Actor
from policies.access import TABLE
from register import read_access

DESK = "/desk"
REFERENCE = r"^CMP-[0-9]{4}-[0-9]{6,12}$"
IDENTIFIERS = {
    "reference": REFERENCE,
    "approval": r"^CMP-[0-9]{4}-[0-9]{6,12}-A[0-9]{1,4}$",
    "incident": r"^CMP-[0-9]{4}-[0-9]{6,12}-M[0-9]{1,4}$",
}
"""The names in a path that lead to a case, and what they look like."""


async def admitted(
    request: Request, here: Annotated[Parts, Depends(parts)], who: Annotated[Actor, Depends(signed_in)]
) -> Actor:
    """Who asks, if they may. A case outside of what they may read is as unknown as one that does not exist."""
    entry = entry_of(request.method, request.scope["route"].path)
    assert entry is not None  # or the application would not have started
    act = entry.does
    TABLE.check_role(act, who, getattr(request.state, "scopes", None))
    for name, identifier in request.path_params.items():
        if name in IDENTIFIERS:
            await check_case(here, act, who, name, identifier)
    request.state.actor = who
    return who


Who = Annotated[Actor, Depends(admitted)]


async def check_case(here: Parts, act: str, who: Actor, name: str, identifier: str) -> None:
    """Refuse what is no such identifier, a case that person may not know of, and an act they may not do to it."""
    if not re.fullmatch(IDENTIFIERS[name], identifier):
        message = f"String should match pattern '{IDENTIFIERS[name]}'"
        wrong = FieldError(field=name, code="string_pattern_mismatch", message=message)
        raise Refused("invalid", "the request has fields at fault", errors=[wrong])
    reference = identifier if name == "reference" else case_of(identifier)
    about(reference)
    found = await read_access.parts(here.engine, reference)
    if found is None or not TABLE.knows_of(who, found):
        raise Refused("unknown", f"no complaint {reference}")
    asked_by = await read_access.asked_by(here.engine, identifier) if name == "approval" else None
    TABLE.check(act, who, found, asked_by)


async def knows_of(here: Parts, who: Actor, reference: str) -> bool:
    """Whether that person may know that there is such a case: for what a body or an answer names."""
    found = await read_access.parts(here.engine, reference)
    return found is not None and TABLE.knows_of(who, found)


def visible(act: str, who: Actor, **own: Mapped[str]) -> ColumnElement[bool]:
    """Which cases a list shows to that person; `own`, `part`: columns of a list whose rows have owners of their own."""
    return read_access.visible(who, TABLE.scopes(act, who), **own)


def shown(request: Request, who: Actor) -> ColumnElement[bool]:
    """The cases whose contact data may be shown to that person; `request` says for which acts a service key is."""
    key: frozenset[str] | None = getattr(request.state, "scopes", None)
    return visible("disclose", who) if key is None or "disclose" in key else false()


def entry_of(method: str, path: str) -> Entry | None:
    """A route's entry. A page, /desk/…, is held to that of the route it shows or does, unless it has its own."""
    return TABLE.routes.get(f"{method} {path}") or TABLE.routes.get(f"{method} {path.removeprefix(DESK)}")


def check_routes(app: FastAPI) -> None:
    """Refuse to start with a route that the table does not know, or that would answer without asking here."""
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or {"GET"}):
            key = f"{method} {route.path}"
            if (entry := entry_of(method, str(route.path))) is None:
                raise LookupError(f"{key} is not in policies/access.yaml: say there who may do it")
            dependant: Dependant | None = getattr(route, "dependant", None)
            if bool(entry.public) == (dependant is not None and _asks(dependant)):
                wanted = "needs no sign-in, but asks for one" if entry.public else "does not ask who calls: take `Who`"
                raise LookupError(f"{key} {wanted}")


def _asks(dependant: Dependant) -> bool:
    return dependant.call is admitted or any(_asks(inner) for inner in dependant.dependencies)
