"""One event of a process's history in words, for the reader's language."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from activities.wording import EVENTS as RECORDED
from api.pages.history_names import ACTIVITIES, ACTS, ATTRIBUTES, EVENTS, GRAVE, SUMMARIES
from api.pages.words import name, say
from api.process_history import Told
from api.processes import moment_of
from complaints.form import Language
from complaints.records import CUSTOMER

When = Callable[[datetime | str], str]
ALARM = re.compile(r"(\w+): (reminder|breach|escalation) to ([\w, ]+) at \S+")
LETTERS = re.compile(r"([a-z ,]+) by ([a-z_]+)")
ALARMS = {
    "reminder": "%(clock)s: reminder to %(to)s",
    "breach": "%(clock)s: the limit is over, %(to)s is told",
    "escalation": "%(clock)s: still late, now %(to)s is told",
}
RECORDED_AS = {english: kind for kind, (_, english) in RECORDED.items()}
POINTERS = ("started_event_id", "scheduled_event_id", "accepted_event_id", "initiated_event_id")
OF_THE_STEP = ("WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted")


@dataclass(frozen=True)
class Line:
    """An event as it is shown; `quiet`: one of the many that only say that the process takes its steps."""

    number: int
    at: datetime
    type: str
    words: str
    grave: bool
    quiet: bool


class Telling:
    """Puts the events of one run into words.

    `known`: those read so far; `when` writes a time; `departments`: their names by code.
    """

    def __init__(self, language: Language, known: dict[int, Told], when: When, departments: dict[str, str]) -> None:
        self.language, self.known, self.when, self.departments = language, known, when, departments
        self.comma = "、" if language == "zh-CN" else ", "

    def line(self, told: Told) -> Line:
        """That event."""
        what = self._kind(told)
        text = EVENTS.get(what)
        words = self._say(text) % self._values(told) if text else self._say("Something Temporal has no words for here")
        at = moment_of(told.event.event_time)
        return Line(told.event.event_id, at, told.type, words, what in GRAVE, told.type in OF_THE_STEP)

    def _say(self, text: str) -> str:
        return say(self.language, text)

    def _kind(self, told: Told) -> str:
        """The event's type, or what else it means."""
        given = attributes(told.event)
        if told.type == "WorkflowExecutionStarted" and given.continued_execution_run_id:
            return "ContinuedAsNew"
        if told.type == "MarkerRecorded":
            local = given.marker_name == "core_local_activity"
            return "MarkerOther" if not local else "MarkerFailed" if given.HasField("failure") else told.type
        if told.type == "WorkflowExecutionUpdateAccepted" and told.who is None:
            return "UpdateOfTheOffice"
        if told.type == "WorkflowExecutionUpdateCompleted" and given.outcome.HasField("failure"):
            return "UpdateRefused"
        return told.type

    def _values(self, told: Told) -> dict[str, Any]:
        given = attributes(told.event)
        return {
            "who": self._who(told),
            "what": self._what(told),
            "attempt": getattr(given, "attempt", ""),
            "at": self._until(told),
        }

    def _until(self, told: Told) -> str:
        given = attributes(told.event)
        if told.type != "TimerStarted":
            return ""
        return self.when(moment_of(told.event.event_time) + given.start_to_fire_timeout.ToTimedelta())

    def _who(self, told: Told) -> str:
        if told.type == "WorkflowExecutionUpdateAccepted":
            return self._say("the customer") if told.who == CUSTOMER else told.who or ""
        return str(getattr(attributes(told.event), "identity", "")) or "?"

    def _what(self, told: Told) -> str:
        """What an event is about; an event that ends something is about what the one says that began it."""
        given = attributes(told.event)
        match told.type:
            case "UpsertWorkflowSearchAttributes":
                return self._attributes(given.search_attributes.indexed_fields)
            case "WorkflowTaskFailed":
                return WorkflowTaskFailedCause.Name(given.cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")
            case "WorkflowExecutionUpdateAccepted":
                return self._act(given.accepted_request.input.name)
            case "WorkflowExecutionSignaled":
                return self._act(given.signal_name)
            case "SignalExternalWorkflowExecutionInitiated":
                return str(given.workflow_execution.workflow_id)
        if told.summary:
            return self.summary(told.summary)
        if (begun := self._begun(told)) is not None:
            return self._what(begun)
        if told.event.HasField("activity_task_scheduled_event_attributes"):
            return self.activity(given.activity_type.name)
        if told.type == "MarkerRecorded" and given.marker_name == "core_local_activity":
            return self.activity(_local(given))
        return self._say("not said")

    def _begun(self, told: Told) -> Told | None:
        given = attributes(told.event)
        for pointer in POINTERS:
            if number := getattr(given, pointer, 0):
                return self.known.get(number)
        return None

    def _act(self, update: str) -> str:
        return self._say(ACTS[update]) if update in ACTS else update

    def activity(self, type_name: str) -> str:
        """What an activity does."""
        return self._say(ACTIVITIES[type_name]) if type_name in ACTIVITIES else type_name

    def _attributes(self, fields: Any) -> str:
        shown = []
        for key, payload in sorted(fields.items()):
            label, codes = ATTRIBUTES.get(key, (key, None))
            value = json.loads(payload.data) if payload.data else None
            shown.append(f"{self._say(label)} {self._value(value, codes)}")
        return self.comma.join(shown)

    def _value(self, value: Any, codes: str | None) -> str:
        if isinstance(value, list):
            return self.comma.join(self._value(v, codes) for v in value) or "–"
        if isinstance(value, bool):
            return self._say("Yes" if value else "No")
        if value is None:
            return "–"
        if re.match(r"\d{4}-\d\d-\d\dT", str(value)):
            return self.when(str(value))
        return name(self.language, codes, str(value)) if codes else self.departments.get(str(value), str(value))

    def summary(self, text: str) -> str:
        """A summary the process has given, in the reader's language; as it stands where its form is not known."""
        if text in SUMMARIES:
            return self._say(SUMMARIES[text])
        if text.startswith("waiting for the complainant"):
            return self._say("waiting for the complainant")
        if alarm := ALARM.fullmatch(text):
            clock, what, to = alarm.groups()
            told = self.comma.join(name(self.language, "role", role) for role in to.split(", "))
            return self._say(ALARMS[what]) % {"clock": name(self.language, "clock", clock), "to": told}
        if letters := LETTERS.fullmatch(text):
            kinds = [kind.replace(" ", "_") for kind in letters[1].split(", ")]
            named = self.comma.join(name(self.language, "letter", kind) for kind in kinds)
            return self._say("%(letters)s by %(way)s") % {
                "letters": named, "way": name(self.language, "way", letters[2])
            }  # fmt: skip
        return self._recorded(text)

    def _recorded(self, text: str) -> str:
        """The record's summary is the list of what happened, cut at the end."""
        pieces: list[str] = []
        rest = text
        while rest:
            known = next((e for e in sorted(RECORDED_AS, key=len, reverse=True) if rest.startswith(e)), None)
            if known is None:
                if not pieces:
                    return text
                pieces.append(rest)
                break
            pieces.append(name(self.language, "event", RECORDED_AS[known]))
            rest = rest.removeprefix(known).removeprefix(", ")
        return self._say("record: %(what)s") % {"what": self.comma.join(pieces)}


def attributes(event: HistoryEvent) -> Any:
    """What Temporal says of that event beside its type."""
    return getattr(event, event.WhichOneof("attributes") or "", None)


def _local(given: Any) -> str:
    """The type of a local activity, which its marker holds in the clear."""
    payloads = given.details["data"].payloads if "data" in given.details else []
    return str(json.loads(payloads[0].data).get("activity_type", "")) if payloads else ""
