"""Wakes, or starts, the digest of a person who has something to be told."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from activities.desk import Poke
from complaints.orders import Person
from workflows.digest import StaffDigest


def poke(client: Client, task_queue: str) -> Poke:
    """What wakes the digest of the one it is called with."""

    async def wake(username: str) -> None:
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
