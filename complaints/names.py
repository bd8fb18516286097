"""Names that cross a boundary, each written once."""

from enum import StrEnum

TASK_QUEUE = "complaints"
RETENTION, RECONCILE = "retention", "reconcile"
"""What happens at fixed times: the IDs of the schedules."""
WORKFLOW_TYPE = "Complaint"
STAGE_SHOWN = "AmendsStage"
"""The search attribute that shows a case's stage; its type is in workflows/search_attributes.py."""


class Stage(StrEnum):
    """Where a case stands; the order is the order of the procedure."""

    received = "received"
    classified = "classified"
    assigned = "assigned"
    in_progress = "in_progress"
    awaiting_approval = "awaiting_approval"
    feedback = "feedback"
    callback = "callback"
    closed = "closed"


class Outcome(StrEnum):
    """How a closed case ended."""

    satisfied = "satisfied"
    dissatisfied_exhausted = "dissatisfied_exhausted"
    not_reached = "not_reached"
    anonymous_published = "anonymous_published"
    withdrawn = "withdrawn"
    merged = "merged"


class Channel(StrEnum):
    """The way a complaint came in."""

    telephone = "telephone"
    email = "email"
    letter = "letter"
    sms = "sms"
    online = "online"
    counter = "counter"
    box = "box"
    regulator = "regulator"


class Way(StrEnum):
    """The way something is told to the complainant; `spoken` is a task for a person."""

    email = "email"
    sms = "sms"
    post = "post"
    spoken = "spoken"


class Role(StrEnum):
    """What a member of staff may do; one person can hold several."""

    agent = "agent"
    handler = "handler"
    supervisor = "supervisor"
    manager = "manager"
    auditor = "auditor"
    ops = "ops"
    admin = "admin"


class Nature(StrEnum):
    """What a complaint mainly is (R2.1)."""

    service = "service"
    product = "product"
    operation = "operation"
    violation = "violation"


class Kind(StrEnum):
    """Special kinds a complaint can be, in any combination (R2.3)."""

    major = "major"
    cross_department = "cross_department"
    anonymous = "anonymous"


class Urgency(StrEnum):
    """How soon it needs action (R2.2)."""

    general = "general"
    urgent = "urgent"


HEAD_OFFICE = "head_office"
"""The department whose managers are the top of every escalation ladder."""


def approval_id(reference: str, number: int) -> str:
    """`CMP-2026-000042-A1`: the first approval asked for that case."""
    return f"{reference}-A{number}"


def incident_id(reference: str) -> str:
    """`CMP-2026-000042-M1`: the major-complaint response of that case."""
    return f"{reference}-M1"


def case_of(identifier: str) -> str:
    """The complaint's reference inside an approval's or an incident's identifier."""
    return identifier.rsplit("-", 1)[0]
