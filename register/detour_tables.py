"""The register's tables of what does not go straight: incidents, transfers, extensions, duties."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from register.columns import at as _at
from register.columns import sealed as _sealed


class MajorIncident(SQLModel, table=True):
    """The response to a major complaint."""

    __table_args__ = (
        Index(
            "incident_under_way", "declared_at", postgresql_where=text("reported_at IS NULL AND stood_down_at IS NULL")
        ),
    )
    id: str = Field(primary_key=True)
    reference: str = Field(index=True)
    declared_at: datetime = _at()
    due_at: datetime = _at()
    acknowledged_at: datetime | None = _at(default=None)
    acknowledged_by: str | None = None
    leader: str | None = None
    reported_at: datetime | None = _at(default=None)
    breached_at: datetime | None = _at(default=None)
    stood_down_at: datetime | None = _at(default=None)
    members: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class CaseTransfer(SQLModel, table=True):
    """A transfer form; `handled` once the receiver has resolved the case (the success rate of R3.3)."""

    __table_args__ = (Index("transfer_open", "to_department", postgresql_where=text("answer IS NULL")),)
    reference: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    at: datetime = _at()
    by: str
    from_department: str
    to_department: str
    to_region: str | None = None
    answer: str | None = None
    answered_at: datetime | None = _at(default=None)
    answered_by: str | None = None
    handled: bool = False


class CaseExtension(SQLModel, table=True):
    """An extension asked for, and what became of it."""

    reference: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    clock: str
    at: datetime = _at()
    by: str
    old_due_at: datetime = _at()
    new_due_at: datetime = _at()
    state: str
    told_at: datetime | None = _at(default=None)


class CaseDuty(SQLModel, table=True):
    """One department's part in the plan of a cross-department complaint."""

    __table_args__ = (
        Index("duty_open", "owner", postgresql_where=text("answered_at IS NULL AND cancelled_at IS NULL")),
    )
    reference: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    department: str
    owner: str
    task: bytes | None = _sealed()
    at: datetime = _at()
    due_at: datetime = _at()
    breached_at: datetime | None = _at(default=None)
    answered_at: datetime | None = _at(default=None)
    cancelled_at: datetime | None = _at(default=None)
