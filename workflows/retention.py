"""Every night: erases closed complaints that have been kept for their time, then takes away what else is over."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from activities.erasing import Erasing
from activities.pruning import Pruning
from complaints.orders import Erased, RetentionOrder

TRY_FOR = timedelta(hours=6)
"""Then this night has failed, which an alert says; the next begins anew."""
PATIENT: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=10),
    "schedule_to_close_timeout": TRY_FOR,
    "heartbeat_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(maximum_interval=timedelta(minutes=10)),
}


@workflow.defn
class Retention:
    """Started by a schedule; how many were erased is its result."""

    @workflow.run
    async def run(self, order: RetentionOrder) -> Erased:
        """Look at each that is due, once, then prune; where some could not be erased the night fails at its end."""
        done = Erased(count=0, more=True)
        while done.more:
            some = await workflow.execute_activity_method(
                Erasing.erase_due,
                order.model_copy(update={"after": done.after}),
                summary="erase what has been kept for its time",
                **PATIENT,
            )
            done = some.model_copy(update={"count": done.count + some.count, "failed": done.failed + some.failed})
        if workflow.patched("pruning"):
            await workflow.execute_activity_method(Pruning.prune, summary="take away what is over", **PATIENT)
        if done.failed:
            raise ApplicationError(f"{done.failed} of those whose time is over could not be erased", type="NotErased")
        return Erased(count=done.count)
