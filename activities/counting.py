"""Counts for Prometheus what a case's process says has happened, as it is recorded; served beside Temporal's figures.

A worker that dies just after it has written the record counts again when that is done again; the register is exact.
"""

import re
from datetime import timedelta

from temporalio import activity

from complaints.alarms import SAID
from complaints.case import Case
from complaints.records import Event

ALARMS = {said: str(happens) for happens, said in SAID.items()}
LATENESS = "amends_deadline_lateness"
SECOND = timedelta(seconds=1)
LETTER = re.compile(r"letter_(sent|failed|uncertain)")


def count(case: Case, events: list[Event]) -> None:
    """Add these events; labels are words of ours alone."""
    meter = activity.metric_meter()
    happened = meter.create_counter("amends_events", "events of cases, by kind")
    late = meter.create_histogram_timedelta(LATENESS, "from an alarm's moment until it was heard", "duration")
    breaches = meter.create_counter("amends_breaches", "limits broken, by clock")
    letters = meter.create_counter("amends_letters", "letters, by what became of them")
    for event in events:
        happened.add(1, {"kind": event.kind})
        if event.kind in ALARMS:
            late.record(lateness(case, event), {"alarm": ALARMS[event.kind]})
            clock = case.clocks.get(str(event.data["clock"]))
            if event.kind == "breached":
                breaches.add(1, {"clock": clock.name if clock else "over"})
        elif found := LETTER.fullmatch(event.kind):
            kind, way = str(event.data["letter"]), str(event.data["way"])
            letters.add(1, {"outcome": found[1], "way": way, "letter": kind})


def lateness(case: Case, event: Event) -> timedelta:
    """Between an alarm's moment, or that of keeping the complaint if it was later, and when it was heard.

    The event says whole seconds; the clock still has the moment itself, unless it was reckoned anew meanwhile.
    """
    seconds = event.data["late_by_seconds"]
    assert isinstance(seconds, int)
    late = timedelta(seconds=seconds)
    clock = case.clocks.get(str(event.data["clock"]))
    for alarm in clock.alarms if clock else []:
        exact = event.at - alarm.at
        if SAID[alarm.what] == event.kind and alarm.level == event.data["level"] and abs(exact - late) < SECOND:
            late = exact
    return max(min(late, event.at - case.opened_at), timedelta(0))
