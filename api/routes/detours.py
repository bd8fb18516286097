"""What people do when a case does not go straight: one route for each act, each an update of the case's workflow."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlmodel import col

from api.access import Who, visible
from api.acting import act, message_fields
from api.checks import incident_under_way, known_assignee, known_person, known_region, may_be_linked
from api.routes.complaints import Here, Key, Reference
from api.view import mask_of
from complaints.detours import extension, mass, merging, opinion, pause, plan, rounds, transfer
from complaints.form import Line
from complaints.names import Role
from register import read, read_detours
from register.detour_tables import CaseDuty, CaseTransfer

router = APIRouter(tags=["when it does not go straight"])
Json = dict[str, Any]
Number = Annotated[int, Path(ge=1, le=9999)]


@router.post("/complaints/{reference}/extension")
async def extend(reference: Reference, body: extension.ExtensionBody, here: Here, who: Who, key: Key = None) -> Json:
    """Ask for a later deadline; a supervisor approves it and the complainant is told before it holds."""
    return await act(here, reference, "extend", extension.AskExtension(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/extension/notice")
async def tell_extension(
    reference: Reference, body: extension.NoticeBody, here: Here, who: Who, key: Key = None
) -> Json:
    """Record that a person told the complainant of the approved extension."""
    return await act(here, reference, "tell_extension", extension.TellExtension(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/pause")
async def begin_pause(reference: Reference, body: pause.PauseBody, here: Here, who: Who, key: Key = None) -> Json:
    """Wait for the complainant, who is told what is needed; the clocks the policy names stand still."""
    return await act(here, reference, "begin_pause", pause.Pause(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/resume")
async def resume(reference: Reference, body: pause.ResumeBody, here: Here, who: Who, key: Key = None) -> Json:
    """Go on; ends are counted anew over the calendar."""
    return await act(here, reference, "resume", pause.Resume(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/opinions")
async def ask_opinion(reference: Reference, body: opinion.OpinionBody, here: Here, who: Who, key: Key = None) -> Json:
    """Ask a colleague for a second opinion; they may then read the case."""
    await known_person(here, body.colleague, "colleague", Role.handler, Role.supervisor, Role.manager)
    return await act(here, reference, "ask_opinion", opinion.AskOpinion(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/opinions/{number}/answer")
async def give_opinion(
    reference: Reference, number: Number, body: opinion.OpinionAnswerBody, here: Here, who: Who, key: Key = None
) -> Json:
    """Give the opinion one was asked for."""
    message = opinion.GiveOpinion(number=number, **message_fields(body, who, key))
    return await act(here, reference, "give_opinion", message)


@router.post("/complaints/{reference}/transfers")
async def ask_transfer(
    reference: Reference, body: transfer.TransferBody, here: Here, who: Who, key: Key = None
) -> Json:
    """Hand the case on to another department or region; it stays with its handler until accepted."""
    await known_assignee(here, body.department, None)
    await known_region(here, body.department, body.region)
    return await act(here, reference, "ask_transfer", transfer.Transfer(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/transfers/{number}/answer")
async def answer_transfer(
    reference: Reference, number: Number, body: transfer.TransferAnswerBody, here: Here, who: Who, key: Key = None
) -> Json:
    """Accept or reject a transfer."""
    message = transfer.AnswerTransfer(number=number, **message_fields(body, who, key))
    return await act(here, reference, "answer_transfer", message)


@router.post("/complaints/{reference}/plan")
async def file_plan(reference: Reference, body: plan.PlanBody, here: Here, who: Who, key: Key = None) -> Json:
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
    who: Who,
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
    who: Who,
    key: Key = None,
) -> Json:
    """Give a duty to another owner, or other days, or call it off."""
    if body.department and body.owner:
        await known_assignee(here, body.department, body.owner, as_field="owner")
    return await act(here, reference, "change_duty", plan.ChangeDuty(number=number, **message_fields(body, who, key)))


@router.post("/complaints/{reference}/links")
async def link(reference: Reference, body: merging.LinkBody, here: Here, who: Who, key: Key = None) -> Json:
    """Link it to another complaint, or merge it into an older one that goes on for both."""
    await may_be_linked(here, who, reference, body)
    return await act(here, reference, "link", merging.Link(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/reopening")
async def reopen(reference: Reference, body: rounds.ReopeningBody, here: Here, who: Who, key: Key = None) -> Json:
    """Open a closed case again within its window, with fresh clocks."""
    return await act(here, reference, "reopen", rounds.Reopen(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/incident")
async def join_incident(reference: Reference, body: mass.JoinBody, here: Here, who: Who, key: Key = None) -> Json:
    """Let the complaint belong to a major incident under way."""
    await incident_under_way(here, body.incident)
    return await act(here, reference, "join_incident", mass.Join(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/incident/leaving")
async def leave_incident(reference: Reference, body: mass.LeaveBody, here: Here, who: Who, key: Key = None) -> Json:
    """Let the complaint leave a major incident it does not belong to."""
    return await act(here, reference, "leave_incident", mass.Leave(**message_fields(body, who, key)))


@router.get("/transfers")
async def list_transfers(here: Here, who: Who, department: Line | None = None) -> Json:
    """Transfers that wait for an answer, oldest first; a handler sees those to their own department."""
    seen = visible("transfers", who, part=col(CaseTransfer.to_department))
    return {"items": await read_detours.transfers_to(here.engine, seen, department)}


@router.get("/duties")
async def list_duties(here: Here, who: Who, owner: Line | None = None) -> Json:
    """Open duties of running plans, the most pressing first; a handler sees their own."""
    seen = visible("duties", who, own=col(CaseDuty.owner), part=col(CaseDuty.department))
    duties = await read_detours.open_duties(here.engine, seen, owner)
    forms = await read.forms(here.engine, {duty["reference"] for duty in duties})
    items = [duty | {"task": mask_of(forms.get(duty["reference"])).text(duty["task"])} for duty in duties]
    return {"masked": True, "items": items}
