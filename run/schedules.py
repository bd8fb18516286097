"""What happens at fixed times, as Temporal Schedules; made by the first worker that starts."""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError

from complaints.names import RECONCILE, RETENTION, TASK_QUEUE
from complaints.orders import ReconcileOrder, RetentionOrder
from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION
from workflows.reconcile import Reconcile
from workflows.retention import Retention

log = structlog.get_logger()
AGAIN_AFTER = 5.0
AT_NIGHT, EVERY_HOUR = "30 2 * * *", "7 * * * *"


async def ensure_at_start(client: Client) -> None:
    """Make them as soon as register and Temporal answer: a worker may start before they do."""
    while True:
        try:
            return await ensure(client)
        except (SQLAlchemyError, RPCError, OSError) as error:
            log.warning("schedules.not_made_yet", error=type(error).__name__)
        await asyncio.sleep(AGAIN_AFTER)  # they are asked again at this pace; nothing waits for it


async def ensure(client: Client, task_queue: str = TASK_QUEUE) -> None:
    """Make the schedules that are missing; ops may pause or change them, and that stays."""
    zone = calendar(DEFAULT_JURISDICTION).time_zone
    erase = ScheduleActionStartWorkflow(
        Retention.run, RetentionOrder(jurisdiction=DEFAULT_JURISDICTION), id=RETENTION, task_queue=task_queue
    )
    compare = ScheduleActionStartWorkflow(Reconcile.run, ReconcileOrder(), id=RECONCILE, task_queue=task_queue)
    await _ensure(client, RETENTION, Schedule(action=erase, spec=_spec(AT_NIGHT, zone), policy=_SKIP))
    await _ensure(client, RECONCILE, Schedule(action=compare, spec=_spec(EVERY_HOUR, zone), policy=_SKIP))


_SKIP = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP)


def _spec(cron: str, zone: str) -> ScheduleSpec:
    return ScheduleSpec(cron_expressions=[cron], time_zone_name=zone)


async def _ensure(client: Client, name: str, schedule: Schedule) -> None:
    try:
        await client.create_schedule(name, schedule)
        log.info("schedule.made", schedule=name)
    except ScheduleAlreadyRunningError:
        pass
