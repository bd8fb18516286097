"""How the system is."""

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from api.parts import Parts
from api.routes.complaints import Here
from complaints.standing import Kind
from register import outbox, query_log, read, reconciling

router = APIRouter(tags=["system"])
SOON = timedelta(seconds=2)


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(here: Here, response: Response) -> dict[str, Any]:
    """Whether complaints can be taken, and which part is down. Without Temporal they are kept and started later."""
    parts = await parts_up(here)
    able = "ready" if all(parts.values()) else "degraded" if parts["database"] else "not ready"
    response.status_code = 200 if parts["database"] else 503
    if not parts["database"]:
        response.headers["Retry-After"] = "5"
    return {"status": able, "parts": {name: "up" if up else "down" for name, up in parts.items()}}


async def parts_up(here: Parts) -> dict[str, bool]:
    """Which of the parts answer."""
    database, (temporal, worker) = await asyncio.gather(_database(here), _temporal(here))
    return {"database": database, "temporal": temporal, "worker": worker}


async def _database(here: Parts) -> bool:
    try:
        async with asyncio.timeout(SOON.total_seconds()), here.engine.connect() as db:
            await db.execute(text("SELECT 1"))
    except (SQLAlchemyError, TimeoutError, OSError):
        return False
    return True


async def _temporal(here: Parts) -> tuple[bool, bool]:
    wanted = DescribeTaskQueueRequest(
        namespace=here.temporal.namespace,
        task_queue=TaskQueue(name=here.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        found = await here.temporal.workflow_service.describe_task_queue(wanted, timeout=SOON)
    except (RPCError, RuntimeError):
        return False, False
    return True, bool(found.pollers)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(here: Here) -> Response:
    """Prometheus figures of the office: open cases by stage, letters waiting."""
    registry = CollectorRegistry()
    cases = Gauge("amends_open_complaints", "open complaints", ["stage"], registry=registry)
    for row in await read.counts(here.engine):
        cases.labels(row["stage"]).set(row["cases"])
    letters = Gauge("amends_letters_waiting", "letters not out yet", registry=registry)
    letters.set(await outbox.letters_waiting(here.engine))
    alarms = Gauge("amends_disclosure_alarms", "alarms that one person showed many customers' data", registry=registry)
    alarms.set(await query_log.alarms(here.engine))
    await _compared(here, registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _compared(here: Parts, registry: CollectorRegistry) -> None:
    """What the last comparison of register and processes came to; nothing before there was one."""
    last = await reconciling.last(here.engine)
    if last is None:
        return
    what = "differences of register and processes"
    found = Gauge("amends_reconcile_differences", f"{what} that the last comparison found", ["kind"], registry=registry)
    left = Gauge("amends_reconcile_left", f"{what} that it could not mend", ["kind"], registry=registry)
    for kind in Kind:
        found.labels(kind).set(last.found.get(kind, 0))
        left.labels(kind).set(last.found.get(kind, 0) - last.mended.get(kind, 0))
    compared = Gauge("amends_reconcile_compared", "cases that it compared", registry=registry)
    compared.set(last.compared)
    success = "amends_reconcile_last_success_timestamp_seconds"
    Gauge(success, "when the last comparison began that came to its end", registry=registry).set(last.at.timestamp())
