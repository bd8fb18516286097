"""How the system is."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.routes.complaints import Here
from api.up import parts_up

router = APIRouter(tags=["system"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(here: Here, request: Request, response: Response) -> dict[str, Any]:
    """Whether complaints can be taken, and which part is down. Without Temporal they are kept and started later.

    A server that has been told to stop says 503, too: it answers what still comes, but wants no more.
    """
    parts = await parts_up(here)
    able = "ready" if all(parts.values()) else "degraded" if parts["database"] else "not ready"
    if request.app.state.leaving:
        able = "stopping"
    wanted = able in ("ready", "degraded")
    response.status_code = 200 if wanted else 503
    if not wanted:
        response.headers["Retry-After"] = "5"
    return {"status": able, "parts": {name: "up" if up else "down" for name, up in parts.items()}}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Prometheus figures of the office and of this web server; with the register away, without the office's."""
    return Response(await request.app.state.counted.exposition(), media_type=CONTENT_TYPE_LATEST)
