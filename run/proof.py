"""Tries to read what is left of an erased complaint, place by place: in the register, the files, and Temporal."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.channels import SEALED
from register.erasure import EMPTIED
from run.settings import Settings
from vault.box import Unreadable
from vault.codec import SealingCodec, is_sealed
from vault.histories import payloads
from vault.keyring import DataKey, keyring_of


@dataclass(frozen=True)
class Place:
    """A place, how many things of the complaint are there, and how many of them can be read."""

    name: str
    found: int
    readable: int


async def attempts(engine: AsyncEngine, client: Client, settings: Settings, reference: str) -> list[Place]:
    """Every place, with what an attempt to read it came to."""
    places = []
    async with engine.connect() as db:
        key = await db.scalar(select(func.count()).where(col(DataKey.subject) == reference))
        gone = not await keyring_of(db).boxes(db, [reference], fresh=True)
        for table, columns in EMPTIED:
            whole = select(func.count()).where(col(table.reference) == reference)
            left = [await db.scalar(whole.where(col(getattr(table, c)).is_not(None))) for c in columns]
            places.append(
                Place(f"register: {table.__tablename__}", await db.scalar(whole) or 0, sum(n or 0 for n in left))
            )
    places.insert(0, Place("its key", int(key or 0), 0 if gone else 1))
    places.append(await _history(engine, client, reference))
    # Files are sealed with the key that is gone: what can be read of them is what can be opened.
    for name, folder, pattern in (
        ("print queue", settings.print_queue, f"{reference}-*{SEALED}"),
        ("local mailbox", settings.data / "mail", f"*.{reference}.*"),
    ):
        files = _files(folder, pattern)
        places.append(Place(name, files, 0 if gone else files))
    return places


def _files(folder: Path | None, pattern: str) -> int:
    return len(list(folder.glob(pattern))) if folder else 0


async def _history(engine: AsyncEngine, client: Client, reference: str) -> Place:
    codec, found, readable = SealingCodec(engine, client.namespace, reference), 0, 0
    for run in await _runs(client, reference):
        async for event in client.get_workflow_handle(reference, run_id=run).fetch_history_events():
            for payload in payloads(event):
                found += 1
                try:
                    await codec.decode([payload])
                except Unreadable:
                    continue
                readable += 1
    return Place("Temporal: history", found, readable)


async def _runs(client: Client, reference: str) -> list[str]:
    """Every run of a process that Temporal still knows, the last first: each names the one it went on from."""
    runs: list[str] = []
    try:
        run = (await client.get_workflow_handle(reference).describe()).run_id
        while run:
            runs.append(run)
            handle = client.get_workflow_handle(reference, run_id=run)
            first = await anext(aiter(handle.fetch_history_events()))
            run = first.workflow_execution_started_event_attributes.continued_execution_run_id
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return runs


async def remove_plain_runs(client: Client, reference: str) -> int:
    """Delete runs that were written before payloads were sealed: no key makes those unreadable."""
    plain = []
    for run in await _runs(client, reference):
        async for event in client.get_workflow_handle(reference, run_id=run).fetch_history_events():
            if any(p.data and not is_sealed(p) for p in payloads(event)):
                plain.append(run)
                break
    for run in plain:
        execution = WorkflowExecution(workflow_id=reference, run_id=run)
        request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        await client.workflow_service.delete_workflow_execution(request)
    return len(plain)
