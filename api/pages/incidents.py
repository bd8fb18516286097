"""The incident room: the responses to major complaints, and for each its launch, log, tasks, complaints and report."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api import acting
from api.access import visible
from api.pages.acting import forms_of
from api.pages.offers import allowed
from api.pages.page import Problem, Reader, Reads
from api.routes import incidents
from api.routes.incidents import IncidentId, Number
from api.staff_page import StaffRoute
from complaints.access import Parts
from complaints.errors import Refused
from complaints.names import Role, Stage, case_of, incident_id
from complaints.procedure import INCIDENT_CLOCKS as CLOCKS
from complaints.records import Actor
from policies.access import TABLE
from register import read, read_access, read_detours
from register.tables import Staff

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Json = dict[str, Any]
ON_PAGE = 100
After = Annotated[int, Query(ge=0, le=1_000_000)]

ACTS = (
    ("acknowledgement", "acknowledge_major"), ("log", "log_major"), ("tasks", "give_task"), ("done", "finish_task"),
    ("answer", "answer_publicly"), ("report", "report_major"), ("handover", "hand_over_major"),
    ("standdown", "stand_down"),
)  # fmt: skip
"""What can be done in the room, in the order of the page: the last word of the form's address, and the act."""


@router.get("/desk/incidents")
async def responses(reader: Reads) -> Response:
    """All responses: those nobody has acknowledged, those under way, those that are over."""
    rows = await read_detours.incidents(reader.here.engine, visible("incidents", reader.who))
    groups: dict[str, list[Json]] = {"waiting": [], "under_way": [], "over": []}
    for row in rows:
        groups[_state(row)].append(row)
    return reader.page("incidents.html", {**groups, "here": "incidents"})


@router.get("/desk/incidents/{incident}")
async def room(incident: IncidentId, reader: Reads, after: After = 0) -> Response:
    """One response."""
    return await _room(reader, incident, None, after)


@router.get("/desk/incidents/{incident}/print")
async def printable(incident: IncidentId, reader: Reads) -> Response:
    """The response on paper: everything of it, and its report."""
    case = await _led(reader, incident)
    values = await _values(reader, case, 0, 1000)
    return reader.page("incident_print.html", values)


@router.get("/desk/incidents/{incident}/tasks/{number}")
async def task(incident: IncidentId, number: Number, reader: Reads) -> Response:
    """One task, for whoever was given it."""
    return await _task(reader, incident, number, None)


async def show(reader: Reader, incident: str, problem: Problem | None) -> Response:
    """The page a refused form stands on: the room, or the task for who sees no more than that."""
    number = reader.request.path_params.get("number")
    if number is not None and not reader.may("GET", "/incidents/{incident}"):
        return await _task(reader, incident, int(number), problem)
    return await _room(reader, incident, problem, 0)


async def _room(reader: Reader, incident: str, problem: Problem | None, after: int) -> Response:
    here, who = reader.here, reader.who
    case = await _led(reader, incident)
    parts = await read_access.parts(here.engine, case["reference"])
    assert parts is not None
    staff = [s for s in await read.staff(here.engine) if s.state == "working"]
    values = await _values(reader, case, after, ON_PAGE) | {
        "offers": _offers(case, who, parts, problem),
        "leaders": _named(staff, [Role.manager]),
        "owners": _named(staff, TABLE.roles("finish_task")),
        "problem": problem,
        "here": "incidents",
    }
    return reader.page("incident.html", values, problem.status if problem else 200)


async def _task(reader: Reader, incident: str, number: int, problem: Problem | None) -> Response:
    case = await _led(reader, incident)
    found = [t for t in case["incident"]["tasks"] if t["number"] == number]
    if not found or not (found[0]["owner"] == reader.who.username or reader.may("GET", "/incidents/{incident}")):
        raise Refused("unknown", f"no task {number}")
    open_now = found[0]["done_at"] is None and _state(case["incident"]) == "under_way" and not _closed(case)
    parts = await read_access.parts(reader.here.engine, case["reference"])
    values = {
        "case": case, "incident": case["incident"], "task": found[0], "clocks": _clocks(case), "problem": problem,
        "may_finish": open_now and parts is not None and allowed("finish_task", reader.who, parts),
    }  # fmt: skip
    return reader.page("incident_task.html", values, problem.status if problem else 200)


async def _led(reader: Reader, incident: str) -> Json:
    """The case whose response that is."""
    reference = case_of(incident)
    case = await acting.case(reader.here, reference)
    if incident != incident_id(reference) or case.get("incident") is None:
        raise Refused("unknown", f"no major-complaint response {incident}")
    return case


async def _values(reader: Reader, case: Json, after: int, most: int) -> Json:
    """What the room and its printed report both show."""
    incident, engine = case["incident"], reader.here.engine
    belonging = [case["reference"], *incident["members"]]
    clocks = _clocks(case)
    return {
        "case": case,
        "incident": incident,
        "state": _state(incident),
        "clocks": clocks,
        "launch": [clock for name, clock in clocks.items() if name.startswith("major_response")][-1],
        "answers": [(answer, _approval(case, answer["approval"])) for answer in incident["answers"]],
        "members": await read_detours.members(engine, belonging, after, most),
        "belonging": len(belonging),
        "after": after,
        "most": most,
        "departments": await read.departments(engine),
    }


def _state(incident: Json) -> str:
    """Whether it waits to be acknowledged, is under way, or over; of the register's row or the case's JSON."""
    if incident["stood_down_at"] or incident.get("reported_at") or incident.get("report"):
        return "over"
    return "under_way" if incident["acknowledged_at"] else "waiting"


def _closed(case: Json) -> bool:
    return bool(case["stage"] == Stage.closed and not case["lingers"])


def _clocks(case: Json) -> dict[str, Json]:
    return {clock["name"]: clock for clock in case["clocks"] if clock["name"].startswith(CLOCKS)}


def _approval(case: Json, identifier: str) -> Json:
    found: Json = next(a for a in case["approvals"] if a["id"] == identifier)
    return found


def _offers(case: Json, who: Actor, parts: Parts, problem: Problem | None) -> list[str]:
    """What can be done now by that person; and what was refused just now, so that nothing that was typed is lost."""
    incident, state = case["incident"], _state(case["incident"])
    waiting = [t for t in incident["tasks"] if t["done_at"] is None]
    asked = any(_approval(case, answer["approval"])["decision"] is None for answer in incident["answers"])
    holds = {
        "acknowledgement": state == "waiting",
        "done": bool(waiting),
        "answer": not asked,
        "report": not waiting,
    }
    now = not _closed(case) and case["incident_of"] is None
    refused = problem.action.rsplit("/", 1)[-1] if problem and problem.status != 403 else None
    return [
        name
        for name, act in ACTS
        if allowed(act, who, parts)
        and (name == refused or (now and holds.get(name, True) and (name == "acknowledgement" or state == "under_way")))
    ]


def _named(staff: list[Staff], roles: list[Role]) -> list[tuple[str, str]]:
    """Those who hold one of these roles, to choose from."""
    return [(s.username, f"{s.name} · {s.username}") for s in staff if any(role in s.roles for role in roles)]


forms_of(incidents.router, router, "incident", show, "desk/incidents/{}")
