"""The audit log: who did what, when, to what, from where and why. Append-only."""

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, Field, JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


def _now() -> datetime:
    return datetime.now(UTC)


class Entry(BaseModel):
    """One line of the log. Nothing but `why` may hold personal data; `why` is sealed with the key of the case."""

    who: str = Field(description="user name, or process, customer, command line")
    act: str = Field(description="what was done, such as signed_in, disclosed, erased")
    at: AwareDatetime = Field(default_factory=_now)
    subject: str | None = Field(default=None, description="what it was done to: a case's reference, a user name")
    change: dict[str, JsonValue] = Field(default={}, description="each field that changed: [before, after]")
    origin: str | None = Field(default=None, description="from where: a network address, process, command line")
    why: str | None = None
    source: str | None = Field(default=None, description="what makes it one entry, however often it is appended")


async def append(engine: AsyncEngine, *entries: Entry) -> None:
    """Add these entries."""


async def append_in(db: AsyncConnection, *entries: Entry) -> None:
    """Add these entries in a transaction under way."""
