"""Brings the register's tables to the version of this code; safe to run from several places at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.dialects.postgresql import insert

from vault.keyring import DataKey, Keyring
from vault.master import Master
from vault.subjects import OFFICE

LOCK = 720_114
SEALED_SINCE = "0009"
OFFICE_KEYS = (OFFICE, "secret:index", "secret:audit")


class CannotMigrate(Exception):
    """Something a database administrator has to do first; the message says what."""


def _config(connection: Connection | None = None, master: Master | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"], config.attributes["master"] = connection, master
    return config


def migrate(url: str, master: Master) -> str:
    """Upgrade to the newest version and say which it is; `master` wraps the keys that are made on the way."""
    engine = create_engine(url, hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
        try:
            before = MigrationContext.configure(connection).get_current_revision()
            command.upgrade(_config(connection, master), "head")
            _office_keys(connection, Keyring(master))
            connection.commit()
            if before is not None and before < SEALED_SINCE:
                _rewrite(connection)
            return MigrationContext.configure(connection).get_current_revision() or "none"
        finally:
            connection.rollback()  # of what failed; else there is nothing left of it to roll back
            connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"))
            connection.commit()
            engine.dispose()


def _office_keys(connection: Connection, keyring: Keyring) -> None:
    """The keys that belong to no case are there before anybody needs them."""
    for subject in OFFICE_KEYS:
        connection.execute(insert(DataKey).values(keyring.new_row(subject)).on_conflict_do_nothing())


def _rewrite(connection: Connection) -> None:
    """Rewrite the tables whose rows were plain: PostgreSQL keeps what was deleted until then."""
    connection.commit()
    outside = connection.execution_options(isolation_level="AUTOCOMMIT")
    for table in ("intake", "complaint", "caseevent", "caseduty", "caseassignment", "sending", "boardnotice"):
        outside.execute(text(f"VACUUM FULL {table}"))
    outside.execute(text("VACUUM FULL staffnotice"))


def newest() -> str:
    """The version this code wants."""
    return scripts().get_current_head() or "none"


def scripts() -> ScriptDirectory:
    """All migrations that this code knows."""
    return ScriptDirectory.from_config(_config())


def draft(url: str, message: str) -> None:
    """Write a migration for what the tables have and the database has not (for developers)."""
    engine = create_engine(url, hide_parameters=True)
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)
    engine.dispose()
