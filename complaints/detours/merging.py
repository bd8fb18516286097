"""Complaints that belong together: linked, or merged, so that one goes on for both (R1.7).

Merging is a question to the other complaint's process and its answer; until then both go on, so that none is lost.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from complaints.case import Case
from complaints.checks import fault, in_stage
from complaints.errors import Refused
from complaints.form import Text
from complaints.messages import Act, Body
from complaints.names import Stage
from complaints.records import PROCESS, Recipient
from complaints.turns import CaseLink, Errand, LetterWanted, News

MOMENT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
ANSWERED = (Stage.feedback, Stage.callback)
"""Stages in which the answer is given already; it cannot be the one answer for another complaint, too."""


class LinkBody(Body):
    """Another complaint, and how this one belongs to it; `merged`: the other, older one goes on for both."""

    reference: Annotated[str, Field(pattern=r"^CMP-[0-9]{4}-[0-9]{6,12}$")]
    how: Literal["related", "duplicate", "merged"]
    reason: Text


class Link(Act, LinkBody):
    """Link the complaint to another, or merge it into that."""


def link(case: Case, act: Link, now: datetime) -> None:
    """Say that they belong together; to be merged, the other one is asked."""
    in_stage(case, "links")
    if act.reference == case.reference:
        raise fault("reference", "itself", "a complaint is not linked to itself")
    if case.merging is not None:
        raise Refused("wrong_stage", f"it is being merged into {case.merging}")
    if act.how != "merged":
        if any(known.reference == act.reference and known.how == act.how for known in case.links):
            raise Refused("wrong_stage", f"linked to {act.reference} before")
        _keep(case, act.reference, act.how, act.by.username, act.reason, now)
        _say(case, "linked", act.reference, act.by.username, f"{act.how} {act.reason}")
        return
    if any(known.how == "merged" and known.reference == act.reference for known in case.links):
        raise fault("reference", "circle", f"{act.reference} was merged into this one")
    if case.incident is not None and not case.incident.over():
        raise Refused("wrong_stage", f"its major-complaint response {case.incident.id} is under way")
    case.merging = act.reference
    case.note("merge_asked", act.by.username, now, {"into": act.reference})
    _say(case, "merge_asked", act.reference, act.by.username, case.form.received_at.isoformat())


def hear(case: Case, news: News, now: datetime) -> None:
    """What the other complaint asks or answers."""
    match news.kind:
        case "linked":
            how, _, why = (news.text or "related ").partition(" ")
            _keep(case, news.reference, "duplicate" if how == "duplicate" else "related", news.by, why, now)
        case "merge_asked":
            _take_up(case, news, now)
        case "merge_taken" if case.merging == news.reference:
            case.merging, case.merged_into = None, news.reference
            case.note("merged", news.by, now, {"into": news.reference}, case.recipients(["handler"]))
            case.wanted.append(LetterWanted(kind="merge_notice"))
        case "merge_refused" if case.merging == news.reference:
            refused(case, news.text or "", now)


def _take_up(case: Case, news: News, now: datetime) -> None:
    """The older one, still open and not going elsewhere itself, goes on for both."""
    why_not = None
    if case.stage is Stage.closed or case.withdrawn or case.merged_into:
        why_not = "it is closed"
    elif case.merging:
        why_not = "it is being merged itself"
    elif case.form.received_at > MOMENT.validate_python(news.text):
        why_not = "it was received later; the younger one is merged into the older"
    elif case.rules.edition >= 3 and case.stage in ANSWERED:
        why_not = "its answer is out"
    if why_not:
        _say(case, "merge_refused", news.reference, news.by, why_not)
        return
    if not any(known.reference == news.reference and known.how == "merged" for known in case.links):
        _keep(case, news.reference, "merged", news.by, "", now)
    _say(case, "merge_taken", news.reference, news.by, None)


def refused(case: Case, why: str, now: datetime) -> None:
    """It could not be merged: it goes on by itself."""
    data = {"into": case.merging, "why": why}
    case.merging = None
    case.note("merge_refused", PROCESS, now, {**data}, [Recipient(username=case.opened_by)])


def _keep(
    case: Case, other: str, how: Literal["related", "duplicate", "merged"], who: str, why: str, now: datetime
) -> None:
    if any(known.reference == other and known.how == how for known in case.links):
        return
    case.links.append(CaseLink(reference=other, how=how, at=now, by=who, reason=why))
    tell = case.recipients(["handler"]) if how == "merged" else []
    case.note("merged_in" if how == "merged" else "linked", who, now, {"reference": other, "how": how}, tell)


def _say(
    case: Case,
    kind: Literal["linked", "merge_asked", "merge_taken", "merge_refused"],
    to: str,
    who: str,
    text: str | None,
) -> None:
    case.errands.append(Errand(to=to, news=News(kind=kind, reference=case.reference, by=who, text=text)))
