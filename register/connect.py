"""The one way to the database: an asynchronous engine over psycopg."""

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def engine(url: str, pool: int = 10, *, ping: bool = True) -> AsyncEngine:
    """A pooled engine; `url` starts with postgresql+psycopg://. `ping`: a dead connection is noticed before use."""
    return create_async_engine(
        url,
        pool_size=pool,
        max_overflow=pool,
        pool_pre_ping=ping,
        pool_timeout=10,
        hide_parameters=True,  # an error must not quote the values of the row it is about
    )
