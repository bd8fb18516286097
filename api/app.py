"""The web application: routes, errors, and the relay that catches up with what Temporal missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from opentelemetry.trace import TracerProvider
from starlette.routing import BaseRoute

from api import errors
from api.access import check_routes
from api.codec_cors import CodecCors
from api.counted import Counted
from api.headers import Headers
from api.leaving import LastAnswers
from api.limits import Limits
from api.pages import approvals as approval_pages
from api.pages import audit as audit_pages
from api.pages import board, calls, cases, exports, home, knowledge, live, opening, ops, team
from api.pages import incidents as incident_pages
from api.pages.live import Changes
from api.parts import Parts
from api.recording import Recorded
from api.relay import relay
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
from api.snapshots import Snapshots
from api.watching import Watched

ROUTES = (
    complaints, acts, detours, approvals, incidents, customer, disclosures, audit, codec, signing, staff_pages, system,
)  # fmt: skip
PAGES = (
    home, live, opening, calls, cases, approval_pages, team, incident_pages, board, exports, ops, audit_pages,
    knowledge,
)  # fmt: skip
UNTRACED = ("/healthz", "/readyz", "/metrics", "/static")


def create_app(parts: Parts, *, secure: bool = False, traces: TracerProvider | None = None) -> FastAPI:
    """The application on these parts; `secure`: it is reached by HTTPS only; `traces`: where spans go, if anywhere."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        beside = [asyncio.create_task(relay(parts)), asyncio.create_task(app.state.changes.listen())]
        yield
        for task in beside:
            await _ended(task)

    app = FastAPIOffline(
        redoc_url=None,  # a second reader of the same document; its page needs an open style policy and workers
        title="Amends",
        summary="Complaint handling as a durable process",
        version="0.6.3",
        lifespan=life,
        telemetry={
            "tracer_provider": traces,
            "tracing": traces is not None,
            **dict.fromkeys(("metrics", "logs", "operation_spans", "auto_configure"), False),
            "exclude": lambda scope: scope["path"].startswith(UNTRACED),
        },
    )
    app.state.parts, app.state.leaving = parts, False
    app.state.counted = Counted(parts)
    app.state.changes = Changes(parts.engine)
    app.state.snapshots = Snapshots(parts.engine, parts.clock, app.state.changes)
    errors.install(app)
    app.router.routes.extend(_routes())
    app.mount("/static", StaticFiles(packages=[("templates", "static")]), name="static")
    check_routes(app)
    app.add_middleware(
        Recorded, engine=parts.engine, rates=parts.rates
    )  # innermost: what it answers itself gets all headers
    app.add_middleware(Limits)  # the last one added sees a request first
    app.add_middleware(errors.LastResort)
    app.add_middleware(CodecCors, origins=parts.ui_origins)
    app.add_middleware(Headers, secure=secure)
    app.add_middleware(LastAnswers)
    app.add_middleware(Watched)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """All routes. Made once: FastAPI analyses each route anew, half a second in all, wherever it is included."""
    every = APIRouter()
    for module in (*ROUTES, *PAGES):
        every.include_router(module.router, responses=errors.DOCUMENTED)
    return every.routes


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel it until it has ended: Temporal's client turns a cancellation of an update into an error of its own."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
