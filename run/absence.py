"""Starts the process that gives somebody else what a person on leave holds."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from complaints.names import TASK_QUEUE
from complaints.orders import Person
from workflows.absence import StaffAbsence


async def away(client: Client, username: str, task_queue: str = TASK_QUEUE) -> list[str]:
    """Tell every case that this person is not there; the references told. It goes on if whoever asked is gone."""
    handle = await client.start_workflow(
        StaffAbsence.run,
        Person(username=username),
        id=f"absence-{username}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"absence of {username}",
    )
    return await handle.result()
