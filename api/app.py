"""The web application: routes, errors, and the relay that catches up with what Temporal missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors, opening
from api.customer_pages import Unseen
from api.parts import Parts
from api.recording import Recorded
from api.routes import acts, approvals, audit, complaints, customer, detours, disclosures, incidents, system

log = structlog.get_logger()
RELAY_EVERY = 5.0
LARGEST_BODY = 1024 * 1024
TOO_LARGE = "a body of at most 1 MiB"


def create_app(parts: Parts) -> FastAPI:
    """The application on these parts."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        relay = asyncio.create_task(_relay(parts))
        yield
        relay.cancel()
        with suppress(asyncio.CancelledError):
            await relay

    app = FastAPIOffline(
        title="Amends",
        summary="Complaint handling as a durable process",
        version="0.2.0",
        lifespan=life,
        responses=errors.DOCUMENTED,
    )
    app.state.parts = parts
    errors.install(app)
    for module in (complaints, acts, detours, approvals, incidents, customer, disclosures, audit, system):
        app.include_router(module.router)
    app.add_middleware(Recorded, engine=parts.engine)  # innermost: what it answers itself gets all headers
    app.add_middleware(BodyLimit)
    app.add_middleware(Unseen)
    return app


async def _relay(parts: Parts) -> None:
    """Start the processes of complaints that were kept while Temporal was away."""
    while True:
        try:
            if began := await opening.catch_up(parts.engine, parts.temporal, parts.task_queue):
                log.info("relay.caught_up", started=began)
        except SQLAlchemyError as error:
            log.warning("relay.register_away", error=type(error).__name__)
        await asyncio.sleep(RELAY_EVERY)  # the inbox is looked at at this pace; nothing waits for it


class BodyLimit:
    """Refuses a body over one mebibyte before it is read into memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            await errors.problem(413, "too_large", TOO_LARGE)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self.app(scope, counted, send)
