"""Every hour: compares the register with the processes, and mends what is safe to mend."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.reconciling import Reconciling
from complaints.orders import Reconciled, ReconcileOrder


@workflow.defn
class Reconcile:
    """Started by a schedule; what the comparison came to is its result."""

    @workflow.run
    async def run(self, order: ReconcileOrder) -> Reconciled:
        """Compare once; where a part is away, try again for a while."""
        return await workflow.execute_activity_method(
            Reconciling.reconcile,
            order,
            start_to_close_timeout=timedelta(minutes=45),
            schedule_to_close_timeout=timedelta(minutes=55),
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=30), maximum_interval=timedelta(minutes=5)),
            summary="compare register and processes",
        )
