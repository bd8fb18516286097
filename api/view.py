"""A case and its history as JSON, from the register's rows."""

from datetime import UTC, datetime
from typing import Any

from activities.wording import wording
from complaints.checks import possible
from complaints.names import Stage
from complaints.sla import Clock
from register import links

Json = dict[str, Any]


def clock_json(name: str, state: Json, now: datetime) -> Json:
    """One SLA clock as the contract has it."""
    clock = Clock.model_validate(state)
    return {
        "name": name,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "warned_at": clock.warned_at,
        "stopped_at": clock.stopped_at,
        "state": clock.state(),
        "lateness_seconds": int(clock.lateness(now).total_seconds()),
        "level": clock.level,
        "provisional": clock.provisional,
        "calendar": clock.calendar,
        "rule": clock.rule,
        "source": clock.source,
        "counted": clock.counted,
        "paused_at": clock.paused_at,
        "stood": [still.model_dump() for still in clock.stood],
        "changes": [change.model_dump() for change in clock.changes],
    }


def case_json(state: Json) -> Json:
    """The whole case: form, classification with its reasons, who holds it, clocks, and what can be done now."""
    now = datetime.now(UTC)
    form = state["form"]
    shown = {k: v for k, v in state.items() if k not in ("form", "clocks", "assignments", "resolutions", "withdrawn")}
    clocks = sorted(state["clocks"].items(), key=lambda item: str(item[1]["due_at"]))
    return {
        **shown,
        **form,
        "assignment": state["assignments"][-1] if state["assignments"] else None,
        "assignments": state["assignments"],
        "clocks": [clock_json(name, clock, now) for name, clock in clocks],
        "resolution": state["resolutions"][-1] if state["resolutions"] else None,
        "resolutions": state["resolutions"],
        "withdrawal": state["withdrawn"],
        "possible": possible(Stage(state["stage"])),
    }


def event_json(event: Json) -> Json:
    """One event of the history, with its words in both languages."""
    text = {language: wording(event["kind"], language) for language in ("zh-CN", "en")}
    return {**event, "text": text}


def letter_json(sending: Json) -> Json:
    """A letter with what became of it; of one on paper, `pdf` says that there is a print."""
    # A letter that still waits has the customer's link in its text; whoever has the link acts as the customer.
    shown = {name: text and links.struck(text) for name in ("body", "html") for text in [sending[name]]}
    return {**sending, **shown, "pdf": sending["pdf"] is not None}
