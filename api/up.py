"""Which of the parts answer."""

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError

from api.parts import Parts

SOON = timedelta(seconds=2)
ASKS_WITHIN = timedelta(seconds=75)
"""A worker asks for work at least once a minute."""


async def parts_up(here: Parts) -> dict[str, bool]:
    """Which of the parts answer."""
    database, (temporal, worker) = await asyncio.gather(_database(here), process_side(here.temporal, here.task_queue))
    return {"database": database, "temporal": temporal, "worker": worker}


async def _database(here: Parts) -> bool:
    try:
        async with asyncio.timeout(SOON.total_seconds()), here.engine.connect() as db:
            await db.execute(text("SELECT 1"))
    except (SQLAlchemyError, TimeoutError, OSError):
        return False
    return True


async def process_side(client: Client, task_queue: str) -> tuple[bool, bool]:
    """Whether Temporal answers, and whether a worker is at work."""
    found = await _queue(client, task_queue)
    return found is not None, bool(found and found.pollers)


async def current_workers(client: Client, task_queue: str) -> int | None:
    """How many workers are given steps: those of the current build, or of the one being ramped up to.

    Others are at work and get nothing. None: Temporal does not answer.
    """
    if (found := await _queue(client, task_queue)) is None:
        return None
    given = found.versioning_info
    builds = {given.current_deployment_version.build_id}
    if given.ramping_version_percentage:
        builds.add(given.ramping_deployment_version.build_id)
    since = datetime.now(UTC) - ASKS_WITHIN
    asking = [p for p in found.pollers if p.last_access_time.ToDatetime(UTC) > since]
    return sum(p.deployment_options.build_id in builds for p in asking)


async def _queue(client: Client, task_queue: str) -> DescribeTaskQueueResponse | None:
    wanted = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return await client.workflow_service.describe_task_queue(wanted, timeout=SOON)
    except (RPCError, RuntimeError):
        return None
