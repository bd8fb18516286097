"""What ops filter by in the Web UI and the CLI; no personal data, ever."""

from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from complaints.case import Case

STAGE = SearchAttributeKey.for_keyword("AmendsStage")
NATURE = SearchAttributeKey.for_keyword("AmendsNature")
KINDS = SearchAttributeKey.for_keyword_list("AmendsKinds")
DEPARTMENT = SearchAttributeKey.for_keyword("AmendsDepartment")
URGENCY = SearchAttributeKey.for_keyword("AmendsUrgency")
BREACHED = SearchAttributeKey.for_bool("AmendsBreached")
DUE_AT = SearchAttributeKey.for_datetime("AmendsDueAt")

ALL = (STAGE, NATURE, KINDS, DEPARTMENT, URGENCY, BREACHED, DUE_AT)


def updates(case: Case) -> list[SearchAttributeUpdate[Any]]:
    """What the case's search attributes are to be now; the due time is that of the resolution clock, while it runs."""
    found, held, clock = case.classification, case.assignment, case.clock("resolution")
    changes: list[SearchAttributeUpdate[Any]] = [STAGE.value_set(case.stage), BREACHED.value_set(case.breached())]
    if found:
        changes += [NATURE.value_set(found.nature), URGENCY.value_set(found.urgency)]
        changes += [KINDS.value_set([str(k) for k in found.kinds])]
    if held:
        changes.append(DEPARTMENT.value_set(held.department))
    due = clock.due_at if clock and clock.stopped_at is None else None
    changes.append(DUE_AT.value_set(due) if due else DUE_AT.value_unset())
    return changes
