"""Which of the parts answer."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.parts import Parts

SOON = timedelta(seconds=2)


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
    wanted = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        found = await client.workflow_service.describe_task_queue(wanted, timeout=SOON)
    except (RPCError, RuntimeError):
        return False, False
    return True, bool(found.pollers)
