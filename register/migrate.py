"""Brings the register's tables to the version of this code; safe to run from several places at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

LOCK = 720_114


class CannotMigrate(Exception):
    """Something a database administrator has to do first; the message says what."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def migrate(url: str) -> str:
    """Upgrade to the newest version and say which it is."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
        try:
            command.upgrade(_config(connection), "head")
            connection.commit()
            return MigrationContext.configure(connection).get_current_revision() or "none"
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"))
            connection.commit()
            engine.dispose()


def newest() -> str:
    """The version this code wants."""
    return ScriptDirectory.from_config(_config()).get_current_head() or "none"


def draft(url: str, message: str) -> None:
    """Write a migration for what the tables have and the database has not (for developers)."""
    engine = create_engine(url)
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)
    engine.dispose()
