"""The complainant's pages: plain, without script, kept by nobody, and every refusal in words."""

import secrets
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from activities.render import by, day, when
from activities.templating import templates
from api import errors
from api.customer_form import is_form
from api.customer_view import CanDo, CustomerView
from api.customer_words import FIELDS, REASONS, WORDS
from api.headers import page_policy
from complaints.errors import Refused
from complaints.form import Language
from register.connect import REGISTER_AWAY

PAGES = templates("pages")
PAGES.filters.update(when=when, by=by, day=day)


class PageRoute(APIRoute):
    """A route whose refusals are pages for people and problem+json for programs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, its refusals turned into pages where one is wanted."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except (Refused, RequestValidationError, HTTPException, *REGISTER_AWAY) as error:
                if not wanted(request):
                    raise
                request.state.register_away = isinstance(error, REGISTER_AWAY)
                return refused(request, error)

        return answered


def wanted(request: Request) -> bool:
    """Whether a page is wanted: who sends a form wants one, and who looks unless JSON is asked for before it."""
    if request.method == "POST":
        return is_form(request)
    liked = {"application/json": 0.0, "text/html": 0.0}
    for entry in request.headers.get("accept", "").lower().split(","):
        kind, *options = (part.strip() for part in entry.split(";"))
        quality = next((o[2:] for o in options if o.startswith("q=")), "1")
        if kind in liked:
            liked[kind] = float(quality) if quality.replace(".", "", 1).isdecimal() else 0.0
    return liked["application/json"] <= liked["text/html"]


def as_json(view: CustomerView) -> Response:
    """The view for a program."""
    return JSONResponse(view.model_dump(mode="json"), headers={"Vary": "Accept"})


def back(token: str, done: CanDo) -> Response:
    """To the page again, so that a reload sends nothing twice; relative, because a proxy may have its own prefix."""
    return RedirectResponse(f"../{quote(token, safe='')}?done={done}", 303)


def status(view: CustomerView, request: Request) -> Response:
    """The page of a complaint; each form has an identity of its own, so that sent twice it counts once."""
    done = request.query_params.get("done")
    values = {
        "view": view,
        "w": WORDS[view.language],
        "token": quote(request.path_params["token"], safe=""),
        "done": done if done in ("rating", "facts", "withdrawal") else None,
        "request_id": lambda: secrets.token_urlsafe(16),
    }
    return _page("customer.html", 200, values)


def refused(request: Request, error: Exception) -> Response:
    """The page that says what is wrong and what to do: in the case's language, or in both when there is no case."""
    code, number, fields = _what(error)
    known: Language | None = getattr(request.state, "language", None)
    told: list[Language] = [known] if known else ["zh-CN", "en"]
    names = {language: [FIELDS[language].get(f, f) for f in fields if f in FIELDS[language]] for language in told}
    contact: dict[Language, str] = getattr(request.state, "contact", {})
    # A page with its forms is worth going back to only while the link is good.
    again = f"../{quote(request.path_params['token'], safe='')}" if known and number not in (404, 410) else None
    values = {
        "told": told,
        "reasons": {language: REASONS[language].get(code, REASONS[language]["failed"]) for language in told},
        "fields": names,
        "contact": contact,
        "w": WORDS,
        "again": again if is_form(request) else None,
    }
    answer = _page("customer_gone.html", number, values)
    if number == 503:
        answer.headers["Retry-After"] = "5"
    return answer


def _what(error: Exception) -> tuple[str, int, list[str]]:
    """Its code, its HTTP status, and the fields at fault."""
    if isinstance(error, Refused):
        return error.code, errors.STATUS.get(error.code, 409), [e.field for e in error.errors]
    if isinstance(error, RequestValidationError):
        return "invalid", 422, [e["field"] for e in errors.fields(error)]
    if isinstance(error, HTTPException):
        return ("invalid", 422, []) if error.status_code == 400 else ("failed", error.status_code, [])
    return "unavailable", 503, []


def _page(name: str, number: int, values: dict[str, Any]) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = PAGES.get_template(name).render(**values, nonce=nonce)
    return HTMLResponse(html, number, {"Content-Security-Policy": page_policy(nonce), "Vary": "Accept"})
