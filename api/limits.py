"""How much of a request is read before anybody looks at it: its headers, its body, its time, its nesting."""

import asyncio
import json
from typing import Any

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from complaints.errors import FieldError

LARGEST_BODY = 1024 * 1024
LARGEST_HEADERS = 16 * 1024
MOST_HEADERS = 100
BODY_WITHIN = 20.0
"""Seconds for the whole body: one that trickles in must not hold a connection for long."""
DEEPEST = 32
"""Levels of JSON; the deepest form has six."""

TOO_LARGE = "a body of at most 1 MiB"
TOO_SLOW = "the body took too long to arrive; send it again"
CLOSE = {"Connection": "close"}


class Malformed(Exception):
    """A body that two readers could understand in two ways, or that is nested too deeply."""

    def __init__(self, code: str, message: str) -> None:
        self.error = FieldError(field="body", code=code, message=message)


class Limits:
    """Reads the body whole, within its limits, before the application sees the request."""

    def __init__(self, app: ASGIApp, *, within: float = BODY_WITHIN) -> None:
        self.app, self.within = app, within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is too much; hand the rest on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if refusal := _headers(scope):
            await refusal(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.within):
                body = await _body(receive)
        except TimeoutError:
            await _refuse(408, "too_slow", TOO_SLOW)(scope, receive, send)
            return
        if body is None:
            return  # the caller has gone
        if len(body) > LARGEST_BODY:
            await _refuse(413, "too_large", TOO_LARGE)(scope, receive, send)
            return
        if _is_json(scope):
            try:
                check(body)
            except Malformed as wrong:
                answer = errors.problem(
                    422, "invalid", "the request has fields at fault", errors=[wrong.error.model_dump()]
                )
                await answer(scope, receive, send)
                return
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return unread.pop() if unread else await receive()

        await self.app(scope, replayed, send)


def check(body: bytes) -> None:
    """Refuse JSON that names a field twice or is nested deeper than any form; what is no JSON is for others to say."""
    try:
        value = json.loads(body, object_pairs_hook=_once)
    except RecursionError:
        raise _TOO_DEEP from None
    except ValueError:
        return
    _shallow(value, DEEPEST)


_TOO_DEEP = Malformed("too_deep", f"at most {DEEPEST} levels")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("duplicate", "a field is given twice")
    return found


def _shallow(value: Any, levels: int) -> None:
    if not isinstance(value, (dict, list)):
        return
    if levels == 0:
        raise _TOO_DEEP
    for part in value.values() if isinstance(value, dict) else value:
        _shallow(part, levels - 1)


def _headers(scope: Scope) -> JSONResponse | None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > LARGEST_HEADERS:
        return _refuse(431, "headers_too_large", f"at most {MOST_HEADERS} headers, together at most 16 KiB")
    length = dict(headers).get(b"content-length", b"0")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        return _refuse(413, "too_large", TOO_LARGE)
    return None


async def _body(receive: Receive) -> bytes | None:
    """The body, or as much of it as shows that it is too large; None when the caller has gone."""
    parts: list[bytes] = []
    size = 0
    while size <= LARGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _is_json(scope: Scope) -> bool:
    kind = dict(scope["headers"]).get(b"content-type", b"").partition(b";")[0].strip().lower()
    return bool(kind == b"application/json" or kind.endswith(b"+json"))


def _refuse(status: int, code: str, detail: str) -> JSONResponse:
    """A refusal after which the connection is closed: nobody waits for the rest of the request."""
    answer = errors.problem(status, code, detail)
    answer.headers.update(CLOSE)
    return answer
