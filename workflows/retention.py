"""Every night: erases closed complaints that have been kept for their time."""

from datetime import timedelta

from temporalio import workflow

from activities.erasing import Erasing
from complaints.orders import Erased, RetentionOrder


@workflow.defn
class Retention:
    """Started by a schedule; how many were erased is its result."""

    @workflow.run
    async def run(self, order: RetentionOrder) -> Erased:
        """Erase until none is left."""
        count, more = 0, True
        while more:
            some = await workflow.execute_activity_method(
                Erasing.erase_due,
                order,
                start_to_close_timeout=timedelta(minutes=10),
                heartbeat_timeout=timedelta(seconds=30),
                summary="erase what has been kept for its time",
            )
            count, more = count + some.count, some.more
        return Erased(count=count)
