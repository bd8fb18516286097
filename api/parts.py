"""What the routes work with; built in run/, handed over once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """The register, Temporal, and the key that signs tokens.

    `ui_origins` are the addresses of Temporal's Web UI; `clock` says when a customer's link has expired.
    """

    engine: AsyncEngine
    temporal: Client
    secret: str
    task_queue: str
    token_minutes: int = 60
    ui_origins: tuple[str, ...] = ()
    clock: Callable[[], datetime] = _now


def parts(request: Request) -> Parts:
    """The parts of this application, as a dependency."""
    return cast(Parts, request.app.state.parts)
