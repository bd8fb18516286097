"""What the clocks of a case say when their moments come: whom it is told to, what it starts or ends."""

from datetime import datetime

from pydantic import JsonValue

from complaints import sla
from complaints.approving import LEVELS
from complaints.case import Case
from complaints.detours import pause
from complaints.names import Stage
from complaints.overtaken import lapse_extensions
from complaints.records import PROCESS, Approval, Recipient
from complaints.rule import Told
from complaints.sla import Happens
from complaints.turns import LetterWanted

SAID = {Happens.reminder: "reminded", Happens.breach: "breached", Happens.escalation: "escalated"}


def sound(case: Case, now: datetime) -> None:
    """Let every clock that is due by `now` make itself heard; a pause that has ended is ended first.

    Where several are due at once, after nobody has worked for a while, the one that ended first goes first.
    """
    pause.keep(case, now)
    for key, clock in sorted(case.clocks.items(), key=lambda item: item[1].due_at):
        for alarm in sla.fire(clock, now):
            tell = told(case, key, alarm)
            data: dict[str, JsonValue] = {
                "clock": key,
                "due_at": clock.due_at.isoformat(),
                "level": alarm.level,
                "told": list(tell),
                "late_by_seconds": int((now - alarm.at).total_seconds()),
            }
            case.note(SAID[alarm.what], PROCESS, now, data, _concerned(case, key, alarm, tell))
            if alarm.what is Happens.breach:
                lapse_extensions(case, key, alarm.at, now)
            if alarm.what is not Happens.reminder:
                _climb(case, key, alarm.tell[0])
            if alarm.letter and case.stage is not Stage.closed:
                case.wanted.append(LetterWanted(kind=alarm.letter))


def told(case: Case, key: str, alarm: sla.Alarm) -> list[Told]:
    """The levels the alarm is for; of an approval nobody below the level that was asked, who could not decide it."""
    asked = _asked(case, key)
    if asked is None or case.rules.edition < 3:
        return alarm.tell
    return list(dict.fromkeys(max(level, asked.asked, key=LEVELS.index) for level in alarm.tell))


def _concerned(case: Case, key: str, alarm: sla.Alarm, tell: list[Told]) -> list[Recipient]:
    """These levels; of a duty or task its owner, of an approval who was asked by name, too; of a broken resolution the
    first-contact owner.
    """
    owner, department = _owner(case, key)
    found = case.recipients([t for t in tell if t != "handler"] if owner else tell, department)
    if owner is None and alarm.what is Happens.breach and key == case.key("resolution"):
        owner = case.owner
    if (asked := _asked(case, key)) is not None and case.rules.edition >= 3:
        owner = asked.delegated_to
    return [*found, Recipient(username=owner)] if owner else found


def _owner(case: Case, key: str) -> tuple[str | None, str | None]:
    """Who has to do what that clock counts, and their department, where it is not the handler of the case."""
    for duty in case.plan.duties if case.plan else []:
        if duty.clock == key:
            return duty.owner, duty.department
    for task in case.incident.tasks if case.incident else []:
        if task.clock == key:
            return task.owner, None
    return None, None


def _climb(case: Case, clock: str, level: Told) -> None:
    """An approval nobody gave in time is asked of the next level."""
    if (approval := _asked(case, clock)) is not None:
        approval.asked = max(approval.asked, level, key=LEVELS.index)


def _asked(case: Case, clock: str) -> Approval | None:
    """The open approval that clock is of."""
    return next((a for a in case.open_approvals if a.clock == clock), None)
