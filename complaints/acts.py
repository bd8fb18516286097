"""What a person's act does to a case, and when it is refused. Pure: `now` is given, the case is changed in place.

Each function first refuses (errors.Refused, nothing changed), then acts. A workflow's validator runs the same
function on a copy, so that what is checked and what is done can never differ. What does not go straight (extension,
pause, transfer …) has its acts in detours/.
"""

from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from complaints import messages as m
from complaints.approving import may_decide, raise_level, undecided
from complaints.case import Case
from complaints.checks import fault, holder, in_stage, no_rule, possible
from complaints.detours import extension, incident, mass, pause, plan
from complaints.errors import Refused
from complaints.names import Kind, Stage, Urgency
from complaints.overtaken import drop_transfer
from complaints.procedure import (
    acceptance_key,
    ask_approval,
    declare_major,
    give,
    may_go_to_feedback,
    needs_plan,
    running,
    send_back,
)
from complaints.records import CUSTOMER, CallbackAttempt, Classification, Correction, Feedback, Note, Recipient, risk
from complaints.records import Resolution as ResolutionRecord
from complaints.sla import hasten, stop
from complaints.turns import LetterWanted


def correct(case: Case, act: m.Correct, now: datetime) -> None:
    """Correct or confirm the classification; the one it replaces is kept."""
    in_stage(case, "classification")
    before = case.classification
    if before is None:
        raise Refused("wrong_stage", "the classification is still being made", possible=possible(case.stage))
    kinds = before.kinds if act.kinds is None else list(dict.fromkeys(act.kinds))
    if (Kind.anonymous in kinds) != case.anonymous:
        raise fault("kinds", "contradiction", "a complaint is anonymous when it has no complainant, and only then")
    scores = _scored(case, act, before)
    after = before.model_copy(
        update={
            "nature": act.nature or before.nature,
            "urgency": act.urgency or before.urgency,
            "kinds": kinds,
            "confidence": 1.0,
            "is_complaint": True,
            **scores,
        }
    )
    data: dict[str, JsonValue] = {"nature": after.nature, "urgency": after.urgency, "kinds": list(after.kinds)}
    if scores:
        data |= {"severity": after.severity, "difficulty": after.difficulty}
        data |= {"likelihood": after.risk.likelihood, "risk": after.risk.level}
    case.corrections.append(Correction(at=now, by=act.by.username, reason=act.reason, before=before))
    case.classification, case.confirm = after, False
    case.note(
        "classification_corrected"
        if after.model_copy(update={"confidence": before.confidence}) != before
        else "classification_confirmed",
        act.by.username,
        now,
        data,
    )
    if after.urgency is Urgency.urgent and before.urgency is not Urgency.urgent:
        _hasten(case, act.by.username, now)
    if Kind.major in kinds and Kind.major not in before.kinds:
        declare_major(case, act.by.username, now)
    if Kind.major not in kinds and Kind.major in before.kinds:
        incident.no_longer_major(case, act.by.username, act.reason, now)
    needs_plan(case, now)
    if Kind.cross_department not in kinds:
        plan.not_needed(case, act.by.username, act.reason, now)
    raise_level(case, now)


def _scored(case: Case, act: m.Correct, before: Classification) -> dict[str, Any]:
    """The scores where the correction changes one, with the risk by the matrix of the case's rules."""
    severity, difficulty = act.severity or before.severity, act.difficulty or before.difficulty
    likelihood = act.likelihood or before.risk.likelihood
    if (severity, difficulty, likelihood) == (before.severity, before.difficulty, before.risk.likelihood):
        return {}
    if case.rules.matrix is None:
        raise no_rule(case, "correction of scores")
    return {"severity": severity, "difficulty": difficulty, "risk": risk(likelihood, severity, case.rules.matrix)}


def _hasten(case: Case, by: str, now: datetime) -> None:
    """It has become urgent: whoever was given it has to take it as soon as if it had been so from the assignment on."""
    key, limit = acceptance_key(case), case.rules.clocks["acceptance"].urgent
    clock = running(case, key)
    if clock is None or limit is None or case.rules.edition < 3:
        return
    old = clock.due_at
    if hasten(clock, limit, case.rules, now, by):
        data: dict[str, JsonValue] = {
            "clock": key,
            "old_due_at": old.isoformat(),
            "new_due_at": clock.due_at.isoformat(),
        }
        case.note("hastened", by, now, data, case.recipients(["handler", "supervisor"]))


def assign(case: Case, act: m.Assign, now: datetime) -> None:
    """Give the case to another department or handler; the work done so far stays."""
    in_stage(case, "assignment")
    held = case.assignment
    give(case, act.department, act.handler, act.reason, act.by.username, now)
    if case.rules.transfer and held and held.accepted_at and held.department != act.department:
        case.wanted.append(LetterWanted(kind="transfer_notice", about=len(case.assignments)))


def accept(case: Case, act: m.Accept, now: datetime) -> None:
    """The handler, or anybody of the department while it is in the queue, takes the case."""
    in_stage(case, "acceptance")
    held = case.assignment
    assert held is not None  # there is one in stage assigned
    if held.handler not in (None, act.by.username):
        raise Refused("not_yours", f"assigned to {held.handler}; a supervisor can assign it to you")
    if held.handler is None and act.by.department != held.department:
        raise Refused("not_yours", f"it waits in the queue of {held.department}")
    held.handler, held.accepted_by, held.accepted_at = act.by.username, act.by.username, now
    case.owner = case.owner or act.by.username
    for name in (acceptance_key(case), "first_response"):
        if (clock := running(case, name)) is not None:
            stop(clock, now)
    case.stage = Stage.in_progress
    case.note("accepted", act.by.username, now, {"department": held.department})


def resolve(case: Case, act: m.Resolve, now: datetime) -> None:
    """The handler submits what was found and done; it goes to approval where the rules ask for it."""
    in_stage(case, "resolution")
    holder(case, act.by)
    plan.all_done(case)
    pause.end(case, act.by.username, "resolved", now)
    drop_transfer(case, act.by.username, now)
    written = act.model_dump(exclude={"by", "request_id", "redress"})
    case.resolutions.append(
        ResolutionRecord(at=now, round=case.round, by=act.by.username, **written, redress=act.redress)
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
    asked = undecided(case, act.approval_id)
    may_decide(case, asked, act.by)
    if asked.purpose == "resolution" and act.decision == "approve":
        plan.all_done(case)
    asked.decision, asked.decided_at, asked.decided_by, asked.reason = act.decision, now, act.by.username, act.reason
    stop(case.clocks[asked.clock], now)
    tell = [Recipient(username=asked.by)]
    if act.decision == "approve":
        case.note("approved", act.by.username, now, {"approval": asked.id}, tell)
    else:
        case.note("rejected", act.by.username, now, {"approval": asked.id, "reason": act.reason}, tell)
    match asked.purpose, act.decision:
        case "extension", _:
            extension.decided(case, asked, now)
        case "public_answer", _:
            mass.answer_decided(case, asked, now)
        case _, "approve":
            may_go_to_feedback(case, now)
        case _:
            send_back(case, now)


def withdraw(case: Case, act: m.Withdraw, now: datetime) -> None:
    """The complainant withdraws; the record stays."""
    in_stage(case, "withdrawal")
    if case.withdrawn:
        raise Refused("wrong_stage", "it was withdrawn before", possible=[])
    if case.merging:
        raise Refused("wrong_stage", "it is being merged", possible=[])
    case.withdrawn = Note(at=now, by=act.by.username, text=act.reason)
    if (approval := case.open_approval) is not None:
        stop(case.clocks[approval.clock], now)
    holder = case.assignment.handler if case.assignment else None
    case.note("withdrawn", act.by.username, now, {}, [Recipient(username=holder)] if holder else [])


def add_note(case: Case, act: m.AddNote, now: datetime) -> None:
    """A fact or remark is added."""
    in_stage(case, "note")
    case.notes.append(Note(at=now, by=act.by.username, text=act.text, contact=act.contact))
    holder_told = case.recipients(["handler"]) if act.by.username == CUSTOMER else []
    case.note("noted", act.by.username, now, {"number": len(case.notes), "contact": act.contact}, holder_told)
    if act.contact and (clock := running(case, "complex")) is not None:
        stop(clock, now)
    if act.by.username == CUSTOMER:
        pause.end(case, CUSTOMER, "the complainant has answered", now)


def tell_result(case: Case, act: m.TellResult, now: datetime) -> None:
    """A person has told the result by telephone, at the counter, or by another way."""
    in_stage(case, "feedback")
    if case.anonymous:
        raise Refused("invalid", "an anonymous complaint has nobody to be told; its result is published")
    case.feedbacks.append(Feedback(at=now, round=case.round, way=act.way, by=act.by.username, answer=act.answer))


def call_back(case: Case, act: m.CallBack, now: datetime) -> None:
    """An attempt to reach the complainant; attempts keep their distance."""
    in_stage(case, "callback")
    rule = case.rules.callback
    if act.reached and act.satisfaction is None:
        raise fault("satisfaction", "required", "ask for the satisfaction, 1 to 5, when the customer was reached")
    if not act.reached and (act.satisfaction is not None or act.nps is not None):
        raise fault("satisfaction", "contradiction", "nobody was reached, so nobody can have rated")
    this_round = [a for a in case.callbacks if a.round == case.round]
    if any(a.reached for a in this_round):  # two answers at once: the stage moves only after both were checked
        raise Refused("wrong_stage", "the customer was reached before", possible=possible(case.stage))
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
