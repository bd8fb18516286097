"""The one way to the database: an asynchronous engine over psycopg, with the keys that open what is sealed in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from vault.keyring import Keyring

APP_ROLE = "amends_app"
"""As whom worker and web work: it uses the tables, makes and alters none, and can only add to the audit log."""

REGISTER_AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What is raised while the register does not answer."""

LONGER = text("SET LOCAL statement_timeout = '5min'")
"""For a transaction that may take longer than what a request asks: one at a time, or for a file of the audit log."""


def engine(
    url: str, keyring: Keyring, pool: int = 10, *, ping: bool = True, within: timedelta | None = None
) -> AsyncEngine:
    """A pooled engine; `url` starts with postgresql+psycopg://. `ping`: a dead connection is noticed before use.

    The keyring goes with it, so that whoever has a connection can open what it reads (vault.keyring.keyring_of).
    `within`: PostgreSQL ends a statement that takes longer; of a stream, each fetch is one.
    """
    made = create_async_engine(
        url,
        pool_size=pool,
        max_overflow=pool,
        pool_pre_ping=ping,
        pool_timeout=10,
        hide_parameters=True,  # an error names no values
        execution_options={"keyring": keyring},
    )
    if within is not None:
        # Said on the connection, not as a start-up option: PgBouncer lets none of those through.
        event.listen(made.sync_engine, "connect", lambda connection, _: _limit(connection, within))
    return made


def _limit(connection: DBAPIConnection, within: timedelta) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = {within // timedelta(milliseconds=1)}")
    cursor.close()
    connection.commit()  # or the first rollback would take it back


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection to ask with: no transaction around its questions, of which each sees what is committed by then.

    It saves BEGIN and ROLLBACK, and after a ROLLBACK psycopg throws away every statement it has prepared.
    """
    async with engine.connect() as db:
        yield await db.execution_options(isolation_level="AUTOCOMMIT")


def as_app(url: str) -> str:
    """The address of the same database for the role of the parts at work."""
    return make_url(url).set(username=APP_ROLE).render_as_string(hide_password=False)


def pool_use(engine: AsyncEngine) -> dict[str, int]:
    """Connections of the pool: in use, idle, and how many there may be."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return {"in_use": pool.checkedout(), "idle": pool.checkedin(), "most": 2 * pool.size()}
