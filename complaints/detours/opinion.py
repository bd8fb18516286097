"""A second opinion: the handler asks a colleague, who answers; the case stays where it is, and no clock minds."""

from datetime import datetime

from complaints.case import Case
from complaints.checks import fault, holder, in_stage
from complaints.errors import Refused
from complaints.form import Line, Text
from complaints.messages import Act, Body
from complaints.records import Recipient
from complaints.turns import Opinion

AT_ONCE = 5
"""Questions that may be open at one time."""


class OpinionBody(Body):
    """Who is asked (a user name), and what."""

    colleague: Line
    question: Text


class OpinionAnswerBody(Body):
    """What the colleague thinks."""

    answer: Text


class AskOpinion(Act, OpinionBody):
    """Ask a colleague."""


class GiveOpinion(Act, OpinionAnswerBody):
    """Answer the question of that number."""

    number: int


def ask(case: Case, act: AskOpinion, now: datetime) -> None:
    """The handler asks a colleague, who from then on may read the case."""
    in_stage(case, "opinion")
    holder(case, act.by)
    if act.colleague == act.by.username:
        raise fault("colleague", "oneself", "a second opinion is somebody else's")
    waiting = [o for o in case.opinions if o.answered_at is None]
    if any(o.asked == act.colleague for o in waiting):
        raise fault("colleague", "asked_already", "was asked already and has not answered yet")
    if len(waiting) >= AT_ONCE:
        raise Refused("cap_reached", f"{AT_ONCE} questions wait for an answer already")
    asked = Opinion(
        number=len(case.opinions) + 1, at=now, by=act.by.username, asked=act.colleague, question=act.question
    )
    case.opinions.append(asked)
    told = [Recipient(username=act.colleague)]
    case.note("opinion_asked", act.by.username, now, {"opinion": asked.number, "colleague": act.colleague}, told)


def give(case: Case, act: GiveOpinion, now: datetime) -> None:
    """The colleague answers; the handler, whoever that is by now, is told."""
    asked = next((o for o in case.opinions if o.number == act.number), None)
    if asked is None:
        raise Refused("unknown", f"no question {act.number}")
    in_stage(case, "opinion")
    if asked.asked != act.by.username:
        raise Refused("not_yours", f"{asked.asked} was asked")
    if asked.answered_at is not None:
        raise Refused("wrong_stage", f"answered at {asked.answered_at.isoformat(timespec='minutes')}")
    asked.answer, asked.answered_at = act.answer, now
    case.note("opinion_given", act.by.username, now, {"opinion": asked.number}, case.recipients(["handler"]))
