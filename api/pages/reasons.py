"""Why an approval is asked, and why somebody may not decide it, in the reader's language."""

from api.pages.words import name, say
from complaints.access import Parts
from complaints.approving import LEVELS, level_of
from complaints.errors import Refused
from complaints.form import Language
from complaints.records import Actor
from policies.access import TABLE

WHY_NOT: dict[str, str] = {
    "own_work": "You cannot decide this: you opened the case, handled it in this round, or asked for the decision.",
    "not_yours": "You cannot decide this: another department holds the case.",
    "not_allowed": "You cannot decide this: your role reads, and does not decide.",
}


def why_not(language: Language, who: Actor, parts: Parts, asked_by: str, needs: str) -> str | None:
    """Why that person may not decide it; None when they may."""
    try:
        TABLE.check("decide", who, parts, asked_by)
    except Refused as refused:
        return say(language, WHY_NOT[refused.code])
    if LEVELS.index(level_of(who)) < LEVELS.index(needs):  # type: ignore[arg-type]  # codes of a case's JSON
        words = say(language, "You cannot decide this: it needs %(level)s. You can ask somebody who may.")
        return words % {"level": name(language, "role", needs)}
    return None
