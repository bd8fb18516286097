"""What a page's form must carry: a token bound to the session, and an origin that is ours."""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException

from api.parts import Parts
from complaints.addresses import is_loopback

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD, HEADER = "csrf_token", "X-CSRF-Token"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Stale(HTTPException):
    """The form is one of ours, but of another sign-in than that `session`."""

    def __init__(self, session: str) -> None:
        super().__init__(403, "the form is not of this sign-in; open the page again")
        self.session = session


def token(secret: str, session: str) -> str:
    """The token of a session; nobody can make it without our key, and it is of no use in another session."""
    return hmac.new(secret.encode(), f"csrf:{session}".encode(), hashlib.sha256).hexdigest()


def own_url(here: Parts, request: Request) -> str:
    """The address staff reach us by, without a slash at the end."""
    return (here.staff_url or str(request.base_url)).rstrip("/")


def secure(here: Parts, request: Request) -> bool:
    """Whether cookies are for HTTPS only: always, but for http on this very machine."""
    own = urlsplit(own_url(here, request))
    return not (own.scheme == "http" and is_loopback(own.hostname or ""))


def same_origin(here: Parts, request: Request) -> None:
    """403 unless the browser says that a page of ours sent it."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = {_origin(own_url(here, request)), _origin(str(request.base_url))}
    if origin == "null":  # what a page under Referrer-Policy: no-referrer sends
        origin = None
    # An Origin that is not ours is never right; where it is missing, Sec-Fetch-Site has to vouch.
    if (site is not None and site != "same-origin") or (origin not in own if origin else site is None):
        raise HTTPException(403, "sent from another site")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def check(here: Parts, request: Request, session: str) -> None:
    """403 unless a request that came with a cookie and changes something was sent by a page of ours."""
    if request.method in SAFE:
        return
    if request.url.path.startswith("/codec/") and request.headers.get("origin") in here.ui_origins:
        return  # Temporal's Web UI has no form of ours; it may ask the codec server, which changes nothing
    same_origin(here, request)
    given: object = request.headers.get(HEADER)
    if given is None and request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS:
        given = (await request.form()).get(FIELD)
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), token(here.secret, session).encode()):
        raise Stale(session)
