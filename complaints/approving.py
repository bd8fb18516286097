"""Who must approve a resolution (R4.6): limits per role, and cases that always need a second person."""

from datetime import datetime

from pydantic import JsonValue

from complaints import messages as m
from complaints.case import Case
from complaints.checks import fault, in_stage, possible
from complaints.errors import Refused
from complaints.names import HEAD_OFFICE, Kind, Nature, Role
from complaints.records import PROCESS, Actor, Approval, Recipient
from complaints.rule import Told

LEVELS: list[Told] = ["agent", "handler", "supervisor", "manager", "head_office"]
"""Levels of the house, lowest first."""


def level_of(actor: Actor) -> Told:
    """The highest level a person acts on."""
    if actor.has(Role.manager):
        return "head_office" if actor.department == HEAD_OFFICE else "manager"
    return "supervisor" if actor.has(Role.supervisor) else "handler"


def needed(case: Case) -> tuple[Told, list[str]] | None:
    """The lowest level that may approve the last resolution, and why; None when the handler may do it alone."""
    rules, resolution = case.rules.approvals, case.resolutions[-1]
    level: Told = "handler"
    why: list[str] = []
    amount = resolution.redress.amount
    if amount is not None and amount.value > 0:
        able = (r for r, limit in rules.limits.items() if amount.value <= limit.get(amount.currency, -1))
        level = next(iter(sorted(able, key=LEVELS.index)), "head_office")
        if level != "handler":
            why.append(f"redress {amount.value} {amount.currency} needs {level}")
    classification = case.classification
    labels: list[Nature | Kind] = [classification.nature, *classification.kinds] if classification else []
    for label in labels:
        if (asked := rules.always.get(label)) is not None:
            why.append(f"{label} needs {asked}")
            level = max(level, asked, key=LEVELS.index)
    if case.round > case.first_round:
        above = LEVELS[min(LEVELS.index("handler") + case.round - case.first_round, len(LEVELS) - 1)]
        why.append(f"handling round {case.round} needs {above}")
        level = max(level, above, key=LEVELS.index)
    return (level, why) if why else None


def raise_level(case: Case, now: datetime) -> None:
    """The classification was corrected while an approver was asked: where more is needed now, a higher one is asked."""
    asked, want = case.open_approval, needed(case) if case.resolutions else None
    if asked is None or want is None or case.rules.edition < 2 or LEVELS.index(want[0]) <= LEVELS.index(asked.needs):
        return
    asked.needs, asked.why = want
    asked.asked = max(asked.asked, asked.needs, key=LEVELS.index)
    asked.delegated_to = None  # who was asked by name may be too low for it now
    data: dict[str, JsonValue] = {"approval": asked.id, "level": asked.needs, "why": list(asked.why)}
    case.note("approval_raised", PROCESS, now, data, case.recipients([asked.needs]))


def undecided(case: Case, identifier: str) -> Approval:
    """The approval of that identifier, if it still waits for a decision."""
    asked = next((a for a in case.approvals if a.id == identifier), None)
    if asked is None:
        raise Refused("unknown", f"no approval {identifier}")
    if asked.decision is not None:
        raise Refused(
            "wrong_stage", f"already decided by {asked.decided_by}: {asked.decision}", possible=possible(case.stage)
        )
    if asked.purpose == "resolution":
        in_stage(case, "decision")
    return asked


def may_decide(case: Case, asked: Approval, who: Actor) -> None:
    """Refuse whose own work it is, and who is not high enough; the access table was asked before."""
    held = case.assignment
    if who.username in (asked.by, held.handler if held else None):
        raise Refused("own_work", "nobody approves their own work")
    if LEVELS.index(level_of(who)) < LEVELS.index(asked.needs):
        raise Refused("not_allowed", f"this needs {asked.needs}: {'; '.join(asked.why)}")


def delegate(case: Case, act: m.Delegate, now: datetime) -> None:
    """It is asked of somebody by name, on the same clock; whoever else may decide it still can."""
    asked = undecided(case, act.approval_id)
    if act.by.username == asked.by:
        raise Refused("own_work", "nobody chooses who approves their own work")
    if act.to == act.by.username:
        raise fault("to", "yourself", "you may decide it yourself")
    if act.to == asked.delegated_to:
        raise fault("to", "asked_before", f"{act.to} is asked already")
    try:
        may_decide(case, asked, act.person)
    except Refused as refused:
        raise fault("to", "may_not_decide", refused.message) from None
    asked.delegated_to, asked.delegated_at = act.to, now
    asked.delegated_by, asked.delegated_why = act.by.username, act.reason
    data: dict[str, JsonValue] = {"approval": asked.id, "to": act.to, "reason": act.reason}
    case.note("approval_delegated", act.by.username, now, data, [Recipient(username=act.to)])
