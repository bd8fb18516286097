"""What Temporal Cloud counts as an Action, told from the events of a history.

Rules: docs.temporal.io/evaluate/cloud/actions (read 2026-11). What leaves no event counts there and not here: refused
updates, queries, and heartbeats that reach the server.
"""

from collections import Counter
from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType as E
from temporalio.api.history.v1 import HistoryEvent

ONE_EACH = {
    E.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "starts",  # by a client, by continue-as-new, by an update with start
    E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    E.EVENT_TYPE_TIMER_STARTED: "timers",
    E.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    E.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "signals sent",
    E.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: "options",
}


def actions(events: Iterable[HistoryEvent]) -> Counter[str]:
    """Actions of a history by what they are for."""
    found, with_markers = Counter[str](), set[int]()
    for event in events:
        if (name := ONE_EACH.get(event.event_type)) is not None:
            found[name] += 1
        elif event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            found["activities tried again"] += event.activity_task_started_event_attributes.attempt - 1
        elif event.event_type == E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            # One that another workflow sent was counted there.
            found["signals"] += not event.workflow_execution_signaled_event_attributes.HasField(
                "external_workflow_execution"
            )
        elif event.event_type == E.EVENT_TYPE_MARKER_RECORDED:
            # All local activities of one workflow task together are one.
            with_markers.add(event.marker_recorded_event_attributes.workflow_task_completed_event_id)
    found["local activities"] = len(with_markers)
    return +found
