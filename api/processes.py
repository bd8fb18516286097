"""What ops ask of Temporal: who works, what waits, which processes stand still. None: it did not answer."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from api.parts import Parts
from complaints.names import RETENTION, WORKFLOW_TYPE

SOON = timedelta(seconds=3)
SILENT = timedelta(seconds=90)
"""A worker asks again at least once a minute; one that has not for longer than that is gone, or hangs."""
SHOWN = 20
"""Processes of a kind named on the page; the figures above them count all."""
SEARCHED = 200
EPOCH = datetime.fromtimestamp(0, UTC)

KINDS = {"workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY}
ENDED_BADLY = ("Failed", "Terminated", "Canceled", "TimedOut")
PROBLEMS = "TemporalReportedProblems"
T = TypeVar("T")


@dataclass(frozen=True)
class Poller:
    """A worker as the queue knows it."""

    identity: str
    last_seen: datetime
    build: str
    silent: bool


@dataclass(frozen=True)
class Queue:
    """The steps or the activities that wait for a worker; `waiting` and what follows are None where not known."""

    kind: str
    pollers: list[Poller]
    waiting: int | None
    oldest: timedelta | None
    arriving: float | None


@dataclass(frozen=True)
class Trouble:
    """A process that does not get on; `attempt` of what, or Temporal's own word for the problem."""

    id: str
    run: str
    type: str
    what: str
    attempt: int | None
    since: datetime | None


async def asked(answer: Awaitable[T], within: timedelta = SOON) -> T | None:
    """What Temporal answers in time. A bad question is our own mistake, and is raised."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await answer
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            raise
        return None
    except (RuntimeError, TimeoutError):  # a client that connects late says RuntimeError when it cannot
        return None


async def queue(here: Parts, kind: str, now: datetime) -> Queue | None:
    """One side of the task queue."""
    wanted = DescribeTaskQueueRequest(
        namespace=here.temporal.namespace,
        task_queue=TaskQueue(name=here.task_queue),
        task_queue_type=KINDS[kind],
        report_stats=True,
    )
    found = await asked(here.temporal.workflow_service.describe_task_queue(wanted, timeout=SOON))
    return _queue(kind, found, now) if found else None


def _queue(kind: str, found: DescribeTaskQueueResponse, now: datetime) -> Queue:
    pollers = []
    for p in found.pollers:
        build = p.deployment_options.build_id or p.worker_version_capabilities.build_id
        seen = moment_of(p.last_access_time)
        pollers.append(Poller(p.identity, seen, build, now - seen > SILENT))
    pollers.sort(key=lambda p: p.last_seen, reverse=True)
    if not found.HasField("stats"):  # a server of before 1.25 counts nothing
        return Queue(kind, pollers, None, None, None)
    stats = found.stats
    age = stats.approximate_backlog_age.ToTimedelta()
    return Queue(kind, pollers, stats.approximate_backlog_count, age, stats.tasks_add_rate)


def moment_of(stamp: Timestamp) -> datetime:
    """A time of Temporal's."""
    return stamp.ToDatetime(UTC)


async def counts(here: Parts, others: bool) -> dict[str, int] | None:
    """Processes of complaints, or all others, by how they stand."""
    query = f"WorkflowType {'!=' if others else '='} '{WORKFLOW_TYPE}' GROUP BY ExecutionStatus"
    found = await asked(here.temporal.count_workflows(query))
    return {str(group.group_values[0]): group.count for group in found.groups} if found else None


async def _list(here: Parts, query: str, limit: int) -> list[WorkflowExecution]:
    return [found async for found in here.temporal.list_workflows(query, limit=limit)]


async def failing(here: Parts) -> list[Trouble] | None:
    """Running processes whose step fails again and again, as Temporal itself reports them."""
    query = f"{PROBLEMS} IS NOT NULL AND ExecutionStatus = 'Running'"
    found = await asked(_list(here, query, SHOWN))
    if found is None:
        return None
    return [Trouble(w.id, w.run_id, w.workflow_type, _problem(w), None, w.start_time) for w in found]


async def failing_number(here: Parts) -> int | None:
    """How many there are."""
    query = f"{PROBLEMS} IS NOT NULL AND ExecutionStatus = 'Running'"
    try:
        found = await asked(here.temporal.count_workflows(query))
    except RPCError:  # a server of before 1.29 does not know the word
        return None
    return found.count if found else None


async def last_night(here: Parts) -> datetime | None:
    """When the nightly erasing last came to its end; in an office that has had no night yet, when it was set up."""
    query = "WorkflowType = 'Retention' AND ExecutionStatus = 'Completed'"
    done, made = await asyncio.gather(
        asked(_list(here, query, 1)), asked(here.temporal.get_schedule_handle(RETENTION).describe())
    )
    if done is None or made is None:
        return None
    return max(done[0].close_time or EPOCH, made.info.created_at) if done else made.info.created_at


def _problem(found: WorkflowExecution) -> str:
    """`cause=WorkflowTaskFailedCauseNonDeterministicError` of what Temporal says, without its prefixes."""
    said = found.search_attributes.get(PROBLEMS) or []
    causes = [str(s).removeprefix("cause=").removeprefix("WorkflowTaskFailedCause") for s in said]
    return ", ".join(c for c in causes if not c.startswith("category=")) or "?"


async def retrying(here: Parts, references: Iterable[str]) -> list[Trouble] | None:
    """What is tried again and again in processes that have an activity under way: those cases, and staff digests."""
    query = f"WorkflowType != '{WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'"
    others = await asked(_list(here, query, SHOWN))
    if others is None:
        return None
    wanted = list(dict.fromkeys([*references, *(w.id for w in others)]))
    return [t for some in await asyncio.gather(*(_tried_again(here, w) for w in wanted)) for t in some]


async def _tried_again(here: Parts, workflow: str) -> list[Trouble]:
    found = await asked(here.temporal.get_workflow_handle(workflow).describe())
    if found is None:  # ended meanwhile
        return []
    raw = found.raw_description
    troubles = [
        Trouble(
            workflow, found.run_id, found.workflow_type, a.activity_type.name, a.attempt, moment_of(a.scheduled_time)
        )
        for a in raw.pending_activities
        if a.attempt > 1
    ]
    step = raw.pending_workflow_task
    if step.attempt > 1:
        since = moment_of(step.original_scheduled_time)
        troubles.append(Trouble(workflow, found.run_id, found.workflow_type, "step", step.attempt, since))
    return troubles


async def ended_badly(here: Parts) -> list[Trouble] | None:
    """The newest complaints' processes that did not end as they should, and do not run again under their reference."""
    among = ", ".join(f"'{status}'" for status in ENDED_BADLY)
    query = f"WorkflowType = '{WORKFLOW_TYPE}' AND ExecutionStatus IN ({among})"
    ended = await asked(_list(here, query, SEARCHED))
    if not ended:
        return None if ended is None else []
    ids = ", ".join(f"'{w.id}'" for w in ended)
    again = await asked(_list(here, f"WorkflowId IN ({ids}) AND ExecutionStatus = 'Running'", SEARCHED))
    running = {w.id for w in again or []}
    newest = {w.id: w for w in reversed(ended) if w.id not in running}.values()
    return [Trouble(w.id, w.run_id, w.workflow_type, status(w), None, w.close_time) for w in newest]


def status(found: WorkflowExecution) -> str:
    """How a run stands, in Temporal's own spelling: `TimedOut`."""
    return camel(found.status.name) if found.status else "?"


def camel(name: str) -> str:
    """TIMED_OUT as TimedOut."""
    return "".join(word.capitalize() for word in name.split("_"))
