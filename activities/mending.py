"""Mends a difference in the one right direction: the workflow is the process, the register is its record."""

from datetime import UTC, datetime

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from activities.comparing import ANSWER_WITHIN, Sides, ask, settled
from complaints.case import Case
from complaints.messages import Receipt
from complaints.standing import Difference, Kind, Standing, letters_apart
from register import audit, intake, outbox, reconciling, write
from register.tables import Sending
from vault.box import KeyDestroyed

BY_STARTING = (Kind.not_started, Kind.start_lost)
BY_WRITING = (Kind.no_record, Kind.closed, Kind.stage, Kind.outcome, Kind.holder, Kind.number, Kind.clocks)
WHOLE, RECORD_AGAIN = "whole", "record_again"
NEVER_OUT = "its process has ended this letter"


async def mend(here: Sides, reference: str, found: list[Difference]) -> list[Difference]:
    """The same differences, each with whether it is mended now; what was mended is in the audit log."""
    kinds = {d.kind for d in found}
    if kinds & set(BY_STARTING):
        done = kinds if await _start(here, reference) else set()
    else:
        if Kind.letters in kinds:
            await _letters(here, reference)
        if kinds & set(BY_WRITING):
            await _write(here, reference)
        left = await settled(here, reference) if kinds & {*BY_WRITING, Kind.letters} else found
        done = kinds - {d.kind for d in left} if left is not None else set()
    if done:
        change = {d.kind.value: [d.record, d.process] for d in found if d.kind in done}
        entry = audit.Entry(who=here.who, act="reconciled", subject=reference, origin=here.origin, change={**change})
        await audit.append(here.engine, entry)
    return [d.model_copy(update={"mended": d.kind in done}) for d in found]


async def _start(here: Sides, reference: str) -> bool:
    """Start a kept complaint, which cannot go wrong twice: its reference is the process's ID."""
    kept = await intake.find(here.engine, reference)
    try:
        return kept is not None and await here.start(kept)
    except (ValidationError, KeyDestroyed):  # the relay sets it aside, with the reason
        return False


async def _write(here: Sides, reference: str) -> None:
    """Have the process write its record again; of one that has ended it is written as the process left it."""
    handle = here.client.get_workflow_handle(reference)
    try:
        await handle.execute_update(RECORD_AGAIN, result_type=Receipt, rpc_timeout=ANSWER_WITHIN)
    except (WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError):
        return  # it is named, and tried again by the next comparison
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            return
        case = await handle.query(WHOLE, result_type=Case, rpc_timeout=ANSWER_WITHIN)
        if case.policy is not None:
            await write.record(here.engine, case, [])


async def _letters(here: Sides, reference: str) -> None:
    """What its process has ended goes out no more. What the register knows better than the process stays."""
    answer = await ask(here, reference)
    record = (await reconciling.standings(here.engine, [reference])).get(reference)
    if answer.standing is None or record is None:
        return
    for number in letters_apart(record, answer.standing):
        await _letter(here.engine, reference, number, answer.standing, record.letters.get(number))


async def _letter(engine: AsyncEngine, reference: str, number: int, process: Standing, was: str | None) -> None:
    if was not in ("ready", "handing_over"):
        return
    # Given up while it was being handed over: it may have gone out.
    state = "uncertain" if (process.letters[number], was) == ("failed", "handing_over") else process.letters[number]
    key = {"reference": reference, "number": number}
    more = {"done_at": datetime.now(UTC), "error": None if state == "sent" else NEVER_OUT}
    await outbox.move(engine, Sending, key, "state", was, state, **more)
