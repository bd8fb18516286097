"""Every refusal as RFC 9457 problem+json, in one place. `type` is stable; nothing a person typed is sent back."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from psycopg.errors import QueryCanceled
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from complaints.errors import FieldError, Refused
from complaints.frames import frames
from register.connect import REGISTER_AWAY

log = structlog.get_logger()

STATUS = {
    "unknown": 404,
    "not_allowed": 403,
    "not_yours": 403,
    "own_work": 403,
    "wrong_stage": 409,
    "too_soon": 409,
    "too_late": 409,
    "cap_reached": 409,
    "stale": 409,
    "key_reused": 409,
    "invalid": 422,
    "erased": 410,
    "link_expired": 410,
    "link_revoked": 410,
    "too_many": 429,
    "unavailable": 503,
}
"""The HTTP status of each kind of refusal."""

_BAD_ADDRESS = "value is not a valid email address"
MOST_FIELDS = 200
"""Twice what any form has; a body of a hundred thousand unknown fields is not answered with as many lines."""

TITLES = {
    400: "bad request",
    401: "sign in",
    403: "not yours to do",
    404: "unknown",
    405: "no such method",
    408: "too slow",
    409: "not possible now",
    410: "gone",
    413: "too large",
    422: "fields at fault",
    429: "too much",
    431: "headers too large",
    500: "our fault",
    503: "a part is down",
}

CODES = {
    401: "unauthenticated",
    403: "not_allowed",
    404: "unknown",
    405: "no_such_method",
    413: "too_large",
    429: "too_many",
}

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "properties": {"field": _TEXT | {"examples": ["complainant.phone"]}, "code": _TEXT, "message": _TEXT},
    "required": ["field", "code", "message"],
}
PROBLEM = {
    "type": "object",
    "properties": {
        "type": _TEXT | {"examples": ["urn:amends:wrong_stage"], "description": "stable; to be decided by"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {"type": "array", "items": _ERROR, "description": "every field at fault"},
        "stage": _TEXT | {"description": "409: where the case stands"},
        "possible": {"type": "array", "items": _TEXT, "description": "409: the acts possible now"},
    },
    "required": ["type", "title", "status", "detail"],
}
"""A refusal as the OpenAPI document has it."""
_JSON = {"application/problem+json": {"schema": PROBLEM}}
DOCUMENTED: dict[int | str, dict[str, Any]] = {"default": {"description": "refused (RFC 9457)", "content": _JSON}}
OR_A_PAGE: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "refused (RFC 9457); a page, if that was asked for",
        "content": _JSON | {"text/html": {"schema": _TEXT}},
    }
}
"""The refusals of routes that pages use."""


def problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """One problem+json answer."""
    body = {"type": f"urn:amends:{code}", "title": TITLES.get(status, "refused"), "status": status, "detail": detail}
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(status)
    return JSONResponse(_printable(body | more), status, headers, media_type="application/problem+json")


def _printable(value: Any) -> Any:
    """Names of unknown fields come from outside and may hold half characters that no encoding can write."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()[:500]
    if isinstance(value, dict):
        return {k: _printable(v) for k, v in value.items()}
    return [_printable(v) for v in value] if isinstance(value, list) else value


def fields(error: RequestValidationError) -> list[dict[str, str]]:
    """The fields at fault, as `complainant.phone`, each with a code and a message."""
    found = []
    for detail in error.errors()[:MOST_FIELDS]:
        broken = detail["type"] == "json_invalid"  # its place is a position in the text
        place = [] if broken else [str(p) for p in detail["loc"][1:]]  # after "body", "query", "path" or "header"
        message = detail["msg"].removeprefix("Value error, ")
        if message.startswith(_BAD_ADDRESS):  # the rest quotes what is wrong with it
            message = _BAD_ADDRESS
        found.append(FieldError(field=".".join(place) or "body", code=detail["type"], message=message).model_dump())
    return found


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    status = STATUS.get(error.code, 409)
    more: dict[str, Any] = {"errors": [e.model_dump() for e in error.errors]} if error.errors else {}
    if status == 409:
        more |= {"possible": error.possible} | ({"stage": error.stage} if error.stage else {})
    return problem(status, error.code, error.message, **more)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return problem(422, "invalid", "the request has fields at fault", errors=fields(error))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the body could not even be read
        wrong = FieldError(field="body", code="malformed", message=str(error.detail))
        return problem(422, "invalid", "the request has fields at fault", errors=[wrong.model_dump()])
    answer = problem(error.status_code, CODES.get(error.status_code, "refused"), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _part_down(request: Request, error: Exception) -> JSONResponse:
    if isinstance(getattr(error, "orig", None), QueryCanceled):
        log.warning("api.statement_too_slow")
        return problem(503, "unavailable", "this takes the register too long; ask for less, or try again later")
    log.warning("api.database_down", error=type(error).__name__)
    return problem(503, "unavailable", "the register is away; nothing was lost, try again")


_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>出错了 · Something went wrong</title></head>
<body><main><h1>出错了 <span lang="en">Something went wrong</span></h1>
<p>{}</p>
<p lang="en">{}</p>
</main></body></html>"""
"""Plain, for whatever else makes pages may be what failed."""
_FAILED = (
    "这是系统的问题，不是您的操作有误；未保存的内容请返回上一页复制后重试。",
    "It is our fault, not yours. What you typed is still on the page before: go back, and try again.",
)


def plain(scope: Scope, answer: Response, chinese: str, english: str) -> Response:
    """That answer, or for a browser a page in its place that says this."""
    if not any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
        return answer
    again = {name: value for name, value in answer.headers.items() if name == "retry-after"}
    return HTMLResponse(_PAGE.format(chinese, english), answer.status_code, again)


class LastResort:
    """Answers what nobody foresaw. Starlette's own way adds no headers to that answer, and passes the error on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an error becomes a 500 unless the answer has begun."""
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        except Exception as error:
            route = scope.get("route")
            log.error("api.failed", path=route and route.path, error=frames(error))
            if begun:
                raise
            answer = problem(500, "failed", "something went wrong on our side")
            await plain(scope, answer, *_FAILED)(scope, receive, send)


def install(app: FastAPI) -> None:
    """Give the app its answers to everything that goes wrong."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for away in REGISTER_AWAY:
        app.add_exception_handler(away, _part_down)
