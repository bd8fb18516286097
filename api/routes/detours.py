"""What people do when a case does not go straight: one route for each act, each an update of the case's workflow."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from api.acting import act, message_fields
from api.auth import allowed
from api.checks import incident_under_way, known_assignee, known_region, may_be_linked
from api.routes.acts import AgentOrHandler, AgentOrSupervisor, Handler
from api.routes.complaints import Here, Key, Reference
from api.view import mask_of
from complaints.detours import extension, mass, merging, pause, plan, rounds, transfer
from complaints.form import Line
from complaints.names import Role
from complaints.records import Actor
from register import read, read_detours

router = APIRouter(tags=["when it does not go straight"])
Json = dict[str, Any]
HandlerOrSupervisor = Annotated[Actor, Depends(allowed(Role.handler, Role.supervisor))]
AgentHandlerOrSupervisor = Annotated[Actor, Depends(allowed(Role.agent, Role.handler, Role.supervisor))]
Joiner = Annotated[Actor, Depends(allowed(Role.agent, Role.supervisor, Role.manager))]
SupervisorOrManager = Annotated[Actor, Depends(allowed(Role.supervisor, Role.manager))]
Workers = Annotated[Actor, Depends(allowed(Role.handler, Role.supervisor, Role.manager, Role.auditor))]
Number = Annotated[int, Path(ge=1, le=9999)]


@router.post("/complaints/{reference}/extension")
async def extend(
    reference: Reference, body: extension.ExtensionBody, here: Here, who: Handler, key: Key = None
) -> Json:
    """Ask for a later deadline; a supervisor approves it and the complainant is told before it holds."""
    return await act(here, reference, "extend", extension.AskExtension(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/extension/notice")
async def tell_extension(
    reference: Reference, body: extension.NoticeBody, here: Here, who: AgentOrHandler, key: Key = None
) -> Json:
    """Record that a person told the complainant of the approved extension."""
    return await act(here, reference, "tell_extension", extension.TellExtension(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/pause")
async def begin_pause(reference: Reference, body: pause.PauseBody, here: Here, who: Handler, key: Key = None) -> Json:
    """Wait for the complainant, who is told what is needed; the clocks the policy names stand still."""
    return await act(here, reference, "begin_pause", pause.Pause(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/resume")
async def resume(
    reference: Reference, body: pause.ResumeBody, here: Here, who: AgentOrHandler, key: Key = None
) -> Json:
    """Go on; ends are counted anew over the calendar."""
    return await act(here, reference, "resume", pause.Resume(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/transfers")
async def ask_transfer(
    reference: Reference, body: transfer.TransferBody, here: Here, who: Handler, key: Key = None
) -> Json:
    """Hand the case on to another department or region; it stays with its handler until accepted."""
    await known_assignee(here, body.department, None)
    await known_region(here, body.department, body.region)
    return await act(here, reference, "ask_transfer", transfer.Transfer(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/transfers/{number}/answer")
async def answer_transfer(
    reference: Reference, number: Number, body: transfer.TransferAnswerBody, here: Here, who: Handler, key: Key = None
) -> Json:
    """Accept or reject a transfer."""
    message = transfer.AnswerTransfer(number=number, **message_fields(body, who, key))
    return await act(here, reference, "answer_transfer", message)


@router.post("/complaints/{reference}/plan")
async def file_plan(
    reference: Reference, body: plan.PlanBody, here: Here, who: HandlerOrSupervisor, key: Key = None
) -> Json:
    """File the plan of a cross-department complaint, or add duties to it."""
    for place, duty in enumerate(body.duties):
        await known_assignee(here, duty.department, duty.owner, under=f"duties.{place}.", as_field="owner")
    return await act(here, reference, "file_plan", plan.FilePlan(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/duties/{number}/answer")
async def answer_duty(
    reference: Reference,
    number: Number,
    body: plan.DutyAnswerBody,
    here: Here,
    who: HandlerOrSupervisor,
    key: Key = None,
) -> Json:
    """Answer a duty of the plan."""
    return await act(here, reference, "answer_duty", plan.AnswerDuty(number=number, **message_fields(body, who, key)))


@router.post("/complaints/{reference}/duties/{number}/change")
async def change_duty(
    reference: Reference,
    number: Number,
    body: plan.DutyChangeBody,
    here: Here,
    who: HandlerOrSupervisor,
    key: Key = None,
) -> Json:
    """Give a duty to another owner, or other days, or call it off."""
    if body.department and body.owner:
        await known_assignee(here, body.department, body.owner, as_field="owner")
    return await act(here, reference, "change_duty", plan.ChangeDuty(number=number, **message_fields(body, who, key)))


@router.post("/complaints/{reference}/links")
async def link(
    reference: Reference, body: merging.LinkBody, here: Here, who: AgentHandlerOrSupervisor, key: Key = None
) -> Json:
    """Link it to another complaint, or merge it into an older one that goes on for both."""
    await may_be_linked(here, reference, body)
    return await act(here, reference, "link", merging.Link(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/reopening")
async def reopen(
    reference: Reference, body: rounds.ReopeningBody, here: Here, who: AgentOrSupervisor, key: Key = None
) -> Json:
    """Open a closed case again within its window, with fresh clocks."""
    return await act(here, reference, "reopen", rounds.Reopen(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/incident")
async def join_incident(reference: Reference, body: mass.JoinBody, here: Here, who: Joiner, key: Key = None) -> Json:
    """Let the complaint belong to a major incident under way."""
    await incident_under_way(here, body.incident)
    return await act(here, reference, "join_incident", mass.Join(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/incident/leaving")
async def leave_incident(
    reference: Reference, body: mass.LeaveBody, here: Here, who: SupervisorOrManager, key: Key = None
) -> Json:
    """Let the complaint leave a major incident it does not belong to."""
    return await act(here, reference, "leave_incident", mass.Leave(**message_fields(body, who, key)))


@router.get("/transfers")
async def list_transfers(here: Here, who: Workers, department: Line | None = None) -> Json:
    """Transfers that wait for an answer, oldest first; a handler sees those to their own department."""
    own = who.department if not who.has(Role.supervisor, Role.manager, Role.auditor) else department
    return {"items": await read_detours.transfers_to(here.engine, own)}


@router.get("/duties")
async def list_duties(here: Here, who: Workers, owner: Line | None = None) -> Json:
    """Open duties of running plans, the most pressing first; a handler sees their own."""
    own = who.username if not who.has(Role.supervisor, Role.manager, Role.auditor) else owner
    duties = await read_detours.open_duties(here.engine, own)
    states = await read.case_states(here.engine, {duty["reference"] for duty in duties})
    items = [duty | {"task": mask_of(states.get(duty["reference"])).text(duty["task"])} for duty in duties]
    return {"masked": True, "items": items}
