"""Takes a complaint in: kept first, in one transaction with its reference; then its process is started."""

from datetime import UTC, datetime, timedelta

import structlog
from pydantic import ValidationError
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
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import intake
from register.intake import Kept
from vault.box import KeyDestroyed
from workflows.complaint import Complaint

log = structlog.get_logger()
OPENED = "opened"
GIVE_UP_AFTER, MOST_TRIES = 3, 5
ANSWER_WITHIN = timedelta(seconds=10)


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
    opening = Opening(
        reference=kept.reference,
        form=ComplaintForm.model_validate(kept.form),
        opened_by=kept.agent,
        recorded_at=kept.recorded_at,
    )
    process = WithStartWorkflowOperation(
        Complaint.run,
        opening,
        id=kept.reference,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=f"complaint by {opening.form.channel}",
    )
    try:
        with timed(OPENED):
            await client.execute_update_with_start_workflow(
                OPENED,
                result_type=Receipt,
                id=f"opened-{kept.reference}",
                start_workflow_operation=process,
                rpc_timeout=ANSWER_WITHIN,
            )
    except WorkflowAlreadyStartedError:
        pass  # opened and closed before: only the mark was missing
    except (RPCError, TemporalError, RuntimeError) as error:
        # RuntimeError: Temporal has been away since this part started, so that its client never reached it.
        log.warning("opening.not_started", reference=kept.reference, error=type(error).__name__)
        return False
    now = datetime.now(UTC)
    await intake.started(engine, kept.reference, now)
    INTAKE_LAG.observe(max((now - kept.recorded_at).total_seconds(), 0))
    return True


async def catch_up(engine: AsyncEngine, client: Client, task_queue: str, limit: int = 200) -> int:
    """Start what was kept while Temporal was away, in the order it came; gives how many were started.

    One that can never start must not hold up the others: what cannot even be read is set aside at once, what gives no
    answer while others do, after some tries.
    """
    began, failed = 0, list[str]()
    for kept in await intake.waiting(engine, limit, datetime.now(UTC) - 2 * ANSWER_WITHIN):
        try:
            started = await start(engine, client, task_queue, kept)
        except (ValidationError, KeyDestroyed) as unreadable:
            await intake.set_aside(engine, kept.reference, type(unreadable).__name__)
            log.error("opening.set_aside", reference=kept.reference, error=type(unreadable).__name__)
            continue
        if started:
            began += 1
        else:
            failed.append(kept.reference)
        if not began and len(failed) >= GIVE_UP_AFTER:
            return 0  # Temporal is away; the next look comes soon
    for reference in await intake.not_started(engine, failed, MOST_TRIES) if began and failed else []:
        log.error("opening.set_aside", reference=reference, error="no answer")
    return began
