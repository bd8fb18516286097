"""Wakes, or starts, the digest of a person who has something to be told."""

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.desk import Poke
from complaints.orders import Person
from workflows.digest import StaffDigest

log = structlog.get_logger()


def poke(client: Client, task_queue: str) -> Poke:
    """What wakes the digest of the one it is called with."""

    async def wake(username: str) -> None:
        """A run that takes no more signals goes on in a new one, which looks for what waits: it needs no waking."""
        try:
            await start(username)
        except RPCError as refused:
            if refused.status is not RPCStatusCode.INVALID_ARGUMENT or "limit for signal" not in refused.message:
                raise
            log.warning("digest.takes_no_more_signals", digest=f"digest-{username}")

    async def start(username: str) -> None:
        await client.start_workflow(
            StaffDigest.run,
            Person(username=username),
            id=f"digest-{username}",
            task_queue=task_queue,
            start_signal="wake",
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"staff digest of {username}",
        )

    return wake
