"""The register's tables: the record of cases, for lists, search and figures. Times are timestamps with time zone."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Sequence, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlmodel import Field, SQLModel

from register.columns import at as _at
from register.columns import json as _json
from register.columns import names as _names
from register.columns import sealed as _sealed
from register.columns import table

__all__ = ["table"]

NUMBERS = Sequence("complaint_number", metadata=SQLModel.metadata)


OF_RECEIVED = (
    *("reference", "closed_at", "department", "nature", "product", "channel"),
    *("customer_number_index", "merged_into"),
)
OF_CLOSED = (
    *("reference", "received_at", "department", "outcome", "round", "kinds", "satisfaction", "nps"),
    *("root_cause_index", "erased_at"),
)
"""What the figures ask of a complaint, beside its index, so that they need not read the sealed rows."""


TO_ERASE = text("erased_at IS NULL AND stage = 'closed'")
"""Closed and not erased: a query that says it in these words may use the index."""
OPEN_BY, BROKEN = ("department", "due_at", "breached"), text("breached_at IS NOT NULL")


class Intake(SQLModel, table=True):
    """What was received, kept in the same transaction as its reference, before any process starts."""

    __table_args__ = (
        UniqueConstraint("agent", "idempotency_key"),
        Index("intake_waiting", "number", postgresql_where=text("started_at IS NULL")),
        Index("intake_same_body", "agent", "body_hash", "recorded_at"),
        Index("intake_started", "started_at"),
    )
    reference: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger, unique=True)
    agent: str
    idempotency_key: str | None = None
    body_hash: str
    form: bytes | None = _sealed()
    recorded_at: datetime = _at()
    started_at: datetime | None = _at(default=None)
    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    set_aside: str | None = Field(default=None, description="why it is not tried any more; ops looks at it")


class Complaint(SQLModel, table=True):
    """One case as its workflow last said: columns to list and count by; sealed, the form and the rest of its state."""

    __table_args__ = (
        Index("complaint_stage", "stage", "number"),
        Index("complaint_department", "department", "number"),
        Index("complaint_handler_open", "handler", postgresql_where=text("closed_at IS NULL")),
        Index("complaint_due_open", "due_at", postgresql_where=text("closed_at IS NULL")),
        Index("complaint_breached", "number", postgresql_where=text("breached")),
        Index("complaint_kinds", "kinds", postgresql_using="gin"),
        Index("complaint_departments", "departments", postgresql_using="gin"),
        Index("complaint_people", "people", postgresql_using="gin"),
        Index("complaint_received", "received_at", postgresql_include=OF_RECEIVED),
        Index("complaint_closed", "closed_at", postgresql_include=OF_CLOSED),
        Index("complaint_open", "stage", postgresql_include=OPEN_BY, postgresql_where=text("closed_at IS NULL")),
        Index("complaint_to_erase", "closed_at", "reference", postgresql_where=TO_ERASE),
        Index("complaint_cause", "root_cause_index", "number"),
        Index("complaint_product", "product", "received_at"),
        Index("complaint_customer_number", "customer_number_index", "received_at"),
        Index("complaint_email", "email_index"),
        Index("complaint_phone", "phone_index"),
    )
    reference: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger, unique=True)
    seq: int
    stage: str
    outcome: str | None = None
    nature: str | None = Field(default=None, index=True)
    urgency: str | None = None
    kinds: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    department: str | None = None
    handler: str | None = None
    departments: list[str] = _names(description="that have a part in it")
    region: str | None = None
    people: list[str] = _names(description="who have a part in it by name")
    handled_by: list[str] = _names(description="in this round")
    channel: str
    product: str | None = None
    language: str
    received_at: datetime = _at()
    opened_at: datetime = _at()
    opened_by: str
    closed_at: datetime | None = _at(default=None)
    due_at: datetime | None = _at(default=None)
    breached: bool = False
    round: int = 1
    root_cause_index: str | None = None
    satisfaction: int | None = None
    nps: int | None = None
    policy: str
    merged_into: str | None = None
    incident_of: str | None = Field(default=None, index=True)
    customer_number_index: str | None = None
    email_index: str | None = None
    phone_index: str | None = None
    form: bytes | None = _sealed()
    state: bytes | None = _sealed()
    erased_at: datetime | None = _at(default=None)


class CaseEvent(SQLModel, table=True):
    """The history of a case, in the past tense, oldest first by `seq`.

    `late_by`: of an alarm, the seconds it was heard after its moment, or after the case was kept if that was later.
    """

    __table_args__ = (Index("event_alarms", "at", "kind", "late_by", postgresql_where=text("late_by IS NOT NULL")),)
    reference: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: datetime = _at(index=True)
    kind: str
    by: str
    data: bytes | None = _sealed()
    late_by: int | None = None


class SlaClock(SQLModel, table=True):
    """A time limit of a case; `name` tells apart several of one kind (approval_1, approval_2)."""

    __table_args__ = (
        Index("clock_running", "due_at", postgresql_where=text("stopped_at IS NULL")),
        Index("clock_broken", "breached_at", postgresql_where=text("stopped_at IS NULL AND breached_at IS NOT NULL")),
        Index("clock_breach", "reference", "name", postgresql_include=("level",), postgresql_where=BROKEN),
    )
    reference: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    started_at: datetime = _at()
    due_at: datetime = _at()
    warned_at: datetime | None = _at(default=None)
    breached_at: datetime | None = _at(default=None)
    stopped_at: datetime | None = _at(default=None)
    level: int = 0
    provisional: bool = False


class CaseAssignment(SQLModel, table=True):
    """Who held a case, one row for each time it was given."""

    reference: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    at: datetime = _at()
    department: str
    handler: str | None = None
    by: str
    accepted_at: datetime | None = _at(default=None)
    accepted_by: str | None = None


class CaseApproval(SQLModel, table=True):
    """A question to an approver; `asked` is the level it has climbed to."""

    __table_args__ = (Index("approval_open", "due_at", postgresql_where=text("decision IS NULL AND NOT closed")),)
    id: str = Field(primary_key=True)
    reference: str = Field(index=True)
    asked_at: datetime = _at()
    due_at: datetime = _at()
    purpose: str = Field(default="resolution", sa_column_kwargs={"server_default": "resolution"})
    needs: str
    asked: str
    department: str | None = None
    why: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    by: str
    decision: str | None = None
    decided_at: datetime | None = _at(default=None)
    decided_by: str | None = None
    closed: bool = Field(default=False, description="the case ended before anybody decided")
    delegated_to: str | None = Field(default=None, description="of whom it is asked by name")


class CallbackTry(SQLModel, table=True):
    """One attempt to call a complainant back."""

    reference: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    round: int = 1
    at: datetime = _at()
    by: str
    reached: bool
    satisfaction: int | None = None
    nps: int | None = None


class Sending(SQLModel, table=True):
    """A letter as sent, sealed, and what became of it. `handing_over` is set just before the peer may take it."""

    __table_args__ = (Index("sending_open", "state", "ordered_at", postgresql_where=text("state <> 'sent'")),)
    reference: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    kind: str
    way: str
    language: str
    content: bytes | None = _sealed()
    ordered_at: datetime = _at()
    state: str = Field(description="ready, handing_over, sent, failed or uncertain")
    message_id: str
    tries: int = 0
    done_at: datetime | None = _at(default=None)
    error: str | None = None


class CustomerLink(SQLModel, table=True):
    """A personal link in a letter. The token itself is nowhere but in the letter; this is its SHA-256."""

    hash: str = Field(primary_key=True)
    reference: str = Field(index=True)
    letter: int
    made_at: datetime = _at()
    expires_at: datetime = _at()
    revoked_at: datetime | None = _at(default=None)


class BoardNotice(SQLModel, table=True):
    """The internal notice board: results of anonymous complaints, open to supervision (R7.2)."""

    reference: str = Field(primary_key=True)
    published_at: datetime = _at()
    language: str
    content: bytes | None = _sealed()


class StaffNotice(SQLModel, table=True):
    """Something a member of staff is told about a case; goes out in that person's next digest."""

    __table_args__ = (
        Index("staff_notice_waiting", "username", postgresql_where=text("digest IS NULL")),
        Index("staff_notice_told", "digest", postgresql_where=text("digest IS NOT NULL")),
    )
    reference: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    username: str = Field(primary_key=True)
    kind: str
    at: datetime = _at()
    data: dict[str, Any] = _json()
    digest: str | None = None


class Digest(SQLModel, table=True):
    """One message to one person, of all that waited for them; `mail` and `webhook` say what became of each."""

    __table_args__ = (Index("digest_open", "made_at", postgresql_where=text("done_at IS NULL")),)
    id: str = Field(primary_key=True)
    username: str = Field(index=True)
    made_at: datetime = _at()
    notices: int
    subject: str
    body: str
    mail: str = "ready"
    webhook: str = "ready"
    done_at: datetime | None = _at(default=None)


class Department(SQLModel, table=True):
    """A department cases are routed to."""

    code: str = Field(primary_key=True)
    zh: str
    en: str
    open: bool = True


class Staff(SQLModel, table=True):
    """A member of staff; `password` is an argon2 hash, empty for who has none. `demo` marks people who do not exist.

    `provider` and `subject`: the identity provider (issuer) the account belongs to, and who the person is there.
    """

    __table_args__ = (UniqueConstraint("provider", "subject"),)
    username: str = Field(primary_key=True)
    name: str
    email: str
    roles: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    department: str | None = Field(default=None, index=True)
    region: str | None = None
    skills: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    state: str = Field(default="working", description="working, leave or disabled")
    language: str = "zh-CN"
    password: str
    demo: bool = False
    provider: str | None = None
    subject: str | None = None


class LegalHold(SQLModel, table=True):
    """A case that is not to be erased while a matter of law goes on."""

    reference: str = Field(primary_key=True)
    set_at: datetime = _at()
    by: str
    reason: bytes | None = _sealed()
    released_at: datetime | None = _at(default=None)
