"""Signing in and out in a browser: by password, or at the bank's identity provider; and who one is."""

import hmac
import secrets
from datetime import timedelta
from typing import Annotated, Any

import jwt
from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from api import csrf, errors, passwords, provided, sessions
from api import staff_page as pages
from api.access import Who
from api.auth import SignedIn
from api.kept import Kept, carried
from api.oidc import Provider
from api.pages.page import Reads
from api.parts import Parts
from api.routes.complaints import Here
from complaints.errors import Refused
from register import read
from register import sessions as kept
from register.links import digest
from register.sign_in_tables import StaffSession

router = APIRouter(
    tags=["pages for staff"],
    route_class=pages.StaffRoute,
    default_response_class=Response,
    responses=errors.OR_A_PAGE,
)
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "a page"}
}
DONE: dict[int | str, dict[str, Any]] = {303: {"description": "done; to the next page"}}
Words = Annotated[str, Form(max_length=10_000)]
Next = Annotated[str | None, Query(alias="next", max_length=500)]
ON_THE_WAY = "amends_oidc"
PATIENCE = timedelta(minutes=10)
BEGIN_AGAIN = "this sign-in was not begun here, or too long ago; begin again"


def _to(url: str) -> Response:
    return RedirectResponse(url, 303, {"Cache-Control": "no-store"})


@router.get("/sign-in", responses=PAGE)
async def sign_in_page(here: Here, next_path: Next = None, out: bool = False) -> Response:
    """The page to sign in; `out`: one has just signed out."""
    return _sign_in(here, next_path, said=pages.OUT if out else None)


def _sign_in(
    here: Parts,
    next_path: str | None,
    error: HTTPException | None = None,
    lost: Kept | None = None,
    said: tuple[str, str] | None = None,
) -> Response:
    values = {
        "next": pages.local(next_path) or "",
        "provider": here.provider is not None,
        "error": pages.WORDS[error.status_code] if error else None,
        "said": said,
        "kept": lost,
    }
    if error is None:
        return pages.page("staff_sign_in.html", values)
    return pages.page("staff_sign_in.html", values, error.status_code, dict(error.headers or {}))


@router.post("/sign-in", status_code=303, responses=DONE)
async def sign_in(
    here: Here,
    request: Request,
    username: Words,
    password: Words,
    next_path: Annotated[str | None, Form(alias="next", max_length=500)] = None,
) -> Response:
    """Sign in by password; a cookie keeps one signed in. What the form carries along is given back, to be sent."""
    csrf.same_origin(here, request)  # or another site could sign somebody in under a name of its own
    lost = carried(await request.form(), pages.local)
    try:
        session, secret = await passwords.sign_in(here, request, username, password, "page")
    except HTTPException as error:
        return _sign_in(here, next_path, error, lost)
    to = pages.local(next_path) or "desk"
    page = pages.send_again(here, lost, "./", session.id, pages.BACK) if lost else None
    return await _welcome(here, request, session, secret, to, page)


async def _welcome(
    here: Parts, request: Request, session: StaffSession, secret: str, to: str, page: Response | None = None
) -> Response:
    """On to where one wanted to be, with a new cookie; the session of the old one ends."""
    old = request.cookies.get(sessions.cookie_name(here, request))
    if old is not None and (found := await kept.of_token(here.engine, digest(old))) is not None:
        await kept.end(here.engine, found[1], "signed in anew", here.clock(), only=found[0])
    answer = page or _to(to)
    sessions.set_cookie(here, request, answer, secret, int(here.lives.session.total_seconds()))
    return answer


@router.post("/sign-out", status_code=303, responses=DONE)
async def sign_out(here: Here, request: Request, who: Who, found: SignedIn) -> Response:
    """End this sign-in and take the cookie away."""
    if found.kind != "page":
        raise Refused("invalid", "a token is ended at POST /auth/revoke")
    await sessions.end(here, request, who.username, only=found.id)
    answer = _to("sign-in?out=true")
    sessions.set_cookie(here, request, answer, "", 0)
    return answer


@router.get("/me", responses=PAGE)
async def me(reader: Reads) -> Response:
    """Who one is, and where one is signed in."""
    here, who = reader.here, reader.who
    values = {
        "sessions": await kept.of_person(here.engine, who.username, here.clock(), here.lives.idle),
        "departments": await read.departments(here.engine),
    }
    return reader.page("me.html", values)


@router.post("/me/sessions/{session}/end", status_code=303, responses=DONE)
async def end_one(here: Here, request: Request, who: Who, session: Annotated[str, Path(max_length=64)]) -> Response:
    """End one of one's own sessions."""
    if not await sessions.end(here, request, who.username, only=session):
        raise Refused("unknown", "no such session of yours")
    return _to("../../../me")


@router.post("/me/sessions/end", status_code=303, responses=DONE)
async def end_others(here: Here, request: Request, who: Who, found: SignedIn) -> Response:
    """End all of one's own sessions but this one."""
    await sessions.end(here, request, who.username, but=found.id)
    return _to("../../me")


def _provider(here: Here) -> Provider:
    if here.provider is None:
        raise Refused("unknown", "sign-in by an identity provider is not set up here")
    return here.provider


Oidc = Annotated[Provider, Depends(_provider)]


def _redirect(here: Parts, request: Request) -> str:
    return f"{csrf.own_url(here, request)}/auth/oidc/callback"


@router.get("/auth/oidc/start", status_code=303, responses=DONE)
async def start(here: Here, request: Request, provider: Oidc, next_path: Next = None) -> Response:
    """To the identity provider. What must come back the same is kept in a cookie of this browser for ten minutes."""
    began = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    answer = _to(await provider.start(_redirect(here, request), **began))
    claims = {"aud": ON_THE_WAY, "exp": here.clock() + PATIENCE, "next": pages.local(next_path), **began}
    kept_way = jwt.encode(claims, here.secret, algorithm="HS256")
    sessions.set_cookie(here, request, answer, kept_way, int(PATIENCE.total_seconds()), ON_THE_WAY)
    return answer


@router.get("/auth/oidc/callback", status_code=303, responses=DONE)
async def callback(
    here: Here,
    request: Request,
    provider: Oidc,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    iss: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Back from the identity provider, with a code if it let the person in."""
    way = _began(here, request)
    if not hmac.compare_digest(state.encode(), way["state"].encode()) or iss not in (None, provider.client.issuer):
        raise HTTPException(401, BEGIN_AGAIN)
    if not code:
        raise HTTPException(401, "the identity provider did not let you in")
    async with provided.counted(here, request):
        claims, token = await provider.finish(_redirect(here, request), code, way["nonce"], way["verifier"])
        session, secret = await provided.sign_in(here, request, provider.client, claims, token, "page")
    answer = await _welcome(here, request, session, secret, pages.local(way["next"]) or "../../desk")
    sessions.set_cookie(here, request, answer, "", 0, ON_THE_WAY)
    return answer


def _began(here: Parts, request: Request) -> dict[str, Any]:
    cookie = request.cookies.get(sessions.cookie_name(here, request, ON_THE_WAY), "")
    try:
        way: dict[str, Any] = jwt.decode(cookie, here.secret, algorithms=["HS256"], audience=ON_THE_WAY)
    except jwt.InvalidTokenError:
        raise HTTPException(401, BEGIN_AGAIN) from None
    return way
