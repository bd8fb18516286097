"""Compares what the register says with what the processes say, and makes sure of what differs before it counts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition, SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from complaints.names import STAGE_SHOWN, TASK_QUEUE, WORKFLOW_TYPE
from complaints.records import PROCESS
from complaints.standing import Difference, Kind, Standing, differences
from register import reconciling
from register.intake import Kept
from register.reconciling import At, digest

STANDING, STAGE = "standing", SearchAttributeKey.for_keyword(STAGE_SHOWN)
ANSWER_WITHIN, LOOKED_AT = timedelta(seconds=10), timedelta(seconds=2)
BATCH = 50
REST, LONGEST_REST = 2.0, 1.0
"""The hourly comparison waits so many times as long as a process took to answer, and at most so many seconds, before it
asks the next: a worker that replays case after case to have them answer has people's work to do between them."""
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between looks at a case that changes while it is compared."""
AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED)
MANY = 50
"""If so many processes do not answer and none does, the workers are away; the cases are not at fault."""
Start = Callable[[Kept], Awaitable[bool]]


class CannotCompare(RuntimeError):
    """A part is away; the message says which."""


@dataclass(frozen=True)
class Sides:
    """The register, Temporal, and how a kept complaint is started; `who` and `origin` are those of the audit log."""

    engine: AsyncEngine
    client: Client
    start: Start
    task_queue: str = TASK_QUEUE
    who: str = PROCESS
    origin: str = PROCESS


@dataclass(frozen=True)
class Answer:
    """What a process says of itself, or why it says nothing."""

    standing: Standing | None = None
    trouble: Kind | None = None
    said: str | None = None


async def somebody_works(here: Sides) -> None:
    """Refuse where Temporal or every worker is away: no process could be asked."""
    wanted = DescribeTaskQueueRequest(
        namespace=here.client.namespace,
        task_queue=TaskQueue(name=here.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        found = await here.client.workflow_service.describe_task_queue(wanted, timeout=LOOKED_AT)
    except (RPCError, RuntimeError):
        raise CannotCompare("Temporal does not answer") from None
    if not found.pollers:
        raise CannotCompare("no worker is at work, so no process can be asked; start one: amends worker")


async def running(here: Sides) -> dict[str, str | None]:
    """The stage that Temporal's list shows for each complaint's process that runs; the list may lag behind."""
    query = f"WorkflowType = '{WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'"
    found: dict[str, str | None] = {}
    try:
        async for process in here.client.list_workflows(query, page_size=1000):
            found[process.id] = process.typed_search_attributes.get(STAGE)
    except RPCError as error:
        raise CannotCompare(f"Temporal does not list its processes ({error.status.name})") from None
    return found


async def ask(here: Sides, reference: str) -> Answer:
    """Ask the process itself."""
    try:
        standing = await here.client.get_workflow_handle(reference).query(
            STANDING,
            result_type=Standing,
            reject_condition=QueryRejectCondition.NOT_COMPLETED_CLEANLY,
            rpc_timeout=ANSWER_WITHIN,
        )
    except WorkflowQueryRejectedError as ended:
        return Answer(trouble=Kind.ended_badly, said=ended.status.name.lower() if ended.status else None)
    except WorkflowQueryFailedError as failed:
        return Answer(trouble=Kind.no_answer, said=type(failed).__name__)
    except RPCError as error:
        if error.status in AWAY:
            raise CannotCompare(f"Temporal does not answer ({error.status.name})") from None
        lost = error.status is RPCStatusCode.NOT_FOUND
        return Answer(trouble=Kind.no_process if lost else Kind.no_answer, said=error.status.name.lower())
    return Answer(standing=standing)


def apart(reference: str, answer: Answer, record: Standing | None) -> list[Difference]:
    """In what a case's answer and record differ."""
    if answer.standing is not None:
        return differences(reference, answer.standing, record)
    assert answer.trouble is not None
    said = record.stage if record else None
    return [Difference(reference=reference, kind=answer.trouble, record=said, process=answer.said)]


async def history(here: Sides, reference: str) -> tuple[str, int] | None:
    """The run that a process is in, and how many events it has; None where it does not simply run or has ended well."""
    try:
        found = await here.client.get_workflow_handle(reference).describe(rpc_timeout=ANSWER_WITHIN)
    except RPCError as error:
        if error.status in AWAY:
            raise CannotCompare(f"Temporal does not answer ({error.status.name})") from None
        return None
    well = found.status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED)
    return (found.run_id, found.history_length) if well else None


async def differ(here: Sides, references: Sequence[str]) -> tuple[list[str], int]:
    """Those of these cases whose record may not be what their process says, and how many processes were asked.

    A process without a new event stands where it stood: with the same record as then, it need not be asked again.
    """
    known = await reconciling.same(here.engine, references)
    records = await reconciling.standings(here.engine, references)
    asked: list[Answer] = []
    alike: dict[str, At] = {}
    doubtful: list[str] = []
    for reference in references:
        record, at = records.get(reference), await history(here, reference)
        stands = (*at, digest(record)) if at and record else None
        if stands and stands == known.get(reference):
            continue
        began = time.monotonic()
        asked.append(answer := await ask(here, reference))
        if not (answer.standing and answer.standing.settled) or apart(reference, answer, record):
            doubtful.append(reference)
        elif stands:
            alike[reference] = stands
        if here.who == PROCESS:
            await asyncio.sleep(min(REST * (time.monotonic() - began), LONGEST_REST))  # people first
    if len(asked) >= MANY and all(a.trouble is Kind.no_answer for a in asked):
        raise CannotCompare(f"none of {len(asked)} processes answers; look at the workers' logs")
    await reconciling.remember(here.engine, alike)
    return doubtful, len(asked)


async def settled(here: Sides, reference: str) -> list[Difference] | None:
    """Look at a case until it stands still; in what its sides differ then. None when it never does.

    The register is read between two equal answers of the process, the last word of which was written before the
    first: what it says then is what it will go on saying.
    """
    found: list[Difference] = []
    for pause in (*PAUSES, None):
        before = await ask(here, reference)
        record = (await reconciling.standings(here.engine, [reference])).get(reference)
        found = apart(reference, before, record)
        if not found:
            return []
        after = await ask(here, reference)
        still = before == after
        if still and (before.standing is None or before.standing.settled):
            return found
        if pause is not None:
            await asyncio.sleep(pause)  # paces the looks at a case that is at work
    if not still:
        return None
    return [Difference(reference=reference, kind=Kind.not_written, record=found[0].record, process=found[0].process)]
