"""The audit log in words: what was done, and what was another value before."""

import re
from typing import Any, NamedTuple

from activities.wording import EVENTS
from api.access import entry_of
from api.pages.names import NAMES
from api.pages.time_left import moment
from api.pages.words import name, say
from api.recording import BY_LINK, NOBODY
from complaints.form import Language
from complaints.records import CUSTOMER, PROCESS

LOGGED: dict[str, str] = {
    "signed_in": "Signed in", "signed_out": "Signed out", "sign_in_failed": "Sign-in failed",
    "sign_in_locked": "Sign-in locked for a while", "refresh_reused": "A spent token was used again",
    "staff_added": "Staff added", "staff_changed": "Staff changed",
    "password_set": "Password set",  # nosec B105: words, no password
    "retried": "Kept complaint tried again", "seeded": "Seeded a history", "seed_removed": "Seeded history removed",
    "key_made": "Service key made", "key_revoked": "Service key revoked", "rules_changed": "Rules changed",
    "policy_reprojected": "Time limits counted anew by command", "imported": "Complaints imported",
    "audit_exported": "Audit log exported", "audit_checked": "Audit log checked", "disclosed": "Contact data shown",
    "disclosure_alarm": "Contact data of many customers shown", "searched": "Searched for cases",
    "decoded": "Processes' data decoded", "encoded": "Processes' data encoded", "erased": "Personal data erased",
    "held": "Kept from erasure", "hold_released": "Erasure allowed again", "printed": "Letters printed",
    "reconciled": "Record differed from its process and was mended",
    "master_key_rotated": "Master key turned", "history_cut": "Events that did not happen were taken out",
    "promoted": "Build made current",
}  # fmt: skip
"""What is written down beside the events of cases and the requests."""

REQUESTS: dict[str, str] = {
    "read": "Read a case", "timeline": "Read a case's timeline", "letters": "Read a case's letters",
    "duplicates": "Looked for duplicates of a case", "list": "Listed cases", "incidents": "Listed major incidents",
    "incident": "Read a major incident", "incident_print": "Read a major incident to print it",
    "incident_task": "Read a task of a response", "approval": "Read an approval",
    "audit": "Read the audit log", "audit_file": "Took away the audit log", "query_log": "Read the query log",
    "verify_audit": "Had the audit log checked", "look": "Looked at the case by personal link",
    "look_up": "Looked up a customer's earlier cases", "choose_language": "Chose a language",
    "decode": "Decoded processes' data", "encode": "Encoded processes' data", "open": "Opened a complaint",
    "correct": "Corrected the class", "assign_to": "Assigned a case", "accept": "Took a case",
    "submit_resolution": "Submitted a resolution", "decide": "Decided on an approval",
    "tell_result": "Recorded that the result was told", "record_callback": "Recorded a callback",
    "withdraw": "Withdrew a complaint", "add_note": "Added a note", "disclose": "Asked to see contact data",
    "extend": "Asked for an extension", "tell_extension": "Recorded that the extension was told",
    "begin_pause": "Paused a case", "resume": "Let a case go on", "ask_transfer": "Asked for a transfer",
    "answer_transfer": "Answered a transfer", "file_plan": "Filed a plan", "answer_duty": "Answered a duty",
    "change_duty": "Changed a duty", "link": "Linked cases", "reopen": "Opened a case again",
    "join_incident": "Added a case to a major incident", "leave_incident": "Took a case out of a major incident",
    "acknowledge_major": "Acknowledged a major incident", "log_major": "Wrote into the response's log",
    "give_task": "Gave a task of the response", "finish_task": "Finished a task of the response",
    "hand_over_major": "Handed over the response", "answer_publicly": "Proposed a public answer",
    "ask_opinion": "Asked for a second opinion", "give_opinion": "Gave a second opinion",
    "delegate": "Delegated an approval", "decide_together": "Decided on several approvals",
    "assign_together": "Assigned several cases", "set_absence": "Set somebody's absence",
    "export_csv": "Took away a list of cases (CSV)", "export_xlsx": "Took away a list of cases (XLSX)",
    "export_figures_csv": "Took away figures (CSV)", "export_figures_xlsx": "Took away figures (XLSX)",
    "process": "Read a case's process history", "report_major": "Reported on the response",
    "stand_down": "Stood the response down",
}  # fmt: skip
"""By the act of the access table: every request that is written down."""

FIELDS: dict[str, str] = {
    "stage": "stage", "outcome": "outcome", "department": "department", "handler": "handler", "nature": "nature",
    "urgency": "urgency", "kinds": "special kinds", "due_at": "due", "breached": "breached", "round": "round",
    "merged_into": "merged into", "incident_of": "major incident of", "policy": "rules", "status": "answer",
    "problem": "refused", "purpose": "for", "letters": "with letters", "cases": "cases",
    "within_minutes": "within minutes", "found": "found", "seq": "last event", "roles": "roles", "key": "key",
    "scopes": "acts", "state": "state", "skills": "skills", "region": "region", "email": "e-mail", "name": "name",
    "since": "checked after line", "lines": "up to line", "head": "head", "fault_at": "fault in line",
    "fault": "fault", "from": "from", "to": "until", "payloads": "payloads", "keys": "keys", "master": "master key",
    "language": "language", "subject": "subject", "limits": "limits", "kind": "kind of file",
}  # fmt: skip

WHICH = {
    "stage": "stage", "outcome": "outcome", "nature": "nature", "urgency": "urgency", "kinds": "kind",
    "purpose": "purpose_of_query", "roles": "role", "state": "staff_state",
}  # fmt: skip
"""Which codes stand under a field."""

PLACES = {
    PROCESS: "the process", CUSTOMER: "the customer", NOBODY: "not signed in", BY_LINK: "personal link",
}  # fmt: skip
"""Who and from where, where it is no user and no address."""


class Change(NamedTuple):
    """A field, its value before if there was one before, and its value now."""

    field: str
    before: str | None
    after: str


def act_words(language: Language, act: str) -> str:
    """What was done; the act itself where it has no name."""
    method, _, path = act.partition(" ")
    if path:
        entry = entry_of(method, path)
        return say(language, REQUESTS[entry.does]) if entry and entry.does in REQUESTS else act
    if act in EVENTS:
        return name(language, "event", act)
    return say(language, LOGGED.get(act, act))


def who_words(language: Language, who: str) -> str:
    """Who did it: a user name, or which part of the system."""
    if who.startswith("command line"):
        return say(language, "command line") + who.removeprefix("command line")
    return say(language, PLACES[who]) if who in PLACES else who


def changes(language: Language, change: dict[str, Any] | None, departments: dict[str, str]) -> list[Change]:
    """What a line says was changed: a pair is before and after, anything else stands for itself."""
    found = []
    for field, value in (change or {}).items():
        pair = value if isinstance(value, list) and len(value) == 2 else None
        shown = say(language, FIELDS[field]) if field in FIELDS else field
        known = departments if field == "department" else {}
        before, after = (known.get(str(v)) or _value(language, field, v) for v in (pair or [None, value]))
        if pair is None or before != after:
            found.append(Change(shown, before if pair else None, after))
    return found


def fault_words(language: Language, fault: str) -> str:
    """What a check found, which has the numbers of lines in it."""
    return say(language, re.sub(r"\d+", "%s", fault)) % tuple(re.findall(r"\d+", fault))


def _value(language: Language, field: str, value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ("、" if language == "zh-CN" else ", ").join(_value(language, field, v) for v in value)
    if isinstance(value, bool):
        return say(language, "Yes" if value else "No")
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        at = moment(value)
        return f"{at:%Y-%m-%d %H:%M}" if at else value
    if field == "fault":
        return fault_words(language, str(value))
    known = NAMES.get(WHICH.get(field, ""), {})
    return say(language, known[value]) if isinstance(value, str) and value in known else str(value)
