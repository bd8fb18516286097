"""What was told and is over goes after its time, with the rights the parts have at work; the rest stays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from keys import MASTER, register_at
from office import Office
from sqlalchemy import insert, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Replayer

from activities.pruning import Pruning
from complaints.orders import Pruned, RetentionOrder
from policies.retention import retention
from register import pruning, read
from register.reconcile_tables import ReconcileRun
from register.tables import CustomerLink, Digest, StaffNotice
from run import local_postgres
from run.worker import SANDBOX
from workflows.retention import Retention

NOW = datetime.now(UTC)
RULES = retention().pruned


@pytest.fixture(scope="module")
async def own(owner_url: str) -> AsyncIterator[AsyncEngine]:
    """A register of its own, with the rights that worker and web have."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("CREATE DATABASE pruning")
    url = make_url(owner_url).set(database="pruning").render_as_string(hide_password=False)
    engine = register_at(local_postgres.prepared(url, MASTER))
    yield engine
    await engine.dispose()


def days(number: int) -> datetime:
    return NOW - timedelta(days=number)


def digest(name: str, done_at: datetime | None) -> Digest:
    return Digest(id=name, username="han", made_at=days(500), notices=1, subject="s", body="b", done_at=done_at)


def notice(seq: int, told_by: str | None) -> StaffNotice:
    key: Any = {"reference": "CMP-2026-000001", "seq": seq, "username": "han"}
    return StaffNotice(**key, kind="assigned", at=days(500), data={}, digest=told_by)


def link(name: str, expires_at: datetime) -> CustomerLink:
    return CustomerLink(hash=name, reference="CMP-2026-000001", letter=1, made_at=days(500), expires_at=expires_at)


def comparison(at: datetime, by: str) -> ReconcileRun:
    same: Any = {"found": {}, "mended": {}, "left_over": []}
    return ReconcileRun(at=at, seconds=1, compared=1, seeded=0, moving=0, by=by, **same)


async def keep(engine: AsyncEngine, *rows: SQLModel) -> None:
    async with engine.begin() as db:
        for row in rows:
            await db.execute(insert(type(row)).values(row.model_dump()))


async def left(engine: AsyncEngine, table: type[SQLModel], column: str) -> set[Any]:
    return {row[column] for row in await read.rows(engine, read.all_of(table))}


async def test_what_is_over_goes_after_its_time_in_batches_and_the_rest_stays(
    own: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    old, young = days(RULES.digests.days + 1), days(RULES.digests.days - 1)
    await keep(own, *(digest(f"old {n}", old) for n in range(5)), digest("young", young), digest("waits", None))
    told_by = [f"old {n}" for n in range(5)] + ["old 0", "young", "waits", None]
    await keep(own, *(notice(seq, by) for seq, by in enumerate(told_by)))
    await keep(own, *(link(f"old {n}", days(RULES.links.days + 1)) for n in range(3)))
    await keep(own, link("young", days(RULES.links.days - 1)), link("good", days(-60)))
    since = RULES.comparisons.days
    ages = [(since + 9, "process"), (since + 8, "process"), (since + 7, "process"), (since - 1, "process")]
    await keep(own, *(comparison(days(age), by) for age, by in [*ages, (since + 6, "ops"), (since + 5, "ops")]))

    done = await ActivityEnvironment().run(Pruning(own).prune)

    assert (done.digests, done.links, done.comparisons) == (5, 3, 4)
    assert await left(own, Digest, "id") == {"young", "waits"}
    assert await left(own, StaffNotice, "seq") == {6, 7, 8}
    assert await left(own, CustomerLink, "hash") == {"young", "good"}
    assert await left(own, ReconcileRun, "at") == {days(since - 1), days(since + 5)}
    assert await ActivityEnvironment().run(Pruning(own).prune) == Pruned(digests=0, links=0, comparisons=0)


async def test_the_night_prunes_once_it_has_erased(office_of_the_file: Office) -> None:
    office, client = office_of_the_file, office_of_the_file.env.client
    expired = link(uuid4().hex, days(RULES.links.days + 1))
    await keep(office.engine, expired)
    order = RetentionOrder(jurisdiction="cn")
    handle = await client.start_workflow(Retention.run, order, id=f"retention-{uuid4()}", task_queue=office.queue)
    async with asyncio.timeout(30):
        await handle.result()
    assert expired.hash not in await left(office.engine, CustomerLink, "hash")
    replayer = Replayer(workflows=[Retention], data_converter=client.data_converter, workflow_runner=SANDBOX)
    await replayer.replay_workflow(await handle.fetch_history())


async def test_notices_of_a_digest_are_found_by_an_index(own: AsyncEngine) -> None:
    async with own.begin() as db:
        await db.execute(text("SET LOCAL enable_seqscan = off"))
        plan = list(await db.scalars(text("EXPLAIN DELETE FROM staffnotice WHERE digest IN ('a', 'b')")))
    assert any("staff_notice_told" in line for line in plan), plan
