"""Approvals: what waits for a decision, the decision, and of whom it is asked."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.access import IDENTIFIERS, Who, visible
from api.acting import act, message_fields
from api.checks import may_decide
from api.routes.complaints import Here, Key
from complaints import messages as m
from complaints.names import case_of
from register import read

router = APIRouter(tags=["approvals"])
Json = dict[str, Any]
ApprovalId = Annotated[str, Path(pattern=IDENTIFIERS["approval"])]


@router.get("/approvals")
async def list_approvals(here: Here, who: Who) -> Json:
    """Approvals that wait for a decision, the most pressing first."""
    return {"items": await read.open_approvals(here.engine, visible("approvals", who))}


@router.post("/approvals/{approval}/decision")
async def decide(approval: ApprovalId, body: m.DecisionBody, here: Here, who: Who, key: Key = None) -> Json:
    """Approve or reject, with the reason."""
    message = m.Decide(approval_id=approval, **message_fields(body, who, key))
    return await act(here, case_of(approval), "decide", message)


@router.post("/approvals/{approval}/delegation")
async def delegate(approval: ApprovalId, body: m.DelegationBody, here: Here, who: Who, key: Key = None) -> Json:
    """Ask somebody by name to decide it, with the reason; whoever else may decide it still can."""
    person = await may_decide(here, approval, body.to)
    message = m.Delegate(approval_id=approval, person=person, **message_fields(body, who, key))
    return await act(here, case_of(approval), "delegate", message)
