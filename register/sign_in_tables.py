"""The register's tables for signing in. Of every secret there is a digest only."""

from datetime import datetime

from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlmodel import Field, SQLModel

from register.columns import at as _at


class StaffSession(SQLModel, table=True):
    """Somebody is signed in. `digest`: of the refresh token (kind `token`) or of the cookie (kind `page`)."""

    id: str = Field(primary_key=True)
    username: str = Field(index=True)
    kind: str = Field(description="token or page")
    way: str = Field(description="password or provider")
    origin: str
    digest: str = Field(unique=True)
    made_at: datetime = _at()
    seen_at: datetime = _at()
    expires_at: datetime = _at()
    ended_at: datetime | None = _at(default=None)
    ended_why: str | None = None


class SpentToken(SQLModel, table=True):
    """A token that is good once and has been used: a refresh token of a session, or an ID token."""

    digest: str = Field(primary_key=True)
    session: str = Field(index=True)
    at: datetime = _at(index=True)


class SignInLock(SQLModel, table=True):
    """Failed sign-ins under one name, known or not; `key` is a keyed digest of the name."""

    key: str = Field(primary_key=True)
    failures: int
    last_at: datetime = _at(index=True)
    locked_until: datetime | None = _at(default=None)


class ServiceKey(SQLModel, table=True):
    """A key of a service account; `scopes` are the names of the acts that may be done with it."""

    id: str = Field(primary_key=True)
    username: str = Field(index=True)
    digest: str = Field(unique=True)
    scopes: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    made_at: datetime = _at()
    expires_at: datetime = _at()
    seen_at: datetime | None = _at(default=None)
    revoked_at: datetime | None = _at(default=None)
