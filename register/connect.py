"""The one way to the database: an asynchronous engine over psycopg."""

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

APP_ROLE = "amends_app"
"""As whom worker and web work: it uses the tables, makes and alters none, and can only add to the audit log."""


def engine(url: str, pool: int = 10, *, ping: bool = True) -> AsyncEngine:
    """A pooled engine; `url` starts with postgresql+psycopg://. `ping`: a dead connection is noticed before use."""
    return create_async_engine(url, pool_size=pool, max_overflow=pool, pool_pre_ping=ping, pool_timeout=10)


def as_app(url: str) -> str:
    """The address of the same database for the role of the parts at work."""
    return make_url(url).set(username=APP_ROLE).render_as_string(hide_password=False)
