"""What happens at fixed times, as Temporal Schedules; made by the first worker that starts."""

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from complaints.names import TASK_QUEUE
from complaints.orders import RetentionOrder
from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION
from workflows.retention import Retention

log = structlog.get_logger()
RETENTION = "retention"
AT_NIGHT = "30 2 * * *"


async def ensure(client: Client, task_queue: str = TASK_QUEUE) -> None:
    """Make the schedules that are missing; ops may pause or change them, and that stays."""
    action = ScheduleActionStartWorkflow(
        Retention.run,
        RetentionOrder(jurisdiction=DEFAULT_JURISDICTION),
        id=RETENTION,
        task_queue=task_queue,
    )
    spec = ScheduleSpec(cron_expressions=[AT_NIGHT], time_zone_name=calendar(DEFAULT_JURISDICTION).time_zone)
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP)
    try:
        await client.create_schedule(RETENTION, Schedule(action=action, spec=spec, policy=policy))
        log.info("schedule.made", schedule=RETENTION)
    except ScheduleAlreadyRunningError:
        pass
