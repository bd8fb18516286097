"""One incident, many complaints: they join by rule or by hand, get its public answer, and are each answered."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue

from complaints.case import Case
from complaints.checks import WORKED_ON, fault, in_stage
from complaints.detours import pause, plan
from complaints.detours.incident import tell_all, under_way
from complaints.errors import Refused
from complaints.form import Line, Text
from complaints.messages import Act, Body
from complaints.names import Kind, Stage, case_of, incident_id
from complaints.procedure import (
    acceptance_key,
    begin_approval,
    declare_major,
    may_go_to_feedback,
    response_clock,
    running,
)
from complaints.records import PROCESS, Approval, Redress, Resolution
from complaints.sla import stop
from complaints.turns import Errand, News, PublicAnswer


class PublicAnswerBody(Body):
    """The answer for all complaints of the event; `reply` is what each complainant reads."""

    findings: Text
    responsibility: Text
    measures: Text
    root_cause: Line
    reply: Text


class JoinBody(Body):
    """The major incident a complaint belongs to."""

    incident: Annotated[str, Field(pattern=r"^CMP-[0-9]{4}-[0-9]{6,12}-M1$")]
    reason: Text


class LeaveBody(Body):
    """Why the complaint does not belong to the incident."""

    reason: Text


class Leave(Act, LeaveBody):
    """Let the complaint leave the incident."""


class AnswerAll(Act, PublicAnswerBody):
    """Propose the public answer."""


class Join(Act, JoinBody):
    """Let the complaint belong to an incident."""


def answer_all(case: Case, act: AnswerAll, now: datetime) -> None:
    """The public answer is proposed; a second manager approves it once for all complaints of the event."""
    incident = under_way(case)
    if any(a.purpose == "public_answer" for a in case.open_approvals):
        raise Refused("wrong_stage", "a public answer waits for its approval")
    why = [f"public answer for {len(incident.members) + 1} complaints"]
    approval = begin_approval(case, "public_answer", "manager", why, act.by.username, now)
    written = act.model_dump(exclude={"by", "request_id"})
    incident.answers.append(PublicAnswer(at=now, by=act.by.username, approval=approval.id, **written))


def answer_decided(case: Case, approval: Approval, now: datetime) -> None:
    """Approved, every complaint of the event is answered with it; rejected, another one can be proposed."""
    incident = case.incident
    if approval.decision != "approve" or incident is None:
        return
    answer = next(a for a in incident.answers if a.approval == approval.id)
    answer.approved_at = now
    case.note("public_answer_given", answer.by, now, {"complaints": len(incident.members) + 1})
    tell_all(case, News(kind="public_answer", reference=case.reference, by=answer.by, answer=answer))
    case.public_answer = answer
    use_public_answer(case, now)


def use_public_answer(case: Case, now: datetime) -> None:
    """Answer this complaint with the public answer, unless it has gone further on its own."""
    answer = case.public_answer
    if answer is None or case.stage not in WORKED_ON:
        return
    case.public_answer = None
    pause.end(case, PROCESS, "answered publicly", now)
    plan.not_needed(case, PROCESS, "answered publicly", now)
    if (waiting := running(case, acceptance_key(case))) is not None:
        stop(waiting, now)  # nobody has to take up what is answered
    written = answer.model_dump(include={"by", "findings", "responsibility", "measures", "root_cause", "reply"})
    case.resolutions.append(Resolution(at=now, round=case.round, redress=Redress(kind="none"), **written))
    data: dict[str, JsonValue] = {"incident": incident_id(case.incident_of or case.reference)}
    case.note("answered_publicly", answer.by, now, data, case.recipients(["handler"]))
    may_go_to_feedback(case, now)


def join(case: Case, act: Join, now: datetime) -> None:
    """A person says that the complaint belongs to an incident."""
    in_stage(case, "incident")
    lead = case_of(act.incident)
    if lead == case.reference:
        raise fault("incident", "itself", "this is the complaint the incident began with")
    if case.incident_of is not None:
        raise Refused("wrong_stage", f"it belongs to {incident_id(case.incident_of)} already")
    own = case.incident
    if own is not None and not own.over() and (own.members or own.acknowledged_at):
        raise Refused("wrong_stage", f"its own response {own.id} is under way; stand it down first")
    if own is not None and not own.over():
        own.stood_down_at, own.stood_down_by, own.stood_down_why = now, act.by.username, act.reason
    belong(case, lead, act.by.username, act.reason, now)


def leave(case: Case, act: Leave, now: datetime) -> None:
    """It was taken for one of the event, and is not."""
    in_stage(case, "incident")
    if case.incident_of is None:
        raise Refused("wrong_stage", "it belongs to no incident")
    gone = News(kind="member_leaves", reference=case.reference, by=act.by.username)
    case.errands.append(Errand(to=case.incident_of, news=gone))
    left(case, now, act.by.username, act.reason)


def belong(case: Case, lead: str, who: str, why: str, now: datetime) -> None:
    """From now on the complaint belongs to the incident of `lead`, which is told."""
    case.incident_of = lead
    case.note("incident_joined", who, now, {"incident": incident_id(lead), "why": why})
    case.errands.append(Errand(to=lead, news=News(kind="member_joins", reference=case.reference, by=who)))


def left(case: Case, now: datetime, who: str = PROCESS, why: str = "its response is over") -> None:
    """It belongs to the incident no longer: what is major by itself needs a response of its own."""
    if case.incident_of is None:
        return
    case.note("incident_left", who, now, {"incident": incident_id(case.incident_of), "why": why})
    case.incident_of, case.incident, case.public_answer = None, None, None
    if Kind.major in case.kinds and case.stage is not Stage.closed:
        declare_major(case, PROCESS, now, since=now)


def hear(case: Case, news: News, now: datetime) -> None:
    """What the complaint of the incident, or one that belongs to it, has to say."""
    match news.kind:
        case "member_joins":
            _welcome(case, news, now)
        case "member_leaves":
            if case.incident is not None and news.reference in case.incident.members:
                case.incident.members.remove(news.reference)
                case.note("member_left", news.by, now, {"member": news.reference})
        case _ if case.incident_of != news.reference:
            return  # it has left that incident, and may belong to another
        case "incident_launched":
            if "major_response" in case.clocks and (clock := response_clock(case)).stopped_at is None:
                stop(clock, now)
                case.note("incident_responds", news.by, now, {"incident": incident_id(news.reference)})
        case "incident_over":
            left(case, now)
        case "public_answer":
            case.public_answer = news.answer
            use_public_answer(case, now)


def _welcome(case: Case, news: News, now: datetime) -> None:
    incident, member = case.incident, news.reference
    if incident is None or incident.over():
        over = News(kind="incident_over", reference=case.reference, by=PROCESS)
        case.errands.append(Errand(to=member, news=over))
        return
    if member not in incident.members:
        incident.members.append(member)
        case.note("member_joined", news.by, now, {"member": member, "members": len(incident.members)})
    if incident.acknowledged_at is not None:
        launched = News(kind="incident_launched", reference=case.reference, by=incident.leader or PROCESS)
        case.errands.append(Errand(to=member, news=launched))
    if (answer := incident.answer()) is not None:
        given = News(kind="public_answer", reference=case.reference, by=answer.by, answer=answer)
        case.errands.append(Errand(to=member, news=given))
