"""`amends seed`: a made-up history is told apart, true to the rules and the calendar, sealed, and gone again."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import psycopg
import pytest
from flow import almanac
from keys import MASTER, MASTER_KEYS, register_at
from office import PASSWORD, SECRET
from oracle import disagreements, expected
from oracle_clocks import rules_as_data
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel
from temporalio.testing import WorkflowEnvironment

from api.app import create_app
from api.parts import Parts
from complaints.case import Case
from complaints.names import Stage
from policies.load import by_version
from register import audit_check, people, read, tables, write
from register.sealing import box_of, index_secret
from register.usernames import SEEDED
from run import demo, local_postgres
from run.drill.office import LONG, QUICK
from run.seed.command import CannotSeed, remove, seed
from run.settings import Settings

COUNT, LATELY, CN, RULES = 120, 30, almanac(), rules_as_data()
Json = dict[str, Any]


@pytest.fixture(scope="module")
def own_url(owner_url: str) -> str:
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("CREATE DATABASE seeded")
    return make_url(owner_url).set(database="seeded").render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def settings(own_url: str) -> Settings:
    found = Settings(master_keys=SecretStr(MASTER_KEYS), owner_url=SecretStr(own_url))
    address = local_postgres.prepared(own_url, MASTER)
    with psycopg.connect(own_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(f"ALTER SEQUENCE {tables.NUMBERS.name} RESTART WITH 700001".encode())  # no other test's processes
    return found.model_copy(update={"database_url": SecretStr(address)})


@pytest.fixture(scope="module")
async def here(settings: Settings) -> AsyncIterator[AsyncEngine]:
    assert settings.database_url
    engine = register_at(settings.database_url.get_secret_value())
    await demo.furnish(engine, PASSWORD, fixed=True, hasher=QUICK)
    await seed(settings, COUNT - LATELY, 1095, 1, quiet=True)
    await seed(settings, LATELY, 4, 2, quiet=True)  # at any hour some of these are open
    yield engine
    await engine.dispose()


async def all_(engine: AsyncEngine, query: str, **values: Any) -> list[Json]:
    return await read.rows(engine, text(query).bindparams(**values))


async def test_each_is_kept_once_marked_and_has_a_key_of_its_own(here: AsyncEngine) -> None:
    [found] = await all_(
        here,
        "SELECT count(*) AS cases, count(DISTINCT k.key_id) AS keys, bool_and(c.opened_by = :seeded) AS marked, "
        "bool_and(i.agent = :seeded AND i.started_at IS NOT NULL) AS kept "
        "FROM complaint c JOIN intake i USING (reference) JOIN vault.data_key k ON k.subject = reference",
        seeded=SEEDED,
    )
    assert found == {"cases": COUNT, "keys": COUNT, "marked": True, "kept": True}
    lines = await all_(here, "SELECT act, change FROM audit WHERE act = 'seeded' ORDER BY seq")
    assert [line["change"]["complaints"] for line in lines] == [COUNT - LATELY, LATELY]
    assert (await audit_check.verify(here)).fault is None


async def test_what_is_in_the_columns_is_what_the_real_writer_makes_of_the_sealed_case(here: AsyncEngine) -> None:
    stages, outcomes, kept = set(), set(), Kept()
    for row in await all_(here, "SELECT reference FROM complaint"):
        case = await case_of(here, row["reference"])
        async with here.connect() as db:
            made = write.rows_of(case, [], await box_of(db, case.reference), await index_secret(db))
        for table, rows in made.items():
            await kept.the_same(here, table, rows)
        assert (case.stage is Stage.closed) == (case.outcome is not None) == (case.closed_at is not None)
        stages.add(case.stage)
        outcomes.add(case.outcome)
    assert Stage.closed in stages and len(stages) > 1, stages
    assert {"satisfied", "anonymous_published", None} <= outcomes, outcomes  # the rarer ones come with larger numbers


class Kept(dict[str, dict[tuple[Any, ...], Json]]):
    """The rows of the register, by table and key, each table read once."""

    async def the_same(self, here: AsyncEngine, table: type[SQLModel], rows: list[Json]) -> None:
        """What is kept is what the rows say, but for what is sealed."""
        known, keys = tables.table(table), [c.name for c in tables.table(table).primary_key]
        if known.name not in self:
            found = await all_(here, f"SELECT * FROM {known.name}")
            self[known.name] = {tuple(row[key] for key in keys): row for row in found}
        for row in rows:
            kept = self[known.name][tuple(row[key] for key in keys)]
            plain = {n: v for n, v in row.items() if known.columns[n].type.python_type is not bytes}
            assert {n: (kept[n], v) for n, v in plain.items() if kept[n] != v} == {}


async def case_of(here: AsyncEngine, reference: str) -> Case:
    state = await read.case_state(here, reference)
    assert state is not None
    case = Case.model_validate(state)
    case.policy = by_version(state["policy_version"]).for_case(case.form.received_at.date())
    return case


async def test_its_clocks_say_what_its_events_make_them_say(here: AsyncEngine) -> None:
    """The oracle of the random sequences counts each clock again, over the real calendar."""
    now = datetime.now(UTC)
    for row in await all_(here, "SELECT reference FROM complaint"):
        case = await case_of(here, row["reference"])
        events = await read.events(here, case.reference)
        assert [e["seq"] for e in events] == list(range(1, case.seq + 1))
        assert all(a["at"] <= b["at"] for a, b in pairwise(events))
        view = {"received_at": case.form.received_at, "classification": case.classification.model_dump()}  # type: ignore[union-attr]
        clocks = [
            {
                "name": name,
                "state": c.state(),
                **c.model_dump(include={"started_at", "due_at", "stopped_at", "breached_at"}),
            }
            for name, c in case.clocks.items()
        ]
        plain = [e | {"data": e["data"]} for e in events]
        wanted = expected(view, plain, now, CN, RULES)
        assert disagreements(clocks, wanted, now, timedelta(minutes=10)) == [], case.reference


async def test_its_letters_and_the_customer_are_found_by_the_ways_of_the_office(
    here: AsyncEngine, temporal: WorkflowEnvironment
) -> None:
    parts = Parts(here, temporal.client, SECRET, "seeded", LONG, hasher=QUICK)
    transport = httpx.ASGITransport(app=create_app(parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://office") as http:
        for user in ("agent", "auditor"):
            sent = await http.post("/auth/token", data={"username": user, "password": PASSWORD})
            http.headers["Authorization"] = f"Bearer {sent.json()['access_token']}"
            if user == "agent":
                refused = await http.post(f"/complaints/{await an_open_one(here)}/notes", json={"text": "请尽快"})
                assert refused.status_code == 409
                assert "not running" in refused.json()["detail"]
        [row] = await all_(
            here, "SELECT reference FROM complaint WHERE customer_number_index IS NOT NULL AND stage = 'closed' LIMIT 1"
        )
        form = (await read.forms(here, [row["reference"]]))[row["reference"]]
        found = (await http.get("/complaints", params={"q": form["complainant"]["customer_number"]})).json()
        assert row["reference"] in [c["reference"] for c in found["items"]]
        case = (await http.get(f"/complaints/{row['reference']}")).json()
        assert case["opened_by"] == SEEDED and case["imported_from"] == "amends seed"
        letters = (await http.get(f"/complaints/{row['reference']}/letters")).json()["letters"]
        assert letters and all(letter["subject"] and letter["body"] for letter in letters)


async def an_open_one(here: AsyncEngine) -> str:
    rows = await all_(here, "SELECT reference FROM complaint WHERE stage <> 'closed' LIMIT 1")
    return str(rows[0]["reference"])


async def test_seeding_again_gives_other_references_and_removing_leaves_nothing(
    here: AsyncEngine, settings: Settings
) -> None:
    before = {r["reference"] for r in await all_(here, "SELECT reference FROM complaint")}
    await seed(settings, 50, 365, 2, quiet=True)
    after = {r["reference"] for r in await all_(here, "SELECT reference FROM complaint")}
    assert len(after) == len(before) + 50
    assert await remove(settings) == COUNT + 50
    for table in SQLModel.metadata.tables.values():
        if "reference" in table.columns:
            assert await all_(here, f"SELECT reference FROM {table.fullname}") == [], table.fullname
    assert await all_(here, "SELECT subject FROM vault.data_key WHERE subject LIKE 'CMP-%'") == []
    assert (await audit_check.verify(here)).fault is None


async def test_a_register_with_staff_who_exist_is_left_alone_unless_asked_twice(
    here: AsyncEngine, settings: Settings
) -> None:
    somebody = (await read.staff(here))[0].model_copy(update={"username": "li.na", "demo": False})
    await people.put_staff(here, [somebody])
    with pytest.raises(CannotSeed, match="no demo staff"):
        await seed(settings, 5, 365, 1, quiet=True)
    assert await all_(here, "SELECT reference FROM complaint") == []
    assert await seed(settings, 5, 365, 1, sure=True, quiet=True) > 5


async def test_without_the_owners_address_nothing_is_removed(settings: Settings) -> None:
    with pytest.raises(CannotSeed, match="AMENDS_OWNER_URL"):
        await remove(settings.model_copy(update={"owner_url": None}))
