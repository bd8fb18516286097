"""The acts a case's page offers: what its stage allows, what the reader may do, and what there is to be done.

An offer is a help, no right: the act itself is held to the access table and the process's own rules again.
"""

from collections.abc import Callable
from typing import Any

from complaints.access import Parts
from complaints.checks import POSSIBLE
from complaints.detours.plan import near
from complaints.errors import Refused
from complaints.records import Actor
from policies.access import TABLE

Json = dict[str, Any]
Holds = Callable[[Json, Actor], bool]


def _mine(case: Json, who: Actor) -> bool:
    return bool(case["assignment"]) and case["assignment"]["handler"] == who.username


def _to_accept(case: Json, who: Actor) -> bool:
    held = case["assignment"]
    return bool(held) and (
        held["handler"] == who.username or (held["handler"] is None and held["department"] == who.department)
    )


def open_transfer(case: Json) -> Json | None:
    """The transfer that waits for an answer."""
    last = case["transfers"][-1] if case["transfers"] else None
    return last if last and last["answer"] is None else None


def open_pause(case: Json) -> Json | None:
    """The pause it is in."""
    last = case["pauses"][-1] if case["pauses"] else None
    return last if last and last["resumed_at"] is None else None


def open_duties(case: Json) -> list[Json]:
    """The duties of the plan that wait for an answer."""
    duties: list[Json] = (case["plan"] or {}).get("duties", [])
    return [duty for duty in duties if duty["answered_at"] is None and duty["cancelled_at"] is None]


def duties_of(case: Json, who: Actor) -> list[Json]:
    """Those of them that the person may see to."""
    held = (case["assignment"] or {}).get("department")
    return [d for d in open_duties(case) if d["owner"] == who.username or near(who, d["department"], held)]


def open_approvals(case: Json) -> list[Json]:
    """The approvals nobody has decided."""
    return [a for a in case["approvals"] if a["decision"] is None] if case["stage"] != "closed" else []


def _untold(case: Json, who: Actor) -> bool:
    return any(extension["state"] == "approved" for extension in case["extensions"])


def _to_extend(case: Json, who: Actor) -> bool:
    asked = any(extension["state"] in ("asked", "approved") for extension in case["extensions"])
    return _mine(case, who) and not asked and open_pause(case) is None


def _to_resolve(case: Json, who: Actor) -> bool:
    return _mine(case, who) and not open_duties(case)


def _incoming(case: Json, who: Actor) -> bool:
    asked = open_transfer(case)
    return asked is not None and asked["to_department"] == who.department


def _needs_plan(case: Json, who: Actor) -> bool:
    return "cross_department" in (case["classification"] or {}).get("kinds", [])


def asked_of(case: Json, who: Actor) -> list[Json]:
    """The questions a colleague has asked that person and that wait for an answer."""
    return [o for o in case.get("opinions", []) if o["asked"] == who.username and o["answered_at"] is None]


def _always(case: Json, who: Actor) -> bool:
    return True


OFFERS: tuple[tuple[str, str, str, Holds], ...] = (
    ("acceptance", "accept", "acceptance", _to_accept),
    ("transfer_answer", "answer_transfer", "transfers", _incoming),
    ("opinion_answer", "give_opinion", "opinion", lambda case, who: bool(asked_of(case, who))),
    ("classification", "correct", "classification", lambda case, who: case["classification"] is not None),
    ("resolution", "submit_resolution", "resolution", _to_resolve),
    ("feedback", "tell_result", "feedback", _always),
    ("callback", "record_callback", "callback", _always),
    ("extension_notice", "tell_extension", "extension", _untold),
    ("resume", "resume", "resume", lambda case, who: open_pause(case) is not None),
    (
        "duty_answer",
        "answer_duty",
        "plan",
        lambda case, who: any(d["owner"] == who.username or who.roles != ["handler"] for d in duties_of(case, who)),
    ),
    ("plan", "file_plan", "plan", _needs_plan),
    ("note", "add_note", "note", _always),
    ("opinion", "ask_opinion", "opinion", _mine),
    ("extension", "extend", "extension", _to_extend),
    ("pause", "begin_pause", "pause", lambda case, who: _mine(case, who) and open_pause(case) is None),
    ("transfer", "ask_transfer", "transfers", lambda case, who: _mine(case, who) and open_transfer(case) is None),
    ("assignment", "assign_to", "assignment", _always),
    ("duty_change", "change_duty", "plan", lambda case, who: bool(duties_of(case, who))),
    ("link", "link", "links", _always),
    (
        "incident",
        "join_incident",
        "incident",
        lambda case, who: case["incident_of"] is None and case["incident"] is None,
    ),
    ("incident_leaving", "leave_incident", "incident", lambda case, who: case["incident_of"] is not None),
    ("reopening", "reopen", "reopening", lambda case, who: case["reopen_until"] is not None),
    ("withdrawal", "withdraw", "withdrawal", _always),
)
"""In the order of the page: its name, the act in the access table, the stage it needs, what else must hold."""


def allowed(act: str, who: Actor, parts: Parts, asked_by: str | None = None) -> bool:
    """Whether the access table lets that person do it to this case."""
    try:
        TABLE.check(act, who, parts, asked_by)
    except Refused:
        return False
    return True


def offers(case: Json, who: Actor, parts: Parts) -> list[str]:
    """The names of the acts to offer, most wanted first."""
    if "assignments" not in case:  # kept and not started, or erased
        return []
    return [
        name
        for name, act, stage, holds in OFFERS
        if case["stage"] in POSSIBLE[stage] and holds(case, who) and allowed(act, who, parts)
    ]
