"""What somebody can do to the audit log who owns the database."""

from typing import Any

import psycopg

Owner = psycopg.Connection[Any]


def unlocked(owner: Owner, *statements: str) -> None:
    """What a superuser can do who first takes the lock away."""
    for statement in (
        "ALTER TABLE audit DISABLE TRIGGER ALL; ALTER TABLE audit_head DISABLE TRIGGER ALL",
        *statements,
        "ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_stays",
        "ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_stays",
    ):
        owner.execute(statement)
