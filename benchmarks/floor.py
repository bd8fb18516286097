"""The floor: a bare Temporal workflow with as many updates as a complaint has, and no business at all.

Run as a program it is that workflow's worker: `python benchmarks/floor.py ADDRESS`.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from temporalio import workflow
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE, UPDATES = "benchmark-floor", 4


@workflow.defn
class Bare:
    """Ends when it has had its updates."""

    def __init__(self) -> None:
        self.had = 0

    @workflow.run
    async def run(self, updates: int) -> int:
        """Wait for them."""
        await workflow.wait_condition(lambda: self.had >= updates and workflow.all_handlers_finished())
        return self.had

    @workflow.update
    async def step(self, text: str) -> int:
        """One of them."""
        self.had += 1
        return self.had


async def bare_opening(client: Client) -> str:
    """A workflow's start, and its first answer."""
    name = f"bare-{uuid4()}"
    start = WithStartWorkflowOperation(
        Bare.run, UPDATES, id=name, task_queue=QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
    )
    await client.execute_update_with_start_workflow(Bare.step, "open", start_workflow_operation=start)
    return name


async def bare_life(client: Client) -> None:
    """All of it, to its end."""
    handle = client.get_workflow_handle_for(Bare.run, await bare_opening(client))
    for _ in range(UPDATES - 1):
        await handle.execute_update(Bare.step, "act")


@contextmanager
def floor_worker(address: str) -> Iterator[int]:
    """The floor's worker in a process of its own, as the product's is; its process ID."""
    process = subprocess.Popen([sys.executable, __file__, address])
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


async def _work(address: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(address)
    async with Worker(client, task_queue=QUEUE, workflows=[Bare], workflow_runner=UnsandboxedWorkflowRunner()):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
    os._exit(0)  # threads of the SDK may still call an interpreter that ends (temporalio/sdk-python#300)
