"""The audit log's tables. Nobody may change or remove a line: the role of the parts at work lacks the right, and a
trigger refuses it to the owner, too (migration 0007)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary
from sqlmodel import Field, SQLModel

from register.columns import at as _at
from register.columns import json as _json


class Audit(SQLModel, table=True):
    """One line of the log. `mac` covers the line and the `mac` before it, so that no line can change or go unseen."""

    __table_args__ = (
        Index("audit_subject", "subject", "seq"),
        Index("audit_who", "who", "seq"),
        Index("audit_act", "act", "seq"),
        Index("audit_at", "at", postgresql_using="brin"),
    )
    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = _at()
    who: str
    act: str
    subject: str | None = None
    change: dict[str, Any] = _json()
    origin: str | None = None
    why: bytes | None = Field(default=None, sa_type=LargeBinary)
    source: str | None = Field(default=None, unique=True)
    mac: bytes = Field(sa_type=LargeBinary)


class AuditHead(SQLModel, table=True):
    """The last line: one row, locked by who appends. It puts the lines in order, and shows when the last are gone."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="audit_head_one_row"),)
    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(sa_type=BigInteger)
    mac: bytes = Field(sa_type=LargeBinary)
