"""Tells one member of staff what waits for them; a burst becomes one message."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, RetryState

from activities.digests import Digests
from complaints.orders import Person

GATHER_FOR = timedelta(seconds=20)
TRY_FOR = timedelta(minutes=10)
"""Then it begins again: while it tries, it cannot go on in a new run, and a run takes only so many signals."""


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
        """Gather what comes together, send it as one, and end when nothing more has come.

        A run that has heard much goes on in a new one, which looks once more: Temporal may have refused a signal.
        """
        while self.more:
            await workflow.sleep(GATHER_FOR, summary="gather what comes together")
            self.more = False
            try:
                await self._send(person)
            except ActivityError as failed:
                if failed.retry_state is not RetryState.TIMEOUT:
                    raise
                self.more = True
            if workflow.info().is_continue_as_new_suggested() and workflow.patched("digest-in-a-new-run"):
                workflow.continue_as_new(person)

    async def _send(self, person: Person) -> None:
        await workflow.execute_activity_method(
            Digests.send_digest,
            person,
            start_to_close_timeout=timedelta(seconds=90),
            schedule_to_close_timeout=TRY_FOR,
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
            summary="send the digest",
        )
