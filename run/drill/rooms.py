"""One set of servers for a whole drill, and a room on them for each script: its own register, namespace and mailbox."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from argon2 import PasswordHasher
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.channels import Post
from register.connect import as_app
from register.connect import engine as connect_register
from run import demo, local_postgres, sink
from run.drill import servers

OFFICE = "office"
"""The database every room's register is a copy of: migrated, and furnished with the demo staff."""

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""For passwords made a moment ago and gone in a minute: signing in need not be slow here."""
LEAVE = f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{OFFICE}'"


@dataclass
class Room:
    """What one script has for itself. Its references begin at 000001, and nobody else's leave or load disturbs it."""

    env: TimeSkipper
    engine: AsyncEngine
    mailbox: sink.Mailbox
    post: Post
    folder: Path
    password: str
    secret: str


@dataclass
class Rooms:
    """The servers, with so many rooms to give away."""

    address: str
    url: servers.Url
    gateway: str
    folder: Path
    free: list[str]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    copying: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def furnish(self) -> None:
        """Make the register that the rooms' are copies of."""
        await self._sql("postgres", f"CREATE DATABASE {OFFICE}")
        engine = connect_register(await asyncio.to_thread(local_postgres.prepared, self.url(OFFICE)))
        await demo.furnish(engine, self.password, fixed=False, hasher=QUICK)
        await engine.dispose()
        # A database is copied only while nobody is in it, and a closed connection takes a moment to go.
        await self._sql("postgres", f"ALTER DATABASE {OFFICE} ALLOW_CONNECTIONS false")
        await self._sql("postgres", LEAVE)

    async def _sql(self, database: str, command: str) -> None:
        engine = connect_register(self.url(database)).execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as db:
            await db.execute(text(command))
        await engine.dispose()

    @asynccontextmanager
    async def room(self) -> AsyncIterator[Room]:
        """A room nobody has had before."""
        name = self.free.pop(0)
        async with self.copying:  # a template can be copied by one at a time
            await self._sql("postgres", f"CREATE DATABASE {name} TEMPLATE {OFFICE}")
        env = TimeSkipper(
            await servers.connect(self.address, name), config=TimeSkippingConfig(enabled=False)
        )  # clocks stand still until they are moved
        mailbox = sink.Mailbox(self.folder / name / "mail")
        engine = connect_register(as_app(self.url(name)), ping=False)
        try:
            with servers.ways_out(mailbox, self.gateway, self.folder / name / "print") as post:
                yield Room(env, engine, mailbox, post, self.folder, self.password, self.secret)
        finally:
            await engine.dispose()


@asynccontextmanager
async def rooms(number: int) -> AsyncIterator[Rooms]:
    """Servers with that many rooms, in a temporary folder; everything is stopped and removed at the end."""
    names = [f"drill{n}" for n in range(1, number + 1)]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="amends-drill-", ignore_cleanup_errors=True)))
        url = await asyncio.to_thread(stack.enter_context, servers.postgres(folder / "postgres"))
        address = await stack.enter_async_context(servers.temporal(folder / "temporal.log", names))
        gateway = stack.enter_context(servers.gateway(sink.Mailbox(folder / "gateway")))
        made = Rooms(address, url, gateway, folder, names)
        await made.furnish()
        yield made
