"""Pages for staff: plain, without script, in the look of the customers' pages; refusals are pages, too."""

import secrets
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api import errors
from api.customer_pages import PAGES
from api.headers import page_policy
from complaints.errors import Refused

WORDS = {
    401: ("用户名或密码不正确，或登录已失效。", "Wrong user name or password, or the sign-in is over."),
    403: ("不能这样操作。请重新打开页面再试。", "This cannot be done. Open the page again and retry."),
    404: ("没有这个页面或会话。", "There is no such page or session."),
    422: ("填写的内容有误。", "Something was not filled in as it should be."),
    429: ("尝试次数过多，请稍后再试。", "Too many attempts. Wait a while, then try again."),
    503: ("系统暂时不可用，请稍后再试。", "A part is down for the moment. Try again soon."),
}
"""What a refusal says, by its status, in both languages. Nothing that was typed is shown again."""


class StaffRoute(APIRoute):
    """A route whose refusals are pages for browsers; who is not signed in is asked to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, its refusals turned into pages where one is wanted."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except (Refused, RequestValidationError, HTTPException, *errors.AWAY) as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                return refused(request, error)

        return answered


def refused(request: Request, error: Exception) -> Response:
    """The page that says what is wrong, or the sign-in page for who is not signed in."""
    number, headers = 503, {"Retry-After": "5"}
    if isinstance(error, HTTPException):
        number, headers = error.status_code, dict(error.headers or {})
    elif isinstance(error, Refused):
        number = errors.STATUS.get(error.code, 409)
    elif isinstance(error, RequestValidationError):
        number, headers = 422, {}
    if number == 401 and not request.url.path.endswith(("/sign-in", "/callback")):
        up = "../" * (request.url.path.count("/") - 1)
        asked = request.url.path if request.method == "GET" else ""
        return RedirectResponse(f"{up}sign-in?next={quote(asked)}" if asked else f"{up}sign-in", 303)
    values = {"words": WORDS.get(number, WORDS[403]), "home": "../" * (request.url.path.count("/") - 1) + "sign-in"}
    return page("staff_refused.html", values, number, headers)


def page(name: str, values: dict[str, Any], number: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A page that nobody keeps and no other site shows inside itself."""
    nonce = secrets.token_urlsafe(16)
    html = PAGES.get_template(name).render(**values, nonce=nonce)
    own = {"Content-Security-Policy": page_policy(nonce)}
    return HTMLResponse(html, number, own | (headers or {}))


def local(path: str | None) -> str | None:
    """A path of this very site, or nothing: //elsewhere, backslashes and control characters lead out of it."""
    if not path or len(path) > 500 or not path.startswith("/") or path.startswith("//"):
        return None
    if "\\" in path or not path.isascii() or not path.isprintable():
        return None
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else None
