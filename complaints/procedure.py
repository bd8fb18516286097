"""The process's own moves on a case: what opening, classifying, telling and closing mean. Pure, like acts.py."""

from datetime import datetime

from pydantic import JsonValue

from complaints import sla
from complaints.approving import LEVELS, needed
from complaints.case import Case
from complaints.form import missing_facts
from complaints.names import Kind, Outcome, Role, Stage, Urgency, approval_id, incident_id
from complaints.policy import CasePolicy, LetterKind, Told
from complaints.records import Approval, Assignment, Classification, Feedback, Incident, Recipient
from complaints.sla import Clock, Happens

PROCESS = "process"


def start_clock(case: Case, name: str, at: datetime, key: str | None = None) -> Clock:
    """Start the clock of that name; `key` tells apart several of one kind in a case."""
    found = case.classification
    urgent = found is not None and found.urgency is Urgency.urgent
    clock = sla.start(name, at, case.rules, urgent=urgent)
    case.clocks[key or name] = clock
    return clock


def running(case: Case, name: str) -> Clock | None:
    """That clock, if it runs."""
    clock = case.clocks.get(name)
    return clock if clock and clock.stopped_at is None else None


def receive(case: Case, policy: CasePolicy, now: datetime) -> None:
    """The case begins: its rules are frozen and its clocks run from the moment of receipt, however late it is keyed."""
    case.policy = policy
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
    if classification.confidence < case.rules.confirm_below or not classification.is_complaint:
        case.confirm = True
        case.note("confirmation_wanted", PROCESS, now, {}, case.recipients(["agent"]))


def give(case: Case, department: str, handler: str | None, why: str, by: str, now: datetime) -> None:
    """Put the case in a department's queue or a handler's hands and begin the wait for acceptance."""
    if (clock := running(case, "acceptance")) is not None:
        sla.stop(clock, now)
    number = len(case.assignments) + 1
    case.assignments.append(Assignment(number=number, at=now, department=department, handler=handler, why=why, by=by))
    start_clock(case, "acceptance", now)
    if case.stage in (Stage.classified, Stage.in_progress):
        case.stage = Stage.assigned
    supervisor = Recipient(role=Role.supervisor, department=department)
    tell = [Recipient(username=handler)] if handler else [supervisor]
    if handler and case.classification and case.classification.urgency is Urgency.urgent:
        tell.append(supervisor)
    case.note("assigned", by, now, {"department": department, "handler": handler, "why": why}, tell)


def registered(case: Case, now: datetime) -> None:
    """Recorded, classified and assigned: the registration clock stops, late or in time."""
    clock = case.clocks["registration"]
    sla.stop(clock, now)
    case.note("registered", PROCESS, now, {"late": clock.breached_at is not None})


def declare_major(case: Case, by: str, now: datetime) -> None:
    """The two-hour clock runs from receipt; a major found later is late at once, and told at once."""
    if case.incident is not None:
        return
    case.incident = Incident(id=incident_id(case.reference), declared_at=now, declared_by=by)
    start_clock(case, "major_response", case.form.received_at)
    case.note("major_declared", by, now, {"incident": case.incident.id}, case.recipients(["manager"]))


def ask_approval(case: Case, now: datetime) -> bool:
    """Ask for approval of the last resolution where the rules want one."""
    want = needed(case)
    if want is None:
        return False
    level, why = want
    number = len(case.approvals) + 1
    clock = start_clock(case, "approval", now, f"approval_{number}")
    resolution = case.resolutions[-1]
    case.approvals.append(
        Approval(
            id=approval_id(case.reference, number),
            number=number,
            asked_at=now,
            needs=level,
            asked=level,
            why=why,
            clock=f"approval_{number}",
            by=resolution.by,
            redress=resolution.redress,
        )
    )
    case.stage = Stage.awaiting_approval
    case.note(
        "approval_asked",
        PROCESS,
        now,
        {"approval": case.approvals[-1].id, "level": level, "why": list(why), "due_at": clock.due_at.isoformat()},
        case.recipients([level]),
    )
    return True


def may_go_to_feedback(case: Case, now: datetime) -> None:
    """The resolution stands: the result is now told."""
    case.stage = Stage.feedback
    case.note("result_ready", PROCESS, now)


def hand_to_person(case: Case, now: datetime) -> None:
    """The result cannot be written, or did not arrive: a person tells it."""
    if not case.by_person:
        case.by_person = True
        case.note("feedback_by_person", PROCESS, now, {}, case.recipients(["handler", "agent"]))


def result_told(case: Case, feedback: Feedback, now: datetime) -> None:
    """The complainant has the result, or the house has published it: the resolution clock stops."""
    for name in ("resolution", "first_response"):
        if (clock := running(case, name)) is not None:
            sla.stop(clock, now)
    clock = case.clocks["resolution"]
    case.note("result_told", feedback.by, now, {"way": feedback.way, "late": clock.breached_at is not None})


def begin_callback(case: Case, now: datetime) -> None:
    """The callback's window opens."""
    case.stage = Stage.callback
    start_clock(case, "callback", now)
    case.note(
        "callback_due",
        PROCESS,
        now,
        {"due_at": case.clocks["callback"].due_at.isoformat()},
        [Recipient(username=case.opened_by)],
    )


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
    """The case ends; every clock still running stops, and what was broken stays broken."""
    close_clocks(case, now)
    case.stage, case.outcome, case.closed_at = Stage.closed, outcome, now
    case.note("closed", PROCESS, now, {"outcome": outcome, "breached": case.breached()})


def close_clocks(case: Case, now: datetime) -> None:
    """Stop every clock that still runs."""
    for clock in case.clocks.values():
        sla.stop(clock, now)


def sound_alarms(case: Case, now: datetime) -> list[LetterKind]:
    """Let every clock that is due make itself heard; gives the letters the complainant gets for it."""
    letters: list[LetterKind] = []
    for key, clock in case.clocks.items():
        for alarm in sla.fire(clock, now):
            kind = {Happens.reminder: "reminded", Happens.breach: "breached", Happens.escalation: "escalated"}[
                alarm.what
            ]
            data: dict[str, JsonValue] = {
                "clock": key,
                "due_at": clock.due_at.isoformat(),
                "level": alarm.level,
                "told": list(alarm.tell),
                "late_by_seconds": int((now - alarm.at).total_seconds()),
            }
            case.note(kind, PROCESS, now, data, case.recipients(alarm.tell))
            _climb(case, key, alarm.tell[0] if alarm.what is not Happens.reminder else None)
            if alarm.letter:
                letters.append(alarm.letter)
    return letters


def _climb(case: Case, clock: str, level: Told | None) -> None:
    """An approval nobody gave in time is asked of the next level."""
    approval = case.open_approval
    if level is None or approval is None or approval.clock != clock:
        return
    approval.asked = max(approval.asked, level, key=LEVELS.index)
