"""The process's own moves on a case: what opening, classifying, telling and closing mean. Pure, like acts.py."""

from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from complaints import sla
from complaints.approving import needed
from complaints.case import Case
from complaints.clock import Limit, count
from complaints.form import missing_facts
from complaints.names import Kind, Outcome, Role, Stage, Urgency, approval_id, incident_id
from complaints.overtaken import call_off_duties, drop_transfer, lapse_approval, lapse_extensions
from complaints.policy import CasePolicy, shared
from complaints.records import PROCESS, Approval, Assignment, Classification, Feedback, Recipient, Redress
from complaints.rule import Told
from complaints.sla import Clock
from complaints.turns import Errand, Incident, News

Purpose = Literal["resolution", "extension", "public_answer"]
PLAN = "cross_department_plan"


def start_clock(case: Case, name: str, at: datetime, key: str | None = None, limit: Limit | None = None) -> Clock:
    """Start the clock of that name; `key` tells apart several of one kind in a case."""
    found = case.classification
    urgent = found is not None and found.urgency is Urgency.urgent
    clock = sla.start(name, at, case.rules, urgent=urgent, limit=limit)
    case.clocks[key or name] = clock
    return clock


def running(case: Case, name: str) -> Clock | None:
    """That clock, if it runs."""
    clock = case.clocks.get(name)
    return clock if clock and clock.stopped_at is None else None


def receive(case: Case, policy: CasePolicy, now: datetime) -> None:
    """The case begins: its rules are frozen and its clocks run from the moment of receipt, however late it is keyed."""
    case.policy = shared(policy)
    case.incomplete = missing_facts(case.form)
    received = case.form.received_at
    for name in ("registration", "first_response", "resolution"):
        start_clock(case, name, received)
    case.note("received", case.opened_by, now, {"channel": case.form.channel, "policy": policy.version})
    if any(c.provisional for c in case.clocks.values()):
        case.note("calendar_unknown", PROCESS, now)


def classify(case: Case, classification: Classification, now: datetime) -> None:
    """Keep what the rules found; where they are not sure, a person is asked."""
    case.classification = classification
    case.note(
        "classified",
        PROCESS,
        now,
        {
            "nature": classification.nature,
            "urgency": classification.urgency,
            "kinds": list(classification.kinds),
            "confidence": classification.confidence,
        },
    )
    if Kind.major in classification.kinds:
        declare_major(case, PROCESS, now)
    needs_plan(case, now)
    found, special = classification, bool({Kind.major, Kind.cross_department} & set(classification.kinds))
    for name in ("common", "complex"):
        rule = case.rules.clocks.get(name)
        if rule is not None and (
            rule.applies is None or rule.applies.fits(found.difficulty, found.urgency, found.nature, special)
        ):
            start_clock(case, name, case.form.received_at)
    if classification.confidence < case.rules.confirm_below or not classification.is_complaint:
        case.confirm = True
        case.note("confirmation_wanted", PROCESS, now, {}, case.recipients(["agent"]))


def needs_plan(case: Case, now: datetime) -> None:
    """Several departments have to work together: a plan is due, counted from receipt, or from the round's beginning."""
    wanted = case.rules.plan is not None and Kind.cross_department in case.kinds and case.plan is None
    if not wanted or plan_clock(case):
        return
    number = 1 + sum(key.startswith(PLAN) for key in case.clocks)
    began = case.clocks[case.key("resolution")].started_at
    clock = start_clock(case, PLAN, began, PLAN if number == 1 else f"{PLAN}_{number}")
    case.note("plan_wanted", PROCESS, now, {"due_at": clock.due_at.isoformat()}, case.recipients(["handler"]))


def plan_clock(case: Case) -> Clock | None:
    """The clock of the plan that is waited for."""
    return next((c for key, c in case.clocks.items() if key.startswith(PLAN) and c.stopped_at is None), None)


def acceptance_key(case: Case) -> str:
    """Under which key the clock of the present assignment is kept; an earlier one stays as it ended."""
    number = len(case.assignments)
    return "acceptance" if number <= 1 or case.rules.edition < 2 else f"acceptance_{number}"


def give(case: Case, department: str, handler: str | None, why: str, by: str, now: datetime) -> None:
    """Put the case in a department's queue or a handler's hands and begin the wait for acceptance."""
    if (clock := running(case, acceptance_key(case))) is not None:
        sla.stop(clock, now)
    drop_transfer(case, by, now)
    case.assignments.append(
        Assignment(
            number=len(case.assignments) + 1,
            round=case.round,
            at=now,
            department=department,
            handler=handler,
            why=why,
            by=by,
        )
    )
    if case.stage is not Stage.awaiting_approval or case.rules.edition < 2:
        start_clock(case, "acceptance", now, acceptance_key(case))
    if case.stage in (Stage.classified, Stage.in_progress):
        case.stage = Stage.assigned
    supervisor = Recipient(role=Role.supervisor, department=department)
    tell = [Recipient(username=handler)] if handler else [supervisor]
    if handler and case.classification and case.classification.urgency is Urgency.urgent:
        tell.append(supervisor)
    case.note("assigned", by, now, {"department": department, "handler": handler, "why": why}, tell)


def send_back(case: Case, now: datetime) -> None:
    """The resolution was rejected: it goes on; whoever was given the case meanwhile has to accept it first."""
    held = case.assignment
    if case.rules.edition < 2 or held is None or held.accepted_at is not None:
        case.stage = Stage.in_progress
        return
    case.stage = Stage.assigned
    start_clock(case, "acceptance", now, acceptance_key(case))


def registered(case: Case, now: datetime) -> None:
    """Recorded, classified and assigned: the registration clock stops, late or in time."""
    clock = case.clocks["registration"]
    sla.stop(clock, now)
    case.note("registered", PROCESS, now, {"late": clock.breached_at is not None})


def declare_major(case: Case, by: str, now: datetime, since: datetime | None = None) -> None:
    """The two-hour clock runs from receipt; a major found later is late at once, and told at once.

    `since` instead of receipt: when its event, whose response was under way, has been stood down.
    """
    known = case.incident if case.incident_of is None else None
    if known is not None:
        if known.stood_down_at is None:
            return
        known.stood_down_at = known.stood_down_by = known.stood_down_why = None
        if known.acknowledged_at is not None:  # it is launched, and goes on under its leader
            tell = case.recipients(["manager"]) if known.leader is None else [Recipient(username=known.leader)]
            case.note("major_declared", by, now, {"incident": known.id}, tell)
            return
    elif case.incident_of is None:
        case.incident = Incident(id=incident_id(case.reference), declared_at=now, declared_by=by)
    number = sum(key.startswith("major_response") for key in case.clocks) + 1
    if number == 1 or response_clock(case).stopped_at is not None:  # an earlier one stays on record as it ended
        key = "major_response" if number == 1 else f"major_response_{number}"
        start_clock(case, "major_response", since or case.form.received_at, key)
    # One that belongs to another's hears from there whether the response is under way.
    if case.incident_of is not None or case.incident is None:
        joins = Errand(to=case.incident_of or "", news=News(kind="member_joins", reference=case.reference, by=by))
        case.errands += [joins] if joins.to not in [e.to for e in case.errands] else []
        return
    case.note("major_declared", by, now, {"incident": case.incident.id}, case.recipients(["manager"]))


def response_clock(case: Case) -> Clock:
    """The clock of the response; one that was declared again has a new one, and the earlier stays as it ended."""
    return [clock for key, clock in case.clocks.items() if key.startswith("major_response")][-1]


def ask_approval(case: Case, now: datetime) -> bool:
    """Ask for approval of the last resolution where the rules want one."""
    want = needed(case)
    if want is None:
        return False
    level, why = want
    resolution = case.resolutions[-1]
    begin_approval(case, "resolution", level, list(why), resolution.by, now, resolution.redress)
    case.stage = Stage.awaiting_approval
    return True


def begin_approval(
    case: Case,
    purpose: Purpose,
    level: Told,
    why: list[str],
    by: str,
    now: datetime,
    redress: Redress | None = None,
) -> Approval:
    """Put a question to an approver, on a clock of its own."""
    number = len(case.approvals) + 1
    key = f"approval_{number}"
    clock = start_clock(case, "approval", now, key)
    asked = Approval(
        id=approval_id(case.reference, number),
        number=number,
        purpose=purpose,
        asked_at=now,
        needs=level,
        asked=level,
        why=why,
        clock=key,
        by=by,
        redress=redress,
    )
    case.approvals.append(asked)
    data: dict[str, JsonValue] = {"approval": asked.id, "purpose": purpose, "level": level, "why": list(why)}
    case.note("approval_asked", PROCESS, now, data | {"due_at": clock.due_at.isoformat()}, case.recipients([level]))
    return asked


def may_go_to_feedback(case: Case, now: datetime) -> None:
    """The resolution stands: the result is now told."""
    drop_transfer(case, PROCESS, now)
    call_off_duties(case, PROCESS, now)
    case.stage = Stage.feedback
    case.note("result_ready", PROCESS, now)


def hand_to_person(case: Case, now: datetime) -> None:
    """The result cannot be written, or did not arrive: a person tells it."""
    if not case.by_person:
        case.by_person = True
        case.note("feedback_by_person", PROCESS, now, {}, case.recipients(["handler", "agent"]))


def result_told(case: Case, feedback: Feedback, now: datetime) -> None:
    """The complainant has the result, or the house has published it: the resolution clock stops."""
    for name in (case.key("resolution"), "first_response", "common", "complex"):
        if (clock := running(case, name)) is not None:
            sla.stop(clock, now)
            lapse_extensions(case, name, now, now)
    own = case.clock("resolution")
    late = own is not None and own.breached_at is not None
    case.note("result_told", feedback.by, now, {"way": feedback.way, "late": late})


def begin_callback(case: Case, now: datetime) -> None:
    """The callback's window opens."""
    case.stage = Stage.callback
    clock = start_clock(case, "callback", now, case.key("callback"))
    data: dict[str, JsonValue] = {"due_at": clock.due_at.isoformat()}
    case.note("callback_due", PROCESS, now, data, [Recipient(username=case.opened_by)])


def callback_outcome(case: Case) -> Outcome | None:
    """What the attempts so far amount to; None while more are wanted."""
    rule = case.rules.callback
    attempts = [a for a in case.callbacks if a.round == case.round]
    last = attempts[-1] if attempts else None
    if last is None:
        return None
    if last.reached:
        content = (last.satisfaction or 0) > rule.dissatisfied_at_most
        return Outcome.satisfied if content else Outcome.dissatisfied_exhausted
    return Outcome.not_reached if len(attempts) >= rule.attempts else None


def close(case: Case, outcome: Outcome, now: datetime) -> None:
    """The case ends; every clock still running stops, and what was broken stays broken.

    The response to a major incident goes on until it is reported or stood down, whatever becomes of the complaint.
    """
    drop_transfer(case, PROCESS, now)
    incident, rule = case.incident, case.rules.callback
    responding = incident is not None and not incident.over() and case.rules.edition >= 2
    for key in list(case.clocks):
        lapse_extensions(case, key, now, now)
    for asked in case.open_approvals:
        if asked.purpose != "public_answer" or not responding:
            lapse_approval(case, asked, now)
    going_on = {a.clock for a in case.open_approvals}
    for key, clock in case.clocks.items():
        if key not in going_on and not (responding and key.startswith(INCIDENT_CLOCKS)):
            sla.stop(clock, now)
    if (pause := case.pause) is not None:  # it is no longer `case.pause` once it has ended
        pause.resumed_at, pause.resumed_by, pause.resumed_why = now, PROCESS, "closed"
    if rule.reopen_within and outcome not in FINAL and len(case.closings) < rule.reopenings:
        case.reopen_until = count(rule.reopen_within, now, case.rules.calendar).due_at
    case.lingers = responding or case.reopen_until is not None
    case.stage, case.outcome, case.closed_at = Stage.closed, outcome, now
    data: dict[str, JsonValue] = {"outcome": outcome, "breached": case.breached()}
    case.note("closed", PROCESS, now, data)
    call_off_duties(case, PROCESS, now)


INCIDENT_CLOCKS = ("major_response", "incident_task")
FINAL = (Outcome.merged, Outcome.dissatisfied_exhausted)
"""Outcomes after which a case is not opened again: another one has taken it up, or its rounds are used up."""
