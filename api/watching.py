"""Gives every request an ID that its log lines and its answer carry, and measures how long the answer took."""

import re
from time import perf_counter
from uuid import uuid4

import structlog
from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, unbind_contextvars

from api.metrics import METHODS, REQUESTS

log = structlog.get_logger()
HEADER = "X-Request-ID"
GIVEN = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
"""An ID that a proxy may have given: a UUID. Anything else could be words of the caller's, and is not passed on."""
FAILED = 500


def about(reference: str) -> None:
    """From here on the log lines and the span of this request name that case."""
    bind_contextvars(reference=reference)
    trace.get_current_span().set_attribute("amends.reference", reference)


class Watched:
    """The outermost layer, so that it sees every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with an ID; measure until its answer begins."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        own = given if GIVEN.fullmatch(given) else uuid4().hex
        begun, answered = perf_counter(), False

        async def noted(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                MutableHeaders(scope=message)[HEADER] = own
                _measured(scope, message["status"], perf_counter() - begun)
            await send(message)

        bind_contextvars(request_id=own)
        try:
            await self.app(scope, receive, noted)
        finally:
            if not answered:
                _measured(scope, FAILED, perf_counter() - begun)
            unbind_contextvars("request_id", "reference")


def _measured(scope: Scope, status: int, seconds: float) -> None:
    """The path's template, never the path, which may hold a customer's token."""
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = getattr(scope.get("route"), "path", None) or "unmatched"
    REQUESTS.labels(method, route, status).observe(seconds)
    log.debug("http.answered", method=method, route=route, status=status, seconds=round(seconds, 4))
