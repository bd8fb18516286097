"""Signing in, staying signed in and signing out, for programs (docs/sign-in.md)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Response
from fastapi.security import OAuth2PasswordRequestForm
from starlette.requests import Request

from api import csrf, passwords, provided, sessions
from api.access import Who
from api.auth import SignedIn
from api.routes.complaints import Here
from complaints.errors import Refused

router = APIRouter(tags=["signing in"])
Json = dict[str, Any]
Token = Annotated[str, Form(min_length=1, max_length=16_384)]
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@router.post("/auth/token")
async def token(
    here: Here, request: Request, response: Response, form: Annotated[OAuth2PasswordRequestForm, Depends()]
) -> Json:
    """An access token and a refresh token for a user name and password (OAuth2 password form)."""
    session, secret = await passwords.sign_in(here, request, form.username, form.password, "token")
    response.headers.update(NO_STORE)
    return sessions.bearer_pair(here, session.id, session.username, secret)


@router.post("/auth/oidc/token")
async def exchange(here: Here, request: Request, response: Response, id_token: Token) -> Json:
    """The same for an ID token of the bank's identity provider; each is good once."""
    if here.provider is None:
        raise Refused("unknown", "sign-in by an identity provider is not set up here")
    async with provided.counted(here, request):
        claims = await here.provider.claims(id_token)
        session, secret = await provided.sign_in(here, request, here.provider.client, claims, id_token, "token")
    response.headers.update(NO_STORE)
    return sessions.bearer_pair(here, session.id, session.username, secret)


@router.post("/auth/refresh")
async def refresh(here: Here, request: Request, response: Response, refresh_token: Token) -> Json:
    """Another pair for a refresh token; the old one is used up. Used again, it ends the session."""
    response.headers.update(NO_STORE)
    return await sessions.refresh(here, request, refresh_token)


@router.post("/auth/revoke")
async def revoke(here: Here, request: Request, token: Token, everywhere: Annotated[bool, Form()] = False) -> Json:
    """Sign out: end the session of an access or refresh token, or all sessions of that person (RFC 7009).

    An unknown token is not an error: what it could do, it cannot do any more. That of a session which is over ends no
    other.
    """
    if (found := await sessions.whose(here, token)) is not None:
        session, username = found
        all_of_them = everywhere and await sessions.is_alive(here, session)
        await sessions.end(here, request, username, only=None if all_of_them else session)
    return {}


@router.get("/auth/me")
async def me(here: Here, who: Who, found: SignedIn, response: Response) -> Json:
    """Who is signed in, and how; `csrf_token` is what a request that changes something by cookie has to carry."""
    response.headers.update(NO_STORE)
    session = {"id": found.id, "kind": found.kind, "expires_at": found.expires_at}
    said = {**who.model_dump(), "name": found.name, "session": session}
    said["scopes"] = sorted(found.scopes) if found.scopes is not None else None
    return said | ({"csrf_token": csrf.token(here.secret, found.id)} if found.kind == "page" else {})
