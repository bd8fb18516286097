"""News between complaints: told by errands, heard by a signal; what cannot be told is dealt with here."""

from datetime import datetime

from complaints.case import Case
from complaints.detours import mass, merging
from complaints.turns import Errand, News


def hear(case: Case, news: News, now: datetime) -> None:
    """Another complaint's process has said something."""
    if news.kind in ("linked", "merge_asked", "merge_taken", "merge_refused"):
        merging.hear(case, news, now)
    else:
        mass.hear(case, news, now)


def not_told(case: Case, errand: Errand, now: datetime) -> None:
    """The other complaint's process has ended: what was asked of it is off."""
    match errand.news.kind:
        case "merge_asked" if case.merging == errand.to:
            merging.refused(case, "it is closed", now)
        case "member_joins" if case.incident_of == errand.to:
            mass.left(case, now)
