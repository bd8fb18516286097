"""A case and its history as JSON, from the register's rows; contact data is masked unless it is to be shown."""

from datetime import UTC, datetime
from typing import Any

from activities.wording import wording
from complaints import masking
from complaints.checks import possible
from complaints.masking import Mask
from complaints.names import Stage
from complaints.sla import Clock
from register import links

Json = dict[str, Any]

CODES = frozenset((
    *("reference", "id", "merging", "merged_into", "incident_of", "members", "approval", "clock", "clocks"),
    *("stage", "outcome", "state", "how", "kind", "kinds", "nature", "urgency", "level", "channel", "language"),
    *("product", "way", "decision", "purpose", "asked", "needs", "currency", "value", "rule", "label", "message_id"),
    *("by", "opened_by", "owner", "handler", "follower", "accepted_by", "answered_by", "approved_by", "decided_by"),
    *("colleague", "done_by", "reopened_by", "resumed_by", "told_by", "policy", "policy_version", "department", "lead"),
    *("from_department", "to_department", "from_region", "to_region", "delegated_to", "delegated_by"),
))  # fmt: skip
"""Under these names stand codes of the house's own and user names; every other text may hold what a person wrote."""


def clock_json(name: str, state: Json, now: datetime) -> Json:
    """One SLA clock as the contract has it."""
    clock = Clock.model_validate(state)
    return {
        "name": name,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "warned_at": clock.warned_at,
        "alarms": [{"at": a.at, "what": a.what, "level": a.level} for a in clock.alarms],
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


def case_json(state: Json, *, shown: bool = False) -> Json:
    """The whole case: form, classification with its reasons, who holds it, clocks, and what can be done now."""
    now = datetime.now(UTC)
    clocks = sorted(state["clocks"].items(), key=lambda item: str(item[1]["due_at"]))
    possible_now = possible(Stage(state["stage"]))
    state = state if shown else masked(state)
    kept = {k: v for k, v in state.items() if k not in ("form", "clocks", "assignments", "resolutions", "withdrawn")}
    return {
        "masked": not shown,
        **kept,
        **state["form"],
        "assignment": state["assignments"][-1] if state["assignments"] else None,
        "assignments": state["assignments"],
        "clocks": [clock_json(name, clock, now) for name, clock in clocks],
        "resolution": state["resolutions"][-1] if state["resolutions"] else None,
        "resolutions": state["resolutions"],
        "withdrawal": state["withdrawn"],
        "possible": possible_now,
    }


def kept_json(reference: str, recorded_at: datetime, form: Json, *, shown: bool = False) -> Json:
    """A complaint that is kept and whose process has not started."""
    form = form if shown else masked({"form": form})["form"]
    return {"masked": not shown, "reference": reference, "stage": "received", "recorded_at": recorded_at, **form}


def masked(state: Json) -> Json:
    """A case's state with its complainant masked, and every text of it that a person wrote."""
    person, form = state["form"]["complainant"], state["form"]
    mask = Mask(person)
    by_hand = {"complainant": masking.complainant(person), "about": mask.json(form.get("about"))}
    rest = {k: v for k, v in state.items() if k not in ("clocks", "form")}
    return {**mask.json(rest, CODES), "form": {**mask.json(form, CODES), **by_hand}}


def mask_of(form: Json | None) -> Mask:
    """The mask for texts about the case of that form; of an erased case nothing is known, and nothing left."""
    return Mask(form.get("complainant") if form else None)


def event_json(event: Json, mask: Mask) -> Json:
    """One event of the history, with its words in both languages."""
    text = {language: wording(event["kind"], language) for language in ("zh-CN", "en")}
    return {**event, "data": mask.json(event["data"], CODES), "text": text}


def letter_json(sending: Json, mask: Mask | None) -> Json:
    """A letter with what became of it; of one on paper, `pdf` says that there is a print. No mask: to be shown."""
    # A letter that still waits has the customer's link in its text; whoever has the link acts as the customer.
    struck = {name: text and links.struck(text) for name in ("body", "html") for text in [sending[name]]}
    letter = {**sending, **struck, "pdf": sending["pdf"] is not None}
    if mask is None:
        return letter
    recipient = masking.FIELDS[CONTACT[sending["way"]]](sending["recipient"]) if sending["recipient"] else ""
    return {**mask.json(letter, CODES), "recipient": recipient}


CONTACT = {"email": "email", "sms": "phone", "post": "address"}
"""What the recipient of a letter is, by its way."""
