"""When an act makes sense, and whose case it is; every act asks here before it changes anything.

Which roles may do it is asked before: complaints/access.py.
"""

from complaints.case import Case
from complaints.errors import FieldError, Refused
from complaints.names import Stage
from complaints.records import Actor

OPEN: list[Stage] = [s for s in Stage if s is not Stage.closed]
HANDLED: list[Stage] = [Stage.assigned, Stage.in_progress, Stage.awaiting_approval]
WORKED_ON: list[Stage] = [Stage.assigned, Stage.in_progress]

POSSIBLE: dict[str, list[Stage]] = {
    "classification": [Stage.received, Stage.classified, *HANDLED],
    "assignment": [Stage.classified, *HANDLED],
    "acceptance": [Stage.assigned],
    "transfers": WORKED_ON,
    "plan": WORKED_ON,
    "extension": HANDLED,
    "opinion": HANDLED,
    "pause": [Stage.in_progress],
    "resume": HANDLED,
    "resolution": [Stage.in_progress],
    "decision": [Stage.awaiting_approval],
    "feedback": [Stage.feedback],
    "callback": [Stage.callback],
    "withdrawal": OPEN,
    "note": OPEN,
    "links": OPEN,
    "incident": OPEN,
    "reopening": [Stage.closed],
}
"""The stages in which each act makes sense."""
MOST_BYTES = 1_500_000
"""Of a case as JSON: Temporal takes at most 2 MiB in one piece."""


def possible(stage: Stage) -> list[str]:
    """The acts that make sense in that stage."""
    return [act for act, stages in POSSIBLE.items() if stage in stages]


def in_stage(case: Case, act: str) -> None:
    """Refuse an act that makes no sense in the case's stage, or after it was withdrawn."""
    ended = (case.withdrawn or case.merged_into) and act not in ("withdrawal", "reopening")
    if case.stage not in POSSIBLE[act] or ended:
        raise Refused("wrong_stage", f"no {act} in stage {case.stage}", possible=possible(case.stage))


def holder(case: Case, actor: Actor) -> None:
    """Refuse who does not hold the case."""
    held = case.assignment
    if held is None or held.handler != actor.username:
        raise Refused("not_yours", f"the case is with {held.handler if held and held.handler else 'nobody'}")


def room(case: Case) -> None:
    """Refuse what would make a case larger than its process can carry."""
    if len(case.model_dump_json().encode()) > MOST_BYTES:
        raise Refused("cap_reached", "no room is left for words in this case")


def fault(field: str, code: str, message: str) -> Refused:
    """The refusal of one field."""
    return Refused("invalid", message, errors=[FieldError(field=field, code=code, message=message)])


def no_rule(case: Case, what: str) -> Refused:
    """The case is held to rules that know no such thing."""
    return Refused("wrong_stage", f"the rules of this case ({case.rules.version}) know no {what}")
