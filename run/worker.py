"""The worker: runs the complaints' workflows and their activities."""

import asyncio
import gc
import signal
from datetime import timedelta
from pathlib import Path

import email_validator
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.channels import Post
from activities.desk import Desk
from activities.digests import Digests
from activities.erasing import Erasing
from activities.letters import Letters
from activities.pruning import Pruning
from activities.reconciling import Reconciling
from complaints.names import TASK_QUEUE
from policies.files import FOLDER
from register import schema
from run import builds, connect, schedules, tracing
from run.reconciling import sides
from run.rules_log import log_rules_at_start
from run.settings import Settings
from workflows.absence import StaffAbsence
from workflows.complaint import Complaint
from workflows.digest import StaffDigest
from workflows.reconcile import Reconcile
from workflows.retention import Retention
from workflows.waking import poke

# Everything below workflows/ is pure, or called only as an activity: it is imported once, not once for each case.
_PASSED_THROUGH = SandboxRestrictions.default.with_passthrough_modules(
    "complaints", "policies", "vault", "register", "activities", "pydantic", "pydantic_core", "sqlmodel", "sqlalchemy",
    "email_validator", "idna", "dns", "holidays", "yaml", "jinja2", "httpx", "aiosmtplib", "reportlab", "babel",
    "opentelemetry",
)  # fmt: skip

SANDBOX = SandboxedWorkflowRunner(restrictions=_PASSED_THROUGH)

assert email_validator  # pydantic imports it at first use, which must not be inside a workflow

log = structlog.get_logger()
RUNNER = UnsandboxedWorkflowRunner()
WORKFLOWS = (Complaint, StaffDigest, StaffAbsence, Retention, Reconcile)


def build(
    client: Client,
    engine: AsyncEngine,
    post: Post,
    task_queue: str = TASK_QUEUE,
    rules: Path = FOLDER,
    *,
    sandbox: bool = False,
    public_url: str | None = None,
    deployment: WorkerDeploymentConfig | None = None,
) -> Worker:
    """A worker with all workflows and activities; without a deployment it takes the tasks of no build's own.

    Tests run workflows in Temporal's sandbox, which catches what would not replay. It imports the workflow's modules
    anew for each case, which costs a third of a worker's time and would mix in files changed on disk meanwhile; so a
    worker at work goes without (docs/decisions/0011).
    """
    desk = Desk(engine, poke(client, task_queue), rules)
    letters, digests = Letters(engine, post, rules, public_url), Digests(engine, post)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=[
            desk.find_rules,
            desk.rules_of,
            desk.classify,
            desk.find_incident,
            desk.find_handler,
            desk.held_by,
            desk.record,
            desk.publish,
            letters.send_letters,
            letters.end_letters,
            digests.send_digest,
            Erasing(engine, rules).erase_due,
            Pruning(engine, rules).prune,
            Reconciling(sides(engine, client, task_queue)).reconcile,
        ],
        workflow_runner=SANDBOX if sandbox else RUNNER,
        deployment_config=deployment,
        graceful_shutdown_timeout=timedelta(seconds=20),
        max_concurrent_activities=50,
    )


async def serve(settings: Settings) -> None:
    """Work until told to stop; what is under way is finished first."""
    engine = connect.register(settings, ping=False)
    await schema.check(engine)
    traces = tracing.provider(settings.traces, "worker")
    client = await connect.temporal(settings, engine, serves=True, traces=traces)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    at_start = [asyncio.create_task(log_rules_at_start(engine)), asyncio.create_task(schedules.ensure_at_start(client))]
    post, deployment = connect.post(settings, engine), builds.deployment(settings)
    async with build(client, engine, post, public_url=settings.public_url, deployment=deployment):
        name = deployment.version.build_id if deployment else None
        gc.freeze()  # what a start makes stays: not looked through again at each full collection, which stops all cases
        log.info("worker.ready", task_queue=TASK_QUEUE, namespace=client.namespace, build=name)
        await stop.wait()
        log.info("worker.stopping", build=name)
    for task in at_start:
        task.cancel()
    await tracing.flushed(traces)
    await engine.dispose()
