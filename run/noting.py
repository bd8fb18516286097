"""What is done on the command line, written into the audit log."""

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncEngine

from register import audit

WHO = "command-line"


async def noted(engine: AsyncEngine, act: str, username: str, change: dict[str, JsonValue]) -> None:
    """Write what was done to that account into the audit log."""
    await audit.append(engine, audit.Entry(who=WHO, act=act, subject=username, change=change, origin=WHO))
