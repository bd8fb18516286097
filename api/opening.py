"""Takes a complaint in: kept first, in one transaction with its reference; then its process is started."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import TemporalError, WorkflowAlreadyStartedError
from temporalio.service import RPCError

from api.acting import timed
from api.metrics import INTAKE_LAG
from api.watching import about
from complaints.case import Opening
from complaints.errors import FieldError, Refused
from complaints.form import ComplaintForm, contradictions
from complaints.messages import Receipt
from complaints.names import Outcome
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import intake
from register.intake import Kept
from workflows.complaint import Complaint

log = structlog.get_logger()
OPENED = "opened"
ANSWER_WITHIN = timedelta(seconds=10)
AWAY = (RPCError, TemporalError, RuntimeError)
"""RuntimeError: Temporal has been away since this part started, so that its client never reached it."""


def faults(form: ComplaintForm, now: datetime) -> list[FieldError]:
    """What is wrong with a well-formed form in the light of today's rules."""
    return contradictions(form, in_force(DEFAULT_JURISDICTION, now).intake, now)


async def keep(
    engine: AsyncEngine, form: ComplaintForm, agent: str, key: str | None, digest: str | None = None
) -> tuple[Kept, bool]:
    """Check the form against the rules of today and keep it; the row, and whether it is new."""
    now = datetime.now(UTC)
    if wrong := faults(form, now):
        raise Refused("invalid", "the form contradicts the rules", errors=wrong)
    kept, new = await intake.keep(engine, form, agent, key, now, given=digest)
    about(kept.reference)
    return kept, new


async def start(engine: AsyncEngine, client: Client, task_queue: str, kept: Kept) -> bool:
    """Start the process of a kept complaint and wait until it is assigned; False when it could not answer now.

    Safe to call any number of times: the reference is the workflow's ID.
    """
    opening, how = _process(kept, task_queue)
    process = WithStartWorkflowOperation(Complaint.run, opening, **how)
    return await _begun(engine, kept, _assigning(client, process, kept.reference))


async def _assigning(client: Client, process: WithStartWorkflowOperation[Complaint, Outcome], reference: str) -> None:
    key = f"{OPENED}-{reference}"
    with timed(OPENED):
        await client.execute_update_with_start_workflow(
            OPENED, result_type=Receipt, id=key, start_workflow_operation=process, rpc_timeout=ANSWER_WITHIN
        )


async def begin(engine: AsyncEngine, client: Client, task_queue: str, kept: Kept) -> bool:
    """Start the process of a kept complaint, and do not wait for what it does; False when it could not be started."""
    opening, how = _process(kept, task_queue)
    return await _begun(engine, kept, client.start_workflow(Complaint.run, opening, **how, rpc_timeout=ANSWER_WITHIN))


async def assigned(client: Client, reference: str) -> None:
    """Wait until a complaint that has begun is assigned; raises one of AWAY when that takes too long."""
    handle, key = client.get_workflow_handle(reference), f"{OPENED}-{reference}"
    with timed(OPENED):
        await handle.execute_update(OPENED, id=key, result_type=Receipt, rpc_timeout=ANSWER_WITHIN)


def _process(kept: Kept, task_queue: str) -> tuple[Opening, dict[str, Any]]:
    opening = Opening(
        reference=kept.reference,
        form=ComplaintForm.model_validate(kept.form),
        opened_by=kept.agent,
        recorded_at=kept.recorded_at,
    )
    return opening, {
        "id": kept.reference,
        "task_queue": task_queue,
        "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
        "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
        "static_summary": f"complaint by {opening.form.channel}",
    }


async def _begun(engine: AsyncEngine, kept: Kept, starting: Awaitable[object]) -> bool:
    """Whether its process runs; that it does is kept."""
    try:
        await starting
    except WorkflowAlreadyStartedError:
        pass  # opened and closed before: only the mark was missing
    except AWAY as error:
        log.warning("opening.not_started", reference=kept.reference, error=type(error).__name__)
        return False
    now = datetime.now(UTC)
    await intake.started(engine, kept.reference, now)
    INTAKE_LAG.observe(max((now - kept.recorded_at).total_seconds(), 0))
    return True
