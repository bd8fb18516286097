"""A running case moved to another calendar or other rules (amends policy reproject); by default it keeps its own."""

from datetime import datetime

from pydantic import JsonValue

from complaints import sla
from complaints.case import Case
from complaints.policy import CasePolicy, shared
from complaints.turns import LetterWanted

SET_ALONE = ("duty", "incident_task")
"""Clocks whose limit is not the rule's, but was set for each of them."""


def reproject(case: Case, policy: CasePolicy, why: str, who: str, now: datetime) -> list[str]:
    """Count the running clocks anew; gives those that end at another time now.

    What is broken stays broken, and no deadline is moved into the past by it. A clock the new rules do not know runs
    on under the rule it was started by.
    """
    before = case.rules
    unknown = {c.name for c in case.clocks.values()} - set(policy.clocks)
    still = {name: before.clocks[name] for name in sorted(unknown) if name in before.clocks}
    kept_rules = {"clocks": policy.clocks | still, "ladders": before.ladders | policy.ladders}
    case.policy = shared(policy.model_copy(update={"edition": before.edition, **kept_rules}))
    moved: dict[str, JsonValue] = {}
    for key, clock in case.clocks.items():
        rule = policy.clocks.get(clock.name)
        if rule is None or clock.stopped_at is not None or clock.breached_at is not None:
            continue
        old, kept = clock.due_at, clock.model_copy(deep=True)
        urgent = case.classification is not None and case.classification.urgency == "urgent"
        limit = clock.limit
        if limit is None or (before.version != policy.version and clock.name not in SET_ALONE):
            limit = rule.urgent if urgent and rule.urgent else rule.limit
            extra = sum(e.amount for e in case.extensions if e.clock == key and e.state == "in_force")
            limit = limit.model_copy(update={"amount": limit.amount + extra})
        sla.reckon(clock, case.rules, now, "reprojected", who, limit)
        if clock.due_at <= now:
            case.clocks[key] = kept
        elif clock.due_at != old:
            moved[key] = [old.isoformat(), clock.due_at.isoformat()]
    data: dict[str, JsonValue] = {"from": before.version, "to": policy.version, "why": why, "moved": moved}
    case.note("reprojected", who, now, data, case.recipients(["handler", "supervisor"]) if moved else [])
    if case.key("resolution") in moved:
        case.wanted.append(LetterWanted(kind="progress"))
    return list(moved)
