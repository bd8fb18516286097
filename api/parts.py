"""What the routes work with; built in run/, handed over once."""

from dataclasses import dataclass
from typing import cast

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client


@dataclass(frozen=True)
class Parts:
    """The register, Temporal, and the key that signs tokens."""

    engine: AsyncEngine
    temporal: Client
    secret: str
    task_queue: str
    token_minutes: int = 60


def parts(request: Request) -> Parts:
    """The parts of this application, as a dependency."""
    return cast(Parts, request.app.state.parts)
