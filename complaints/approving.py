"""Who must approve a resolution (R4.6): limits per role, and cases that always need a second person."""

from datetime import datetime

from pydantic import JsonValue

from complaints.case import Case
from complaints.names import HEAD_OFFICE, Kind, Nature, Role
from complaints.records import PROCESS, Actor
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
    data: dict[str, JsonValue] = {"approval": asked.id, "level": asked.needs, "why": list(asked.why)}
    case.note("approval_raised", PROCESS, now, data, case.recipients([asked.needs]))
