"""What a person's act does to a case, and when it is refused. Pure: `now` is given, the case is changed in place.

Each function first refuses (errors.Refused, nothing changed), then acts. A workflow's validator runs the same
function on a copy, so that what is checked and what is done can never differ.
"""

from datetime import datetime, timedelta

from complaints import messages as m
from complaints.approving import LEVELS, level_of
from complaints.case import Case
from complaints.errors import FieldError, Refused
from complaints.names import Kind, Role, Stage
from complaints.procedure import ask_approval, declare_major, give, may_go_to_feedback, running
from complaints.records import (
    CUSTOMER,
    Actor,
    CallbackAttempt,
    Correction,
    Feedback,
    Incident,
    IncidentEntry,
    Note,
    Recipient,
)
from complaints.records import Resolution as ResolutionRecord
from complaints.sla import stop

OPEN: list[Stage] = [s for s in Stage if s is not Stage.closed]
HANDLED: list[Stage] = [Stage.assigned, Stage.in_progress, Stage.awaiting_approval]

POSSIBLE: dict[str, list[Stage]] = {
    "classification": [Stage.received, Stage.classified, *HANDLED],
    "assignment": [Stage.classified, *HANDLED],
    "acceptance": [Stage.assigned],
    "resolution": [Stage.in_progress],
    "decision": [Stage.awaiting_approval],
    "feedback": [Stage.feedback],
    "callback": [Stage.callback],
    "withdrawal": OPEN,
    "note": OPEN,
}
"""The stages in which each act makes sense."""


def possible(stage: Stage) -> list[str]:
    """The acts that make sense in that stage."""
    return [act for act, stages in POSSIBLE.items() if stage in stages]


def correct(case: Case, act: m.Correct, now: datetime) -> None:
    """Correct or confirm the classification; the one it replaces is kept."""
    _in_stage(case, "classification")
    _by(act.by, Role.agent, Role.supervisor)
    before = case.classification
    if before is None:
        raise Refused("wrong_stage", "the classification is still being made", possible=possible(case.stage))
    kinds = before.kinds if act.kinds is None else list(dict.fromkeys(act.kinds))
    if (Kind.anonymous in kinds) != case.anonymous:
        message = "a complaint is anonymous when it has no complainant, and only then"
        raise Refused("invalid", message, errors=[FieldError(field="kinds", code="contradiction", message=message)])
    after = before.model_copy(
        update={
            "nature": act.nature or before.nature,
            "urgency": act.urgency or before.urgency,
            "kinds": kinds,
            "confidence": 1.0,
            "is_complaint": True,
        }
    )
    case.corrections.append(Correction(at=now, by=act.by.username, reason=act.reason, before=before))
    case.classification, case.confirm = after, False
    case.note(
        "classification_corrected"
        if after.model_copy(update={"confidence": before.confidence}) != before
        else "classification_confirmed",
        act.by.username,
        now,
        {"nature": after.nature, "urgency": after.urgency, "kinds": list(after.kinds)},
    )
    if Kind.major in kinds and Kind.major not in before.kinds:
        declare_major(case, act.by.username, now)
    if Kind.major not in kinds and (clock := case.clocks.get("major_response")) and clock.stopped_at is None:
        stop(clock, now)
        case.note("major_stood_down", act.by.username, now)


def assign(case: Case, act: m.Assign, now: datetime) -> None:
    """Give the case to another department or handler; the work done so far stays."""
    _in_stage(case, "assignment")
    _by(act.by, Role.supervisor)
    give(case, act.department, act.handler, act.reason, act.by.username, now)


def accept(case: Case, act: m.Accept, now: datetime) -> None:
    """The handler, or anybody of the department while it is in the queue, takes the case."""
    _in_stage(case, "acceptance")
    _by(act.by, Role.handler)
    held = case.assignment
    assert held is not None  # there is one in stage assigned
    if held.handler not in (None, act.by.username):
        raise Refused("not_yours", f"assigned to {held.handler}; a supervisor can assign it to you")
    if held.handler is None and act.by.department != held.department:
        raise Refused("not_yours", f"it waits in the queue of {held.department}")
    held.handler, held.accepted_by, held.accepted_at = act.by.username, act.by.username, now
    for name in ("acceptance", "first_response"):
        if (clock := running(case, name)) is not None:
            stop(clock, now)
    case.stage = Stage.in_progress
    case.note("accepted", act.by.username, now, {"department": held.department})


def resolve(case: Case, act: m.Resolve, now: datetime) -> None:
    """The handler submits what was found and done; it goes to approval where the rules ask for it."""
    _in_stage(case, "resolution")
    _by(act.by, Role.handler)
    _holder(case, act.by)
    case.resolutions.append(
        ResolutionRecord(
            at=now, by=act.by.username, **act.model_dump(exclude={"by", "request_id", "redress"}), redress=act.redress
        )
    )
    amount = act.redress.amount
    case.note(
        "resolved",
        act.by.username,
        now,
        {
            "redress": act.redress.kind,
            "amount": f"{amount.value} {amount.currency}" if amount else None,
            "root_cause": act.root_cause,
        },
    )
    if not ask_approval(case, now):
        may_go_to_feedback(case, now)


def decide(case: Case, act: m.Decide, now: datetime) -> None:
    """An approver approves or rejects; nobody decides on their own work."""
    asked = next((a for a in case.approvals if a.id == act.approval_id), None)
    if asked is None:
        raise Refused("unknown", f"no approval {act.approval_id}")
    if asked.decision is not None:
        raise Refused(
            "wrong_stage", f"already decided by {asked.decided_by}: {asked.decision}", possible=possible(case.stage)
        )
    _in_stage(case, "decision")
    _by(act.by, Role.supervisor, Role.manager)
    held = case.assignment
    if act.by.username in (asked.by, held.handler if held else None):
        raise Refused("own_work", "nobody approves their own work")
    if LEVELS.index(level_of(act.by)) < LEVELS.index(asked.needs):
        raise Refused("not_allowed", f"this needs {asked.needs}: {'; '.join(asked.why)}")
    asked.decision, asked.decided_at, asked.decided_by, asked.reason = act.decision, now, act.by.username, act.reason
    stop(case.clocks[asked.clock], now)
    tell = [Recipient(username=asked.by)]
    if act.decision == "approve":
        case.note("approved", act.by.username, now, {"approval": asked.id}, tell)
        may_go_to_feedback(case, now)
    else:
        case.stage = Stage.in_progress
        case.note("rejected", act.by.username, now, {"approval": asked.id, "reason": act.reason}, tell)


def withdraw(case: Case, act: m.Withdraw, now: datetime) -> None:
    """The complainant withdraws; the record stays."""
    _in_stage(case, "withdrawal")
    _by(act.by, Role.agent, Role.handler, customer=True)
    if case.withdrawn:
        raise Refused("wrong_stage", "it was withdrawn before", possible=[])
    case.withdrawn = Note(at=now, by=act.by.username, text=act.reason)
    if (approval := case.open_approval) is not None:
        stop(case.clocks[approval.clock], now)
    holder = case.assignment.handler if case.assignment else None
    case.note("withdrawn", act.by.username, now, {}, [Recipient(username=holder)] if holder else [])


def add_note(case: Case, act: m.AddNote, now: datetime) -> None:
    """A fact or remark is added."""
    _in_stage(case, "note")
    _by(act.by, Role.agent, Role.handler, Role.supervisor, Role.manager, customer=True)
    case.notes.append(Note(at=now, by=act.by.username, text=act.text))
    case.note("noted", act.by.username, now, {"number": len(case.notes)})


def tell_result(case: Case, act: m.TellResult, now: datetime) -> None:
    """A person has told the result by telephone, at the counter, or by another way."""
    _in_stage(case, "feedback")
    _by(act.by, Role.agent, Role.handler)
    if case.anonymous:
        raise Refused("invalid", "an anonymous complaint has nobody to be told; its result is published")
    case.feedbacks.append(Feedback(at=now, way=act.way, by=act.by.username, answer=act.answer))


def call_back(case: Case, act: m.CallBack, now: datetime) -> None:
    """An attempt to reach the complainant; attempts keep their distance."""
    _in_stage(case, "callback")
    _by(act.by, Role.agent, customer=True)
    rule = case.rules.callback
    if act.reached and act.satisfaction is None:
        message = "ask for the satisfaction, 1 to 5, when the customer was reached"
        raise Refused("invalid", message, errors=[FieldError(field="satisfaction", code="required", message=message)])
    if not act.reached and (act.satisfaction is not None or act.nps is not None):
        message = "nobody was reached, so nobody can have rated"
        raise Refused(
            "invalid", message, errors=[FieldError(field="satisfaction", code="contradiction", message=message)]
        )
    this_round = [a for a in case.callbacks if a.round == case.round]
    if this_round and not act.reached:
        earliest = this_round[-1].at + timedelta(hours=rule.hours_between)
        if now < earliest:
            raise Refused("too_soon", f"attempts keep {rule.hours_between} h apart; next from {earliest.isoformat()}")
    number = len(case.callbacks) + 1
    case.callbacks.append(
        CallbackAttempt(
            number=number,
            round=case.round,
            at=now,
            by=act.by.username,
            **act.model_dump(include={"reached", "satisfaction", "nps", "words"}),
        )
    )
    case.note(
        "called_back" if act.reached else "not_reached",
        act.by.username,
        now,
        {"attempt": len(this_round) + 1, "satisfaction": act.satisfaction, "nps": act.nps},
    )


def acknowledge(case: Case, act: m.Acknowledge, now: datetime) -> None:
    """A senior manager takes up a major complaint by name; that stops the two-hour clock."""
    incident = _incident(case)
    _by(act.by, Role.manager)
    if incident.acknowledged_at is not None:
        raise Refused("wrong_stage", f"acknowledged by {incident.acknowledged_by} before")
    incident.acknowledged_at, incident.acknowledged_by = now, act.by.username
    incident.leader = act.leader or act.by.username
    stop(case.clocks["major_response"], now)
    case.note("major_acknowledged", act.by.username, now, {"leader": incident.leader})


def log_action(case: Case, act: m.LogAction, now: datetime) -> None:
    """The response group writes down what it did."""
    incident = _launched(case)
    _by(act.by, Role.manager)
    incident.log.append(IncidentEntry(at=now, by=act.by.username, kind=act.kind, text=act.text))
    case.note("major_logged", act.by.username, now, {"entry": len(incident.log), "kind": act.kind})


def report(case: Case, act: m.Report, now: datetime) -> None:
    """The response group closes with its report."""
    incident = _launched(case)
    _by(act.by, Role.manager)
    incident.report = IncidentEntry(at=now, by=act.by.username, kind="report", text=act.text)
    case.note("major_reported", act.by.username, now)


def _in_stage(case: Case, act: str) -> None:
    if case.stage not in POSSIBLE[act] or (case.withdrawn and act != "withdrawal"):
        raise Refused("wrong_stage", f"no {act} in stage {case.stage}", possible=possible(case.stage))


def _by(actor: Actor, *roles: Role, customer: bool = False) -> None:
    if not actor.has(*roles) and not (customer and actor.username == CUSTOMER):
        raise Refused("not_allowed", f"for {' or '.join(roles)}")


def _holder(case: Case, actor: Actor) -> None:
    held = case.assignment
    if held is None or held.handler != actor.username:
        raise Refused("not_yours", f"the case is with {held.handler if held else 'nobody'}")


def _incident(case: Case) -> Incident:
    if case.incident is None:
        raise Refused("unknown", "no major-complaint response on this case")
    if case.stage is Stage.closed:
        raise Refused("wrong_stage", "the case is closed")
    return case.incident


def _launched(case: Case) -> Incident:
    incident = _incident(case)
    if incident.acknowledged_at is None:
        raise Refused("wrong_stage", "acknowledge it first")
    return incident
