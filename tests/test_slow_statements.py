"""A question that takes the register too long is ended, and whoever asked is told; what may take long goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from browser import HTML
from contract import problem, signed_in
from keys import MASTER
from office import PASSWORD, SECRET, Office
from psycopg.errors import QueryCanceled
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from temporalio.testing import WorkflowEnvironment
from web_process import web

from api.app import create_app
from api.pages.live import Changes
from api.parts import Parts
from api.snapshots import Key, Snapshots
from register import audit_check, read_audit
from register.connect import engine, reading
from register.write import CHANGED
from run.drill.office import QUICK
from run.web import STATEMENT
from vault.keyring import Keyring

LIMIT = timedelta(seconds=0.3)
LONGER_THAN_THAT = select(func.pg_sleep(0.6))
HELD = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = engine(database_url, Keyring(MASTER), 2, within=LIMIT)
    yield made
    await made.dispose()


@asynccontextmanager
async def locked(office: Office, statement: str) -> AsyncIterator[None]:
    """Whoever wants what the statement locks waits meanwhile."""
    async with office.engine.begin() as db:
        await db.execute(text(statement))
        yield


@asynccontextmanager
async def served(office: Office, on: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A web server on that engine, and an auditor before it."""
    app = create_app(Parts(on, office.env.client, SECRET, office.queue, hasher=QUICK))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {await office.token('auditor')}"}
    async with httpx.AsyncClient(transport=transport, base_url="https://office", timeout=30, headers=headers) as http:
        yield http


async def test_a_slow_statement_is_ended_on_every_turn_of_a_connection(office: Office, limited: AsyncEngine) -> None:
    for _ in range(2):  # the same connections, after a rollback
        with pytest.raises(OperationalError) as ended:
            async with limited.connect() as db:
                await db.execute(LONGER_THAN_THAT)
        assert isinstance(ended.value.orig, QueryCanceled)
        with pytest.raises(OperationalError):
            async with reading(limited) as db:
                await db.execute(LONGER_THAN_THAT)
    async with office.engine.connect() as db:
        await db.execute(LONGER_THAN_THAT)
        assert await db.scalar(text("SHOW statement_timeout")) == "0", "worker and command line have no limit"


async def test_who_asks_for_too_much_is_told_and_the_look_is_logged(office: Office, limited: AsyncEngine) -> None:
    reference = (await office.open())["reference"]
    async with served(office, limited) as http:
        async with locked(office, "LOCK TABLE complaint IN ACCESS EXCLUSIVE MODE"):
            for path in ("/complaints", f"/complaints/{reference}"):
                answer = await http.get(path)
                assert "too long" in problem(answer, "unavailable")["detail"] and answer.headers["retry-after"] == "5"
            page = await http.get("/desk/complaints", headers=HTML)
            assert page.status_code == 503 and "<h1" in page.text and page.headers["retry-after"] == "5"
        assert (await http.get(f"/complaints/{reference}")).status_code == 200
        asked = await http.get("/audit", params={"subject": reference, "who": "auditor"})
        assert [x["change"]["status"] for x in asked.json()["items"]] == [200, 503]


async def test_what_cannot_be_logged_in_time_does_not_leave(office: Office, limited: AsyncEngine) -> None:
    reference = (await office.open())["reference"]
    async with served(office, limited) as http:
        async with locked(office, "SELECT * FROM audit_head FOR UPDATE"):
            assert "audit log" in problem(await http.get(f"/complaints/{reference}"), "unavailable")["detail"]
        assert (await http.get(f"/complaints/{reference}")).status_code == 200
    assert (await audit_check.verify(office.engine)).fault is None


async def test_figures_may_take_longer_to_count(office: Office, limited: AsyncEngine) -> None:
    kept = Snapshots(limited, lambda: datetime.now(UTC), Changes(limited))
    async with locked(office, "LOCK TABLE complaint IN ACCESS EXCLUSIVE MODE"):
        counting = asyncio.create_task(kept.of_period(Key("month", None)))
        async with office.engine.connect() as db, asyncio.timeout(20):
            while not await db.scalar(HELD):
                await db.rollback()
            await db.execute(LONGER_THAN_THAT)
        assert not counting.done()
    assert (await counting).figures


async def test_a_stream_may_take_its_time(
    office: Office, limited: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_audit, "AT_ONCE", 2)
    reference, read = (await office.open())["reference"], 0
    async for _ in read_audit.stream(limited, read_audit.Wanted(subject=reference)):
        read += 1
        if read == 1:
            async with office.engine.connect() as db:
                await db.execute(LONGER_THAN_THAT)
    assert read > 2


async def test_pages_are_told_of_a_change_after_a_long_quiet(office: Office, limited: AsyncEngine) -> None:
    changes = Changes(limited)
    listening = asyncio.create_task(changes.listen())
    try:
        connected = await changes.after(0)
        with capture_logs() as said:
            async with office.engine.begin() as db:
                await db.execute(LONGER_THAN_THAT)
                await db.execute(select(func.pg_notify(CHANGED, "")))
            assert await changes.after(connected) > connected
        assert "live.register_away" not in [line["event"] for line in said]
    finally:
        listening.cancel()


async def test_the_web_server_itself_has_the_limit(
    office: Office, database_url: str, temporal: WorkflowEnvironment
) -> None:
    async with web(database_url, temporal, drain=0) as (_, address), httpx.AsyncClient(base_url=address) as http:
        signed = await http.post("/auth/token", data={"username": "agent", "password": PASSWORD}, timeout=30)
        http.headers["Authorization"] = f"Bearer {signed.json()['access_token']}"
        async with locked(office, "LOCK TABLE complaint IN ACCESS EXCLUSIVE MODE"):
            answer = await http.get("/complaints", timeout=2 * STATEMENT.total_seconds())
        assert "too long" in problem(answer, "unavailable")["detail"]
