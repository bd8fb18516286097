"""What comparisons of register and processes came to."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from register.columns import at as _at
from register.columns import json as _json


class ReconcileRun(SQLModel, table=True):
    """One comparison; `found` and `mended` are numbers by kind, `left_over` the first of what a person has to do."""

    at: datetime = _at(primary_key=True)
    seconds: float
    compared: int
    seeded: int
    moving: int
    found: dict[str, Any] = _json()
    mended: dict[str, Any] = _json()
    left_over: list[Any] = _json()
    by: str = Field(description="process, or the command line and whose")


class ComparedCase(SQLModel, table=True):
    """A case that was the same on both sides: how long its process's history was, and what the register said."""

    reference: str = Field(primary_key=True)
    run: str
    events: int
    digest: str = Field(description="of what the register said")
