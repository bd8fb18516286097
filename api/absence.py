"""Somebody is on leave, or back: their working state, and what they hold is given to others."""

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from complaints.names import TASK_QUEUE
from complaints.orders import Person
from complaints.records import Actor
from register import audit, people
from register.tables import Staff
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


async def set_state(engine: AsyncEngine, staff: Staff, state: str, by: Actor, why: str, origin: str | None) -> None:
    """Working or on leave from now on, written into the audit log with the reason."""
    await people.change_staff(engine, staff.username, state=state)
    change = {"state": [staff.state, state]}
    entry = audit.Entry(
        who=by.username, act="staff_changed", subject=staff.username, change=change, why=why, origin=origin
    )
    await audit.append(engine, entry)
