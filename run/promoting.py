"""`amends promote` and `amends builds`: which build the cases go on with (Temporal's Worker Deployment Versioning)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from temporalio.api.deployment.v1 import RoutingConfig, WorkerDeploymentInfo
from temporalio.api.enums.v1 import RoutingConfigUpdateState, TaskQueueType, WorkerDeploymentVersionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from complaints.names import TASK_QUEUE
from run.builds import DEPLOYMENT, build_id
from run.settings import Settings

UNVERSIONED = "unversioned"
"""Stands for the workers that name no build: those before 0.5, and with AMENDS_VERSIONING=false."""
ASKS_WITHIN = timedelta(seconds=75)
"""A worker asks for work at least once a minute."""
STATUS = "WORKER_DEPLOYMENT_VERSION_STATUS_"
NOT_YET = RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_IN_PROGRESS


class CannotPromote(RuntimeError):
    """The build was not made current; the message says why."""


async def deployment(client: Client) -> WorkerDeploymentInfo | None:
    """What Temporal knows of our builds; None before the first of their workers has asked, and of an old server."""
    wanted = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    try:
        return (await client.workflow_service.describe_worker_deployment(wanted)).worker_deployment_info
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.UNIMPLEMENTED):
            return None
        raise


def known(found: WorkerDeploymentInfo | None) -> dict[str, str]:
    """The status of each build that Temporal knows, the newest first."""
    of = sorted(found.version_summaries if found else (), key=lambda v: v.create_time.ToDatetime(), reverse=True)
    name = WorkerDeploymentVersionStatus.Name
    return {v.deployment_version.build_id: name(v.status).removeprefix(STATUS).lower() for v in of}


async def at_work(client: Client, build: str) -> int:
    """How many workers of that build have asked for work of late; both kinds of work have to have somebody."""
    least = []
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        wanted = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=TASK_QUEUE), task_queue_type=kind
        )
        pollers = (await client.workflow_service.describe_task_queue(wanted)).pollers
        since = datetime.now(UTC) - ASKS_WITHIN
        ours = [p for p in pollers if p.deployment_options.build_id == _id(build)]
        least.append(len({p.identity for p in ours if p.last_access_time.ToDatetime(UTC) > since}))
    return min(least)


async def wait_for_workers(client: Client, build: str, patience: float) -> None:
    """Until a worker of that build asks for work; says so, when none does in time."""

    async def there() -> bool:
        return build in await builds() and await at_work(client, build) > 0

    async def builds() -> list[str]:
        return [*known(await deployment(client)), UNVERSIONED]

    if await _until(there, patience):
        return
    if build not in (others := await builds()):
        raise CannotPromote(f"no worker of build {build} has ever asked for work; known are: {', '.join(others)}")
    raise CannotPromote(f"no worker of build {build} asks for work now; start one (amends worker), then promote")


async def make_current(client: Client, build: str) -> None:
    """Give every case's next step to that build."""
    wanted = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=_id(build), identity=client.identity
    )
    await _told(client.workflow_service.set_worker_deployment_current_version(wanted))
    await _heard_everywhere(client)


async def ramp(client: Client, build: str, percent: float) -> None:
    """Give that share of the cases to that build; a case stays on its side while the share does."""
    wanted = SetWorkerDeploymentRampingVersionRequest(
        namespace=client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=_id(build),
        percentage=percent,
        identity=client.identity,
    )
    await _told(client.workflow_service.set_worker_deployment_ramping_version(wanted))
    await _heard_everywhere(client)


def routing(found: WorkerDeploymentInfo | None) -> RoutingConfig:
    """Who is given what; of an unknown deployment nobody."""
    return found.routing_config if found else RoutingConfig()


async def only_one(address: str, settings: Settings) -> None:
    """Where no other build is at work: cases of an earlier run go on with the one that is."""
    client = await Client.connect(address)
    build = build_id(settings) if settings.versioning else UNVERSIONED
    if settings.versioning or await deployment(client):
        await wait_for_workers(client, build, patience=60)
        await make_current(client, build)


def _id(build: str) -> str:
    return "" if build == UNVERSIONED else build


async def _told(call: Awaitable[object]) -> None:
    try:
        await call
    except RPCError as refused:
        if refused.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
            raise CannotPromote(f"Temporal refuses it: {refused.message}") from None
        raise


async def _heard_everywhere(client: Client, patience: float = 60) -> None:
    """Until every part of the task queue routes so: a task sent the old way would wait for workers about to stop."""

    async def settled() -> bool:
        found = await deployment(client)
        return found is not None and found.routing_config_update_state != NOT_YET

    if not await _until(settled, patience):
        raise CannotPromote("promoted, but not yet heard by every part of the task queue: keep the old workers up")


async def _until(true: Callable[[], Awaitable[bool]], patience: float) -> bool:
    end = monotonic() + patience
    while not await true():
        if monotonic() > end:
            return False
        await asyncio.sleep(0.2)  # Temporal is asked at this pace; it tells nobody by itself
    return True
