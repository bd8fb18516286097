"""The response to a major complaint (R5): a named leader, log, tasks, hand-over, report, standing down.

An incident lives with the complaint that began it, outlives its closing, and can own others (mass.py).
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue

from complaints import messages as m
from complaints.case import Case
from complaints.checks import fault
from complaints.clock import Limit, Unit
from complaints.errors import Refused
from complaints.form import Line, Text
from complaints.messages import Act, Body
from complaints.names import Role, incident_id
from complaints.overtaken import lapse_approval
from complaints.procedure import response_clock, start_clock
from complaints.records import Recipient
from complaints.sla import stop
from complaints.turns import Errand, Handover, Incident, IncidentEntry, News
from complaints.turns import Task as TaskRecord


class TaskBody(Body):
    """Something to be done by a named person; `hours` instead of the rule's own time."""

    owner: Line
    text: Text
    hours: Annotated[int, Field(ge=1, le=24 * 30, strict=True)] | None = None


class TaskDoneBody(Body):
    """What came of it."""

    result: Text


class HandOverBody(Body):
    """Who leads from now on, and why."""

    leader: Line
    reason: Text


class StandDownBody(Body):
    """Why the response ends without a report."""

    reason: Text


class GiveTask(Act, TaskBody):
    """Give a task."""


class FinishTask(Act, TaskDoneBody):
    """The task of that number is done."""

    number: int


class HandOver(Act, HandOverBody):
    """Hand the leadership over."""


class StandDown(Act, StandDownBody):
    """Stand the response down."""


def acknowledge(case: Case, act: m.Acknowledge, now: datetime) -> None:
    """A senior manager takes up a major complaint by name; that stops the two-hour clock."""
    incident = _incident(case)
    if incident.acknowledged_at is not None:
        raise Refused("wrong_stage", f"acknowledged by {incident.acknowledged_by} before")
    _not_stood_down(case, incident)
    incident.acknowledged_at, incident.acknowledged_by = now, act.by.username
    incident.leader = act.leader or act.by.username
    stop(response_clock(case), now)
    case.note("major_acknowledged", act.by.username, now, {"leader": incident.leader})
    tell_all(case, News(kind="incident_launched", reference=case.reference, by=incident.leader))


def log_action(case: Case, act: m.LogAction, now: datetime) -> None:
    """The response group writes down what it did; what is learnt after the report may be added to it."""
    incident = _launched(case)
    _not_stood_down(case, incident)
    incident.log.append(IncidentEntry(at=now, by=act.by.username, kind=act.kind, text=act.text))
    case.note("major_logged", act.by.username, now, {"entry": len(incident.log), "kind": act.kind})


def give_task(case: Case, act: GiveTask, now: datetime) -> None:
    """Somebody is to do something, on a clock of its own."""
    incident = under_way(case)
    if "incident_task" not in case.rules.clocks:
        raise Refused("wrong_stage", f"the rules of this case ({case.rules.version}) know no tasks")
    number = len(incident.tasks) + 1
    key, limit = f"incident_task_{number}", Limit(amount=act.hours, unit=Unit.hours) if act.hours else None
    clock = start_clock(case, "incident_task", now, key, limit)
    incident.tasks.append(
        TaskRecord(number=number, at=now, by=act.by.username, owner=act.owner, text=act.text, clock=key)
    )
    data: dict[str, JsonValue] = {"task": number, "owner": act.owner, "hours": act.hours}
    data["due_at"] = clock.due_at.isoformat()
    case.note("major_task_given", act.by.username, now, data, [Recipient(username=act.owner)])


def finish_task(case: Case, act: FinishTask, now: datetime) -> None:
    """Its owner, or a manager for them, says what came of it."""
    incident = under_way(case)
    if not 1 <= act.number <= len(incident.tasks):
        raise Refused("unknown", f"no task {act.number}")
    task = incident.tasks[act.number - 1]
    if act.by.username != task.owner and not act.by.has(Role.manager):
        raise Refused("not_yours", f"task {task.number} is with {task.owner}")
    if task.done_at is not None:
        raise Refused("wrong_stage", f"done by {task.done_by} before")
    task.done_at, task.done_by, task.result = now, act.by.username, act.result
    stop(case.clocks[task.clock], now)
    tell = [Recipient(username=incident.leader)] if incident.leader else []
    case.note("major_task_done", act.by.username, now, {"task": task.number}, tell)


def hand_over(case: Case, act: HandOver, now: datetime) -> None:
    """Another senior manager leads from now on."""
    incident = under_way(case)
    if act.leader == incident.leader:
        raise fault("leader", "same_person", "leads it already")
    before = incident.leader or ""
    incident.handovers.append(Handover(at=now, by=act.by.username, leader=before, follower=act.leader, why=act.reason))
    incident.leader = act.leader
    tell = [Recipient(username=u) for u in (before, act.leader) if u]
    case.note("major_handed_over", act.by.username, now, {"from": before, "to": act.leader}, tell)


def report(case: Case, act: m.Report, now: datetime) -> None:
    """The response ends with its report."""
    incident = _launched(case)
    if incident.report is not None:
        raise Refused("wrong_stage", "the report was made before")
    _not_stood_down(case, incident)
    if waiting := [str(t.number) for t in incident.tasks if t.done_at is None]:
        raise Refused("wrong_stage", f"not done yet: task {', '.join(waiting)}")
    incident.report = IncidentEntry(at=now, by=act.by.username, kind="report", text=act.text)
    _forget_answer(case, now)
    case.note("major_reported", act.by.username, now)


def stand_down(case: Case, act: StandDown, now: datetime) -> None:
    """It is no major incident, or no longer: the response ends, its complaints go on as ordinary ones."""
    _end(case, under_way(case), act.by.username, act.reason, now)


def no_longer_major(case: Case, who: str, why: str, now: datetime) -> None:
    """The classification was corrected: there is nothing to respond to, unless others have joined."""
    if "major_response" in case.clocks and (clock := response_clock(case)).stopped_at is None:
        stop(clock, now)
        if case.rules.edition < 2 or case.incident is None:
            case.note("major_stood_down", who, now)
    incident = case.incident
    if case.rules.edition >= 2 and incident and not incident.over() and not incident.members:
        _end(case, incident, who, why, now)


def _end(case: Case, incident: Incident, who: str, why: str, now: datetime) -> None:
    incident.stood_down_at, incident.stood_down_by, incident.stood_down_why = now, who, why
    for clock in [response_clock(case), *(case.clocks[t.clock] for t in incident.tasks)]:
        stop(clock, now)
    _forget_answer(case, now)
    data: dict[str, JsonValue] = {"members": len(incident.members), "why": why}
    # Before somebody leads it, all managers have been called.
    tell = [Recipient(username=incident.leader)] if incident.leader else case.recipients(["manager"])
    case.note("major_stood_down", who, now, data, tell)
    tell_all(case, News(kind="incident_over", reference=case.reference, by=who))
    incident.members = []


def _forget_answer(case: Case, now: datetime) -> None:
    """A public answer nobody has approved by the end of the response is given to nobody."""
    for asked in case.open_approvals:
        if asked.purpose == "public_answer":
            lapse_approval(case, asked, now)


def tell_all(case: Case, news: News) -> None:
    """Tell every complaint of the event."""
    for member in case.incident.members if case.incident else []:
        case.errands.append(Errand(to=member, news=news))


def _incident(case: Case) -> Incident:
    if case.incident_of is not None:
        raise Refused("wrong_stage", f"it belongs to {incident_id(case.incident_of)}, which is led there")
    if case.incident is None:
        raise Refused("unknown", "no major-complaint response on this case")
    if case.over:
        raise Refused("wrong_stage", "the case is closed")
    return case.incident


def _launched(case: Case) -> Incident:
    incident = _incident(case)
    if incident.acknowledged_at is None:
        raise Refused("wrong_stage", "acknowledge it first")
    return incident


def _not_stood_down(case: Case, incident: Incident) -> None:
    if case.rules.edition >= 3 and incident.stood_down_at is not None:
        raise Refused("wrong_stage", "the response has ended")


def under_way(case: Case) -> Incident:
    """The response, launched and not over; refused otherwise."""
    incident = _launched(case)
    if incident.over():
        raise Refused("wrong_stage", "the response has ended")
    return incident
