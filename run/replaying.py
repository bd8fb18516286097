"""Do the histories of open cases fit this build? Asked before it is given them (docs/upgrading.md).

They come sealed, as Temporal keeps them, and are opened in memory alone. What is printed holds references, names of
steps and kinds of errors.
"""

import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, WorkflowReplayResult
from temporalio.workflow import NondeterminismError

from complaints.names import TASK_QUEUE
from run import redact
from run.logs import temporal_runtime
from run.worker import RUNNER, WORKFLOWS

OPEN = f"ExecutionStatus = 'Running' AND TaskQueue = '{TASK_QUEUE}'"
Run = tuple[str, str | None]
"""A workflow's ID, and which of its runs; None: the latest."""


@dataclass
class Compared:
    """What came of the histories of a sample; `gone` were ended and deleted, or had taken no step yet."""

    replayed: int = 0
    gone: int = 0
    failures: dict[str, str] = field(default_factory=dict)


async def sample(client: Client, limit: int, seed: int | None = None) -> list[Run]:
    """So many of the open processes, drawn at random; all, when there are no more."""
    found: list[Run] = sorted([(w.id, w.run_id) async for w in client.list_workflows(OPEN, page_size=1000)])
    draw = random.Random(seed)  # nosec B311: which histories are looked at is no secret
    return draw.sample(found, min(limit, len(found)))


async def compare(client: Client, runs: list[Run]) -> Compared:
    """Replay each of them under the workflows of this build, as its worker would."""
    done = Compared()
    replayer = Replayer(
        workflows=WORKFLOWS,
        namespace=client.namespace,
        data_converter=client.data_converter,
        workflow_runner=RUNNER,
        runtime=temporal_runtime(),
    )
    async with replayer.workflow_replay_iterator(_histories(client, runs, done)) as results:
        async for result in results:
            done.replayed += 1
            if result.replay_failure:
                done.failures[result.history.workflow_id] = _why(result)
    return done


async def _histories(client: Client, runs: list[Run], done: Compared) -> AsyncIterator[WorkflowHistory]:
    for workflow, run in runs:
        try:
            history = await client.get_workflow_handle(workflow, run_id=run).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            done.gone += 1
            continue
        if any(e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for e in history.events):
            yield history
        else:
            done.gone += 1


def _why(result: WorkflowReplayResult) -> str:
    """What does not fit, in Temporal's words about steps. Other errors may quote a case: their kinds alone."""
    said = str(result.replay_failure)
    if isinstance(result.replay_failure, NondeterminismError):
        found = re.search(r"Nondeterminism error: ((?:[^\"\\]|\\.)*)", said)
        return redact.text(found[1] if found else "the steps are others")
    kinds = re.findall(r'r#type: "(\w+)"', said)
    return f"the step fails: {', from '.join(dict.fromkeys(kinds)) or 'no kind given'}"
