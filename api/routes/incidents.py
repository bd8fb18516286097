"""The response to major complaints, and the events that many complaints belong to."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api import acting
from api.access import IDENTIFIERS, Who, visible
from api.acting import act, message_fields
from api.checks import known_person
from api.routes.complaints import Here, Key
from complaints import messages as m
from complaints.detours import incident as response
from complaints.detours import mass
from complaints.errors import Refused
from complaints.names import Role, case_of, incident_id
from complaints.procedure import INCIDENT_CLOCKS as CLOCKS
from policies.access import TABLE
from register import read_detours

router = APIRouter(tags=["incidents"])
Json = dict[str, Any]
IncidentId = Annotated[str, Path(pattern=IDENTIFIERS["incident"])]
Number = Annotated[int, Path(ge=1, le=9999)]


@router.get("/incidents")
async def list_incidents(here: Here, who: Who) -> Json:
    """Major-complaint responses, those nobody has acknowledged first."""
    return {"items": await read_detours.incidents(here.engine, visible("incidents", who))}


@router.post("/incidents/{incident}/acknowledgement")
async def acknowledge(
    incident: IncidentId, here: Here, who: Who, body: m.AcknowledgementBody | None = None, key: Key = None
) -> Json:
    """Launch the response, naming its leader."""
    message = m.Acknowledge(**message_fields(body or m.AcknowledgementBody(), who, key))
    return await act(here, _case(incident), "acknowledge_major", message)


@router.post("/incidents/{incident}/log")
async def log(incident: IncidentId, body: m.LogBody, here: Here, who: Who, key: Key = None) -> Json:
    """Write down an action or a contact."""
    return await act(here, _case(incident), "log_major", m.LogAction(**message_fields(body, who, key)))


@router.post("/incidents/{incident}/report")
async def report(incident: IncidentId, body: m.ReportBody, here: Here, who: Who, key: Key = None) -> Json:
    """Close the response with its report."""
    return await act(here, _case(incident), "report_major", m.Report(**message_fields(body, who, key)))


@router.get("/incidents/{incident}")
async def read_incident(incident: IncidentId, here: Here, who: Who) -> Json:
    """One response: leader, log, tasks, the complaints that belong to it, answer and report."""
    lead = await acting.case(here, _case(incident))
    if lead.get("incident") is None:
        raise Refused("unknown", f"no major-complaint response {incident}")
    shown = {
        "masked": True,
        "reference": lead["reference"],
        "clocks": [c for c in lead["clocks"] if c["name"].startswith(CLOCKS)],
    }
    return {**lead["incident"], **shown}


@router.post("/incidents/{incident}/tasks")
async def give_task(incident: IncidentId, body: response.TaskBody, here: Here, who: Who, key: Key = None) -> Json:
    """Give somebody of the response group something to do, by when."""
    await known_person(here, body.owner, "owner", *TABLE.roles("finish_task"))
    return await act(here, _case(incident), "give_task", response.GiveTask(**message_fields(body, who, key)))


@router.post("/incidents/{incident}/tasks/{number}/done")
async def finish_task(
    incident: IncidentId, number: Number, body: response.TaskDoneBody, here: Here, who: Who, key: Key = None
) -> Json:
    """Say what came of a task."""
    message = response.FinishTask(number=number, **message_fields(body, who, key))
    return await act(here, _case(incident), "finish_task", message)


@router.post("/incidents/{incident}/handover")
async def hand_over(incident: IncidentId, body: response.HandOverBody, here: Here, who: Who, key: Key = None) -> Json:
    """Hand the leadership over to another manager."""
    await known_person(here, body.leader, "leader", Role.manager)
    return await act(here, _case(incident), "hand_over_major", response.HandOver(**message_fields(body, who, key)))


@router.post("/incidents/{incident}/answer")
async def answer_publicly(
    incident: IncidentId, body: mass.PublicAnswerBody, here: Here, who: Who, key: Key = None
) -> Json:
    """Propose the answer for all complaints of the event; a second manager approves it once."""
    return await act(here, _case(incident), "answer_publicly", mass.AnswerAll(**message_fields(body, who, key)))


@router.post("/incidents/{incident}/standdown")
async def stand_down(incident: IncidentId, body: response.StandDownBody, here: Here, who: Who, key: Key = None) -> Json:
    """End the response without a report: it is no major incident, or no longer."""
    return await act(here, _case(incident), "stand_down", response.StandDown(**message_fields(body, who, key)))


def _case(incident: str) -> str:
    """The complaint of an incident; a case has one, and another number is not it."""
    if incident != incident_id(reference := case_of(incident)):
        raise Refused("unknown", f"no major-complaint response {incident}")
    return reference
