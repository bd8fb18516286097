"""The web application: routes, errors, and the relay that catches up with what Temporal missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import SQLAlchemyError

from api import errors, opening
from api.access import check_routes
from api.codec_cors import CodecCors
from api.headers import Headers
from api.limits import Limits
from api.parts import Parts
from api.recording import Recorded
from api.routes import (
    acts,
    approvals,
    audit,
    codec,
    complaints,
    customer,
    detours,
    disclosures,
    incidents,
    signing,
    staff_pages,
    system,
)

log = structlog.get_logger()
RELAY_EVERY = 5.0


def create_app(parts: Parts, *, secure: bool = False) -> FastAPI:
    """The application on these parts; `secure`: it is reached by HTTPS only."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        relay = asyncio.create_task(_relay(parts))
        yield
        relay.cancel()
        with suppress(asyncio.CancelledError):
            await relay

    app = FastAPIOffline(
        redoc_url=None,  # a second reader of the same document; its page needs an open style policy and workers
        title="Amends",
        summary="Complaint handling as a durable process",
        version="0.3.0",
        lifespan=life,
        responses=errors.DOCUMENTED,
    )
    app.state.parts = parts
    errors.install(app)
    for module in (
        complaints, acts, detours, approvals, incidents, customer, disclosures, audit, codec, signing, staff_pages,
        system,
    ):  # fmt: skip
        app.include_router(module.router)
    check_routes(app)
    app.add_middleware(Recorded, engine=parts.engine)  # innermost: what it answers itself gets all headers
    app.add_middleware(Limits)  # the last one added sees a request first
    app.add_middleware(errors.LastResort)
    app.add_middleware(CodecCors, origins=parts.ui_origins)
    app.add_middleware(Headers, secure=secure)
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
