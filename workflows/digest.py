"""Tells one member of staff what waits for them; a burst becomes one message."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.digests import Digests
from complaints.orders import Person

GATHER_FOR = timedelta(seconds=20)


@workflow.defn
class StaffDigest:
    """One person's digest; its ID is digest-<username>. Each new notice signals it."""

    def __init__(self) -> None:
        self.more = True

    @workflow.signal(description="Something new waits for this person")
    def wake(self) -> None:
        """Something new waits for this person."""
        self.more = True

    @workflow.run
    async def run(self, person: Person) -> None:
        """Gather what comes together, send it as one, and end when nothing more has come."""
        while self.more:
            await workflow.sleep(GATHER_FOR, summary="gather what comes together")
            self.more = False
            await workflow.execute_activity_method(
                Digests.send_digest,
                person,
                start_to_close_timeout=timedelta(seconds=90),
                heartbeat_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
                summary="send the digest",
            )
