"""Nothing waits for who is on leave or gone: what they hold is given to somebody else, or asked of their supervisor."""

from datetime import datetime

from complaints.case import Case
from complaints.checks import HANDLED
from complaints.names import Role
from complaints.procedure import give
from complaints.records import PROCESS, Recipient


def holds(case: Case, username: str) -> bool:
    """Whether that person is to handle the case now."""
    held = case.assignment
    return held is not None and held.handler == username and case.stage in HANDLED


def replace(case: Case, username: str, department: str, handler: str | None, why: str, now: datetime) -> None:
    """Give it to whoever is there, or to the department's queue, whose supervisor is told."""
    if case.owner == username:
        case.owner = handler
    give(case, department, handler, f"{username} is not at work; {why}", PROCESS, now)


def missed(case: Case, username: str, now: datetime) -> None:
    """Duties, tasks and a response in that person's hands: who can give them to somebody else is told."""
    for duty in case.plan.duties if case.plan else []:
        if duty.open() and duty.owner == username:
            tell = [Recipient(role=Role.supervisor, department=duty.department), *case.recipients(["handler"])]
            case.note("duty_owner_absent", PROCESS, now, {"duty": duty.number, "owner": username}, tell)
    incident = case.incident
    if incident is None or incident.over():
        return
    for task in incident.tasks:
        if task.done_at is None and task.owner == username:
            tell = case.recipients(["manager"])
            case.note("major_task_owner_absent", PROCESS, now, {"task": task.number, "owner": username}, tell)
    if incident.leader == username:
        case.note("major_leader_absent", PROCESS, now, {"leader": username}, case.recipients(["manager"]))
