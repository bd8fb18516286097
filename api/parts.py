"""What the routes work with; built in run/, handed over once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from argon2 import PasswordHasher
from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.oidc import Provider
from api.rates import Rates


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lives:
    """How long a sign-in is good: its access token, without being used, and at most."""

    token: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(hours=2)
    session: timedelta = timedelta(hours=12)


@dataclass(frozen=True)
class Parts:
    """The register, Temporal, the key that signs tokens, and what signing in needs.

    `clock` says when a session or a customer's link is over; `staff_url` is where staff reach the pages, if that is
    not the address of the request itself; `ui_origins` are the addresses of Temporal's Web UI; `counted_for`: how long
    what /metrics has counted in the register is good.
    """

    engine: AsyncEngine
    temporal: Client
    secret: str
    task_queue: str
    lives: Lives = Lives()
    ui_origins: tuple[str, ...] = ()
    clock: Callable[[], datetime] = _now
    provider: Provider | None = None
    staff_url: str | None = None
    rates: Rates = field(default_factory=Rates)
    counted_for: timedelta = timedelta(seconds=15)
    hasher: PasswordHasher = field(default_factory=PasswordHasher)


def parts(request: Request) -> Parts:
    """The parts of this application, as a dependency."""
    return cast(Parts, request.app.state.parts)
