"""Looks at everything after the upgrade: every history, every case in the register, every process."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client

from complaints.names import WORKFLOW_TYPE
from register.tables import Complaint
from workflows.search_attributes import STAGE

PATIENCE = 60.0


@dataclass
class Findings:
    """What the histories and the register say."""

    histories: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    moved: int = 0


async def histories(client: Client) -> Findings:
    """Every history of every workflow: failed steps by cause, steps by build; processes whose step is tried again."""
    found = Findings()
    async for workflow in client.list_workflows():
        handle, builds = client.get_workflow_handle(workflow.id, run_id=workflow.run_id), set[str]()
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                cause = event.workflow_task_failed_event_attributes.cause
                found.failures[WorkflowTaskFailedCause.Name(cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")] += 1
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                done = event.workflow_task_completed_event_attributes
                build = done.deployment_version.build_id or "no build"
                found.steps[build] += 1
                builds.add(build)
        found.histories += 1
        found.moved += len(builds) > 1
        pending = (await handle.describe()).raw_description
        if pending.HasField("pending_workflow_task") and pending.pending_workflow_task.attempt > 1:
            found.stuck.append(workflow.id)
    return found


async def differences(client: Client, engine: AsyncEngine, opened: set[str]) -> list[str]:
    """Where what clients were told, the register and the processes do not say the same; visibility may lag a while."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while found := await _differences(client, engine, opened):
        if asyncio.get_running_loop().time() > end:
            break
        await asyncio.sleep(1)  # Temporal's list follows its histories by itself
    return found


async def _differences(client: Client, engine: AsyncEngine, opened: set[str]) -> list[str]:
    async with engine.connect() as db:
        rows = await db.execute(select(col(Complaint.reference), col(Complaint.stage)))
        register = {reference: str(stage) for reference, stage in rows}
    processes = {
        w.id: str(w.typed_search_attributes.get(STAGE))
        async for w in client.list_workflows(f"WorkflowType = '{WORKFLOW_TYPE}'")
    }
    found = [f"{r}: a client was told of it, the register has none" for r in sorted(opened - register.keys())]
    for reference in sorted(register.keys() | processes.keys()):
        here, there = register.get(reference, "nothing"), processes.get(reference, "nothing")
        if here != there:
            found.append(f"{reference}: {here} in the register, {there} in Temporal")
    return found
