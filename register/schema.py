"""Which version the register's tables have: a part starts only where its own code finds what it reads and writes.

A register that is newer is borne: migrations only add, until no part of the version before is left (docs/upgrading.md).
"""

import structlog
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from register.migrate import newest, scripts

log = structlog.get_logger()


class TooOld(RuntimeError):
    """The register lacks what this code needs; the message says what to do."""


async def check(engine: AsyncEngine) -> None:
    """Refuse a register whose tables are older than this code. One that does not answer is not asked again."""
    try:
        async with engine.connect() as db:
            found = await db.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:  # there is no such table
        found = None
    except (OperationalError, OSError) as away:
        log.warning("schema.not_checked", error=type(away).__name__)
        return
    if found != newest() and (found is None or _has(scripts(), found)):
        stands = f"the register is at {found or 'no version'}"
        raise TooOld(f"{stands}, this code needs {newest()}: run amends migrate first")


def _has(ours: ScriptDirectory, version: str) -> bool:
    try:
        return ours.get_revision(version) is not None
    except CommandError:  # made by code that is newer than this
        return False
