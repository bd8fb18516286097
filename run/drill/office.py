"""A whole office on a skipping clock: API, worker and register on real servers, on a calendar of our choosing.

Drills and tests act through it as people do: over the API, by name, with a password.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.client import WorkflowHandle
from temporalio.testing import TimeSkipper, WorkflowEnvironment
from temporalio.worker import Worker

from activities.channels import Post
from api.app import create_app
from api.parts import Lives, Parts
from api.rates import Rates
from register.tables import StaffNotice
from run import worker
from run.drill.borrowing import Borrowed, borrow, rules

Skipper = TimeSkipper | WorkflowEnvironment
"""What moves a workflow's clock; both have the same client and the same fast-forward."""

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""For passwords made a moment ago and gone in a minute: signing in need not be slow here."""
LONG = Lives(token=timedelta(days=1), idle=timedelta(days=1), session=timedelta(days=1))
"""Nobody signs in twice in a rehearsal, however long it takes, and a day of work is done in a minute."""


@dataclass
class Office:
    """One desk: acts through the API, moves the clocks of its cases, reads what came of it."""

    env: Skipper
    engine: AsyncEngine
    http: httpx.AsyncClient
    queue: str
    worker: Worker
    build: Callable[[], Worker]
    zero: date
    day: timedelta
    zone: timezone
    tokens: dict[str, str] = field(default_factory=dict)
    password: str = ""
    work: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def token(self, user: str) -> str:
        """A bearer token of that member of staff, who signs in once."""
        if user not in self.tokens:
            answer = await self.http.post("/auth/token", data={"username": user, "password": self.password})
            if answer.status_code != 200:
                raise LookupError(f"{user} cannot sign in: {answer.text}")
            self.tokens[user] = answer.json()["access_token"]
        return self.tokens[user]

    async def call(self, user: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request in that person's name."""
        sent = {"Authorization": f"Bearer {await self.token(user)}"} | headers
        return await self.http.request(method, path, json=body, headers=sent)

    async def read(self, path: str) -> Any:
        """What an auditor reads there."""
        answer = await self.call("auditor", "GET", path)
        answer.raise_for_status()
        return answer.json()

    async def case(self, reference: str) -> dict[str, Any]:
        """The case as the API shows it."""
        found: dict[str, Any] = await self.read(f"/complaints/{reference}")
        return found

    async def events(self, reference: str) -> list[dict[str, Any]]:
        """The history of a case, oldest first."""
        found: list[dict[str, Any]] = (await self.read(f"/complaints/{reference}/timeline"))["events"]
        return found

    async def letters(self, reference: str) -> list[dict[str, Any]]:
        """The letters of a case, with their text and what became of them."""
        found: list[dict[str, Any]] = (await self.read(f"/complaints/{reference}/letters"))["letters"]
        return found

    async def notices(self, reference: str) -> list[tuple[int, str, str]]:
        """Who was told of which event of a case: its number, its kind, the user name."""
        n = StaffNotice
        query = select(col(n.seq), col(n.kind), col(n.username)).where(col(n.reference) == reference)
        async with self.engine.connect() as db:
            rows = await db.execute(query.order_by(col(n.seq), col(n.username)))
            return [(seq, kind, username) for seq, kind, username in rows]

    async def told(self, reference: str) -> list[tuple[str, str]]:
        """Who was told what about a case."""
        return [(kind, username) for _, kind, username in await self.notices(reference)]

    def handle(self, reference: str) -> WorkflowHandle[Any, Any]:
        """The process of a case."""
        return self.env.client.get_workflow_handle(reference)

    async def now(self, reference: str) -> datetime:
        """The case's own time."""
        info = await self.env.get_time_skipping_info(self.handle(reference))
        return info.current_time.ToDatetime(UTC) if info else datetime.now(UTC)

    @property
    def calendar(self) -> Borrowed:
        """The calendar this office has borrowed."""
        return Borrowed(self.day, self.zone)

    def real(self, moment: datetime) -> datetime:
        """The true moment that a wall-clock time of the borrowed calendar stands for."""
        return self.calendar.real(moment)

    def borrowed(self, moment: str | datetime) -> datetime:
        """The wall-clock time of the borrowed calendar at that moment."""
        return self.calendar.wall(datetime.fromisoformat(moment) if isinstance(moment, str) else moment)

    async def worker_stops(self) -> None:
        """The worker goes home; what it was doing is finished first."""
        await self.worker.shutdown()

    async def worker_starts(self) -> None:
        """Another worker takes its place."""
        self.worker = await self.work.enter_async_context(self.build())


O = TypeVar("O", bound=Office)  # noqa: E741  # an office


@asynccontextmanager
async def office_at(
    begin: datetime,
    env: Skipper,
    engine: AsyncEngine,
    post: Post,
    folder: Path,
    *,
    kind: type[O],
    password: str,
    secret: str,
    step: timedelta = MINUTE,
    sandbox: bool = False,
    public_url: str | None = None,
    without: Sequence[str] = (),
) -> AsyncIterator[O]:
    """An office in which it is now `begin` (no zone; the borrowed calendar's own wall clock), to that `step`.

    Whole hours keep to zones every machine knows, so that recorded histories replay elsewhere. `without`: topics of
    the rules that are left out.
    """
    calendar = borrow(begin, datetime.now(UTC), step)
    own_rules = rules(folder / uuid4().hex, calendar, without)
    queue = f"complaints-{uuid4().hex[:8]}"

    def build() -> Worker:
        return worker.build(env.client, engine, post, queue, own_rules, sandbox=sandbox, public_url=public_url)

    many = Rates(requests_per_minute=1_000_000)
    at_once = timedelta(0)
    app = create_app(Parts(engine, env.client, secret, queue, LONG, hasher=QUICK, rates=many, counted_for=at_once))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncExitStack() as work:
        running = await work.enter_async_context(build())
        client = httpx.AsyncClient(transport=transport, base_url="http://office", timeout=30)
        http = await work.enter_async_context(client)
        fields = (env, engine, http, queue, running, build, begin.date(), calendar.days, calendar.zone)
        yield kind(*fields, password=password, work=work)
