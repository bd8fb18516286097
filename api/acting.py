"""Carries a person's act to the process of the case, and its answer back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from time import perf_counter
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.metrics import UPDATES
from api.parts import Parts
from api.view import case_json, kept_json
from complaints.errors import FieldError, Refused
from complaints.messages import Act, Receipt
from complaints.records import Actor
from register import intake, read
from register.sealing import index_secret
from vault.box import KeyDestroyed
from vault.index import blind

ANSWER_WITHIN = timedelta(seconds=10)
KEY = re.compile(r"[\x20-\x7e]{1,200}")
"""What the API takes as an Idempotency-Key."""
AWAY = "the process engine is away; repeat with the same Idempotency-Key"


def request_id(who: Actor, key: str | None) -> str:
    """What makes a repeated act the same act: the caller's Idempotency-Key, or nothing."""
    if key and not KEY.fullmatch(key):  # a form's field holds what anybody sends: the process keeps nothing long of it
        key = sha256(key.encode()).hexdigest()
    return f"{who.username}:{key}" if key else str(uuid4())


@contextmanager
def timed(update: str) -> Iterator[None]:
    """Measure how long the process of the case takes to answer, and whether it did."""
    begun, outcome = perf_counter(), "unavailable"
    try:
        yield
        outcome = "done"
    except WorkflowUpdateFailedError:
        outcome = "refused"
        raise
    finally:
        UPDATES.labels(update, outcome).observe(perf_counter() - begun)


async def act(here: Parts, reference: str, update: str, message: Act) -> dict[str, Any]:
    """Do it, and give the case as the register then has it."""
    handle = here.temporal.get_workflow_handle(reference)
    try:
        key = blind(await index_secret(here.engine), "act", f"{message.request_id}:{message.fingerprint()}")
        with timed(update):
            await handle.execute_update(update, message, id=key, result_type=Receipt, rpc_timeout=ANSWER_WITHIN)
    except WorkflowUpdateFailedError as failed:
        raise _refusal(failed) from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise Refused(
            "unavailable", "the process did not answer in time; repeat with the same Idempotency-Key"
        ) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise await _not_running(here, reference) from None
        raise Refused("unavailable", AWAY) from None
    except KeyDestroyed:
        raise Refused("wrong_stage", "closed and erased", stage="closed") from None
    except RuntimeError:  # away since this part started: the client never reached it
        raise Refused("unavailable", AWAY) from None
    return await case(here, reference)


async def case(here: Parts, reference: str, *, shown: bool = False) -> dict[str, Any]:
    """The case as the register has it, masked; a kept complaint whose process has not started is `received`."""
    try:
        if (state := await read.case_state(here.engine, reference)) is not None:
            return case_json(state, shown=shown)
    except KeyDestroyed:
        return await read.erased_case(here.engine, reference)
    if (kept := await intake.find(here.engine, reference)) is not None:
        return kept_json(reference, kept.recorded_at, kept.form, shown=shown)
    raise Refused("unknown", f"no complaint {reference}")


async def _not_running(here: Parts, reference: str) -> Refused:
    now = await case(here, reference)
    if now["stage"] == "closed":
        return Refused("wrong_stage", f"closed: {now['outcome']}", stage="closed")
    if "seq" in now:  # somebody has ended it in Temporal itself
        return Refused(
            "wrong_stage", "the process of this case is not running; ops can bring it back", stage=now["stage"]
        )
    return Refused("wrong_stage", "kept; its process is about to start", stage=now["stage"])


def _refusal(failed: WorkflowUpdateFailedError) -> Refused:
    cause = failed.cause
    if not isinstance(cause, ApplicationError):
        return Refused("unavailable", "the process could not take it")
    details = cause.details[0] if cause.details else {}
    return Refused(
        cause.type or "refused",
        cause.message,
        possible=details.get("possible"),
        stage=details.get("stage"),
        errors=[FieldError.model_validate(e) for e in details.get("errors", [])],
    )


def message_fields(body: BaseModel, who: Actor, key: str | None) -> dict[str, Any]:
    """The fields of an act: what was filled in, who does it, and which request it is."""
    return {**body.model_dump(), "by": who, "request_id": request_id(who, key)}
