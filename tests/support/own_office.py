"""An office with a register and a Temporal of its own, for what looks at every case there is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from keys import MASTER, register_at
from office import PASSWORD, Office, office_at
from sqlalchemy import make_url, text
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.channels import Post
from activities.comparing import Sides
from activities.reconciling import reconcile
from complaints.standing import Reconciliation
from run import demo, local_postgres
from run.drill import servers
from run.drill.office import QUICK
from run.reconciling import sides


@asynccontextmanager
async def own_office(owner_url: str, name: str, post: Post, folder: Path) -> AsyncIterator[Office]:
    """`name` is that of its database and of its namespace."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    url = make_url(owner_url).set(database=name).render_as_string(hide_password=False)
    engine = register_at(local_postgres.prepared(url, MASTER))
    await demo.furnish(engine, PASSWORD, fixed=True, hasher=QUICK)
    async with servers.temporal(folder / "temporal.log", [name]) as address:
        client = await servers.connect(address, name, engine)
        env = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        async with office_at(datetime(2026, 3, 10, 10), env, engine, post, folder, None, "mass") as here:
            yield here
    await engine.dispose()


def both(office: Office) -> Sides:
    """The register and the Temporal of that office."""
    return sides(office.engine, office.env.client, office.queue)


async def compare(office: Office, *, mend: bool = False) -> Reconciliation:
    """Compare the two."""
    return await reconcile(both(office), mend=mend)


async def tamper(office: Office, statement: str, **values: Any) -> None:
    """Somebody changes the register behind its back."""
    async with office.engine.begin() as db:
        assert (await db.execute(text(statement), values)).rowcount > 0
