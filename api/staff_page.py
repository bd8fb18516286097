"""Pages for who is not signed in, in both languages; and refusals, which are pages, too."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api import csrf, errors, kept
from api.customer_pages import PAGES
from api.headers import DESK
from api.pages.page import stamp
from api.parts import Parts, parts
from complaints.errors import Refused
from register.connect import REGISTER_AWAY

WORDS = {
    401: ("用户名或密码不正确，或登录已失效。", "Wrong user name or password, or the sign-in is over."),
    403: ("不能这样操作。请重新打开页面再试。", "This cannot be done. Open the page again and retry."),
    404: ("没有这个页面或会话。", "There is no such page or session."),
    422: ("填写的内容有误。", "Something was not filled in as it should be."),
    429: ("尝试次数过多，请稍后再试。", "Too many attempts. Wait a while, then try again."),
    503: ("系统暂时不可用，请稍后再试。", "A part is down for the moment. Try again soon."),
}
"""What a page says, by its status, in both languages."""
OVER = (
    "登录已失效，所填内容没有丢失。请重新登录。",
    "Your sign-in is over. What you typed is not lost: sign in again.",
)
OUT = ("您已退出登录。", "You are signed out.")
BACK = ("您已重新登录，所填内容仍在下方。", "You are signed in again. Your text is kept below.")


class StaffRoute(APIRoute):
    """A route whose refusals are pages for browsers; who is not signed in is asked to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, its refusals turned into pages where one is wanted."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except (Refused, RequestValidationError, HTTPException, *REGISTER_AWAY) as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                request.state.register_away = isinstance(error, REGISTER_AWAY)
                return await refused(request, error)

        return answered


async def refused(request: Request, error: Exception) -> Response:
    """The page that says what is wrong, or the sign-in page for who is not signed in; what was typed stays in it."""
    number, headers = _status(error)
    up = "../" * (request.url.path.count("/") - 1) or "./"
    here = parts(request)
    mendable = number in (401, 429, 503) or isinstance(error, csrf.Stale)
    if mendable and (lost := await kept.sent(here, request)) is not None:
        return again(here, lost, up, error, number, headers)
    if number == 401 and not request.url.path.endswith(("/sign-in", "/callback")):
        asked = request.url.path if request.method == "GET" else ""
        to = up.removeprefix("./") + "sign-in"
        return RedirectResponse(f"{to}?next={quote(asked)}" if asked else to, 303)
    return page("staff_refused.html", {"words": WORDS.get(number, WORDS[403]), "base": up}, number, headers)


def _status(error: Exception) -> tuple[int, dict[str, str]]:
    if isinstance(error, HTTPException):
        return error.status_code, dict(error.headers or {})
    if isinstance(error, Refused):
        return errors.STATUS.get(error.code, 409), {}
    return (422, {}) if isinstance(error, RequestValidationError) else (503, {"Retry-After": "5"})


def again(here: Parts, lost: kept.Kept, up: str, error: Exception, number: int, headers: dict[str, str]) -> Response:
    """What was typed, with the sign-in form or a button to send it once more."""
    if number == 401:
        values = {"next": lost.to, "provider": here.provider is not None, "error": None, "said": OVER}
        return page("staff_sign_in.html", values | {"kept": lost, "base": up}, number, headers)
    session = error.session if isinstance(error, csrf.Stale) else None
    return send_again(here, lost, up, session, BACK if session else WORDS[number], number, headers)


def send_again(
    here: Parts, lost: kept.Kept, up: str, session: str | None, words: tuple[str, str], number: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page with one button: send it now. Without a session the form gets its token once it is sent."""
    token = csrf.token(here.secret, session) if session else ""
    return page("staff_kept.html", {"kept": lost, "base": up, "csrf_token": token, "words": words}, number, headers)


def page(name: str, values: dict[str, Any], number: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A page that nobody keeps and no other site shows inside itself."""
    html = PAGES.get_template(name).render({"base": "./", "kept": None, "stamp": stamp()} | values)
    return HTMLResponse(html, number, {"Content-Security-Policy": DESK} | (headers or {}))


def local(path: str | None) -> str | None:
    """A path of this very site, or nothing: //elsewhere, backslashes and control characters lead out of it."""
    if not path or len(path) > 500 or not path.startswith("/") or path.startswith("//"):
        return None
    if "\\" in path or not path.isascii() or not path.isprintable():
        return None
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else None
