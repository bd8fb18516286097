"""Approvals and the response to major complaints."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from api.acting import act, message_fields
from api.auth import allowed
from api.routes.complaints import Here, Key
from complaints import messages as m
from complaints.errors import Refused
from complaints.names import Role, case_of, incident_id
from complaints.records import Actor
from register import read, read_detours

router = APIRouter(tags=["approvals and incidents"])
Json = dict[str, Any]
Approver = Annotated[Actor, Depends(allowed(Role.supervisor, Role.manager))]
Manager = Annotated[Actor, Depends(allowed(Role.manager))]
Readers = Annotated[Actor, Depends(allowed(Role.supervisor, Role.manager, Role.auditor))]
IncidentReaders = Annotated[Actor, Depends(allowed(Role.manager, Role.auditor))]
ApprovalId = Annotated[str, Path(pattern=r"^CMP-[0-9]{4}-[0-9]{6,12}-A[0-9]{1,4}$")]
IncidentId = Annotated[str, Path(pattern=r"^CMP-[0-9]{4}-[0-9]{6,12}-M[0-9]{1,4}$")]


@router.get("/approvals")
async def list_approvals(here: Here, who: Readers) -> Json:
    """Approvals that wait for a decision, the most pressing first."""
    return {"items": await read.open_approvals(here.engine)}


@router.post("/approvals/{approval}/decision")
async def decide(approval: ApprovalId, body: m.DecisionBody, here: Here, who: Approver, key: Key = None) -> Json:
    """Approve or reject, with the reason."""
    message = m.Decide(approval_id=approval, **message_fields(body, who, key))
    return await act(here, case_of(approval), "decide", message)


@router.get("/incidents")
async def list_incidents(here: Here, who: IncidentReaders) -> Json:
    """Major-complaint responses, those nobody has acknowledged first."""
    return {"items": await read_detours.incidents(here.engine)}


@router.post("/incidents/{incident}/acknowledgement")
async def acknowledge(
    incident: IncidentId, here: Here, who: Manager, body: m.AcknowledgementBody | None = None, key: Key = None
) -> Json:
    """Launch the response, naming its leader."""
    message = m.Acknowledge(**message_fields(body or m.AcknowledgementBody(), who, key))
    return await act(here, _case(incident), "acknowledge_major", message)


@router.post("/incidents/{incident}/log")
async def log(incident: IncidentId, body: m.LogBody, here: Here, who: Manager, key: Key = None) -> Json:
    """Write down an action or a contact."""
    return await act(here, _case(incident), "log_major", m.LogAction(**message_fields(body, who, key)))


@router.post("/incidents/{incident}/report")
async def report(incident: IncidentId, body: m.ReportBody, here: Here, who: Manager, key: Key = None) -> Json:
    """Close the response with its report."""
    return await act(here, _case(incident), "report_major", m.Report(**message_fields(body, who, key)))


def _case(incident: str) -> str:
    """The complaint of an incident; a case has one, and another number is not it."""
    if incident != incident_id(reference := case_of(incident)):
        raise Refused("unknown", f"no major-complaint response {incident}")
    return reference
