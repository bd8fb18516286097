"""Approvals: what waits for a decision, and the decision."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from api.acting import act, message_fields
from api.auth import allowed
from api.routes.complaints import Here, Key
from complaints import messages as m
from complaints.names import Role, case_of
from complaints.records import Actor
from register import read

router = APIRouter(tags=["approvals"])
Json = dict[str, Any]
Approver = Annotated[Actor, Depends(allowed(Role.supervisor, Role.manager))]
Readers = Annotated[Actor, Depends(allowed(Role.supervisor, Role.manager, Role.auditor))]
ApprovalId = Annotated[str, Path(pattern=r"^CMP-[0-9]{4}-[0-9]{6,12}-A[0-9]{1,4}$")]


@router.get("/approvals")
async def list_approvals(here: Here, who: Readers) -> Json:
    """Approvals that wait for a decision, the most pressing first."""
    return {"items": await read.open_approvals(here.engine)}


@router.post("/approvals/{approval}/decision")
async def decide(approval: ApprovalId, body: m.DecisionBody, here: Here, who: Approver, key: Key = None) -> Json:
    """Approve or reject, with the reason."""
    message = m.Decide(approval_id=approval, **message_fields(body, who, key))
    return await act(here, case_of(approval), "decide", message)
