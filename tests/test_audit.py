"""The audit log's chain and its lock: whoever changes, removes, inserts or moves a line is refused, or found."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
import structlog
from keys import MASTER, MASTER_KEYS, register_at
from psycopg.errors import InsufficientPrivilege
from pydantic import ValidationError
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel
from tampering import Owner, unlocked
from typer.testing import CliRunner

from register import audit, audit_check, audit_state, audit_tables, detour_tables, tables
from register.audit import Entry
from register.connect import as_app
from run import local_postgres
from run.cli import app

LINES = 6
COLUMNS = "at, who, act, subject, change, origin, why, source, mac"


def database(owner_url: str, name: str, owner: str = "postgres") -> str:
    """The address of a database made for this file."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} OWNER {owner}")
    return make_url(owner_url).set(database=name, username=owner).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def own_url(owner_url: str) -> str:
    url = database(owner_url, "audit_chain")
    local_postgres.prepared(url, MASTER)
    return url


@pytest.fixture
def owner(own_url: str) -> Iterator[Owner]:
    with psycopg.connect(own_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


EMPTY = "DELETE FROM audit; DELETE FROM audit_head; INSERT INTO audit_head VALUES (1, 0, '')"


def entry(number: int, **more: Any) -> Entry:
    given: dict[str, Any] = {
        "who": f"user{number}", "act": "accepted", "subject": f"CMP-2026-00000{number}", "why": f"原因{number}",
        "change": {"stage": ["assigned", "in_progress"], "kinds": [[], ["major"]], "round": [1, 10**30]},
        "origin": "10.0.0.1", "source": f"source{number}",
    }  # fmt: skip
    return Entry(**given | more)


@pytest.fixture
async def log(own_url: str, owner: Owner) -> AsyncIterator[AsyncEngine]:
    """A log of six lines, as the parts at work wrote it."""
    unlocked(owner, EMPTY)
    engine = register_at(as_app(own_url), 20)
    await audit.append(engine, *(entry(n) for n in range(1, 4)))
    for number in range(4, LINES + 1):
        await audit.append(engine, entry(number))
    yield engine
    await engine.dispose()


async def fault(engine: AsyncEngine, anchor: str | None = None) -> tuple[int, str] | None:
    found = (await audit_check.verify(engine, audit_check.Anchor.read(anchor) if anchor else None)).fault
    return (found.seq, found.what) if found else None


async def test_a_log_as_it_was_written_is_sound_and_says_its_head(log: AsyncEngine) -> None:
    found = await audit_check.verify(log)
    assert (found.fault, found.lines, found.head.split(":")[0]) == (None, LINES, str(LINES))
    assert found.first_at and found.last_at and found.first_at <= found.last_at
    assert await fault(log, found.head) is None


async def test_odd_values_come_back_as_they_were_written(log: AsyncEngine) -> None:
    far = datetime(2026, 3, 10, 10, 0, 0, 1, tzinfo=timezone(timedelta(hours=8)))
    odd = "'; DROP TABLE audit; -- \\ \" 𠮷 \u202e {}"
    values = {"text": odd, "empty": {}, "list": [None, True, -1, "", {"b": 1, "a": 2}], "": None}
    await audit.append(log, Entry(who=odd, act=odd, at=far, subject="", change=values, why=odd + "\0", origin=odd))
    await audit.append(log, Entry(who="x", act="y", at=datetime.max.replace(tzinfo=UTC)))
    assert await fault(log) is None
    with pytest.raises(ValidationError, match="a fraction in the audit log is written as text"):
        Entry(who="x", act="y", change={"value": [None, {"deep": 0.1}]})


SHIFT = "UPDATE audit SET seq = -seq WHERE seq > 3; UPDATE audit SET seq = -seq {} WHERE seq < 0"
COPY = f"INSERT INTO audit SELECT {{}}, {COLUMNS.replace('source', 'NULL')} FROM audit WHERE seq = 2"
TAMPERED = {
    "at": (["UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 3"], 3, "changed"),
    "who": (["UPDATE audit SET who = 'user4' WHERE seq = 3"], 3, "changed"),
    "act": (["UPDATE audit SET act = 'assigned' WHERE seq = 3"], 3, "changed"),
    "subject": (["UPDATE audit SET subject = NULL WHERE seq = 3"], 3, "changed"),
    "change": (["UPDATE audit SET change = jsonb_set(change, '{stage,1}', '\"closed\"') WHERE seq = 3"], 3, "changed"),
    "origin": (["UPDATE audit SET origin = '10.0.0.2' WHERE seq = 3"], 3, "changed"),
    "why": (["UPDATE audit SET why = why || '\\x00' WHERE seq = 3"], 3, "changed"),
    "source": (["UPDATE audit SET source = NULL WHERE seq = 3"], 3, "changed"),
    "mac": (["UPDATE audit SET mac = sha256(mac) WHERE seq = 3"], 3, "changed: its MAC"),
    "the first line": (["UPDATE audit SET who = 'nobody' WHERE seq = 1"], 1, "changed"),
    "the last line": (["UPDATE audit SET who = 'nobody' WHERE seq = 6"], 6, "the last line, changed"),
    "seq": (["UPDATE audit SET seq = 99 WHERE seq = 3"], 3, "missing"),
    "first removed": (["DELETE FROM audit WHERE seq = 1"], 1, "missing"),
    "one removed": (["DELETE FROM audit WHERE seq = 3"], 3, "missing"),
    "two removed": (["DELETE FROM audit WHERE seq IN (3, 4)"], 3, "missing: lines 3 to 4"),
    "last removed": (["DELETE FROM audit WHERE seq = 6"], 6, "missing"),
    "all removed": (["DELETE FROM audit"], 1, "missing: lines 1 to 6"),
    "removed, the rest renumbered": (["DELETE FROM audit WHERE seq = 3", SHIFT.format("- 1")], 3, "inserted or moved"),
    "inserted": ([SHIFT.format("+ 1"), COPY.format(4)], 4, "inserted or moved"),
    "inserted before": ([COPY.format(0)], 0, "inserted: the log begins with line 1"),
    "inserted behind": ([COPY.format(7)], 7, "beyond the head"),
    "inserted behind, and the head": (
        [COPY.format(7), "UPDATE audit_head SET seq = 7, mac = (SELECT mac FROM audit WHERE seq = 7)"], 7, "the last line",
    ),
    "swapped": (["UPDATE audit SET seq = CASE seq WHEN 2 THEN -4 ELSE -2 END WHERE seq IN (2, 4)",
                 "UPDATE audit SET seq = -seq WHERE seq < 0"], 2, "inserted or moved"),
    "contents swapped": (["UPDATE audit a SET who = b.who FROM audit b WHERE (a.seq, b.seq) IN ((2, 4), (4, 2))"], 2, "changed"),
    "head moved back": (["UPDATE audit_head SET (seq, mac) = (SELECT seq, mac FROM audit WHERE seq = 4)"], 5, "beyond the head"),
    "head moved on": (["UPDATE audit_head SET seq = 7"], 7, "missing"),
    "head's MAC": (["UPDATE audit_head SET mac = sha256(mac)"], 6, "the head has another MAC"),
    "head gone": (["DELETE FROM audit_head"], 0, "the log's head is gone"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
async def test_the_first_bad_line_is_named(log: AsyncEngine, owner: Owner, how: str) -> None:
    statements, seq, what = TAMPERED[how]
    unlocked(owner, *statements)
    found = await fault(log)
    assert found and found[0] == seq and found[1].startswith(what), found
    checked = await audit_state.check(log, "auditor", None, most=100)
    assert checked.fault and checked.fault.seq == seq, "also where it cannot be written down"


async def test_the_end_taken_away_with_its_head_shows_against_an_anchor(log: AsyncEngine, owner: Owner) -> None:
    anchor = (await audit_check.verify(log)).head
    back = "UPDATE audit_head SET (seq, mac) = (SELECT seq, mac FROM audit WHERE seq = 4)"
    unlocked(owner, "DELETE FROM audit WHERE seq > 4", back)
    assert await fault(log) is None, "nothing in the database can tell: hence the anchor"
    assert await fault(log, anchor) == (5, "missing: lines 5 to 6")
    await audit.append(log, entry(7), entry(8))
    found = await fault(log, anchor)
    assert found and found[0] == 6 and found[1].startswith("not the line of the anchor")


SINCE = {
    "nothing": ([], None),
    "before it": (["UPDATE audit SET who = 'nobody' WHERE seq IN (1, 2, 3)"], None),
    "its MAC": (["UPDATE audit SET mac = sha256(mac) WHERE seq = 3"], (3, "not the line of the anchor")),
    "itself removed": (["DELETE FROM audit WHERE seq = 3"], (3, "missing")),
    "the next": (["UPDATE audit SET who = 'nobody' WHERE seq = 4"], (4, "changed")),
    "the next removed": (["DELETE FROM audit WHERE seq = 4"], (4, "missing")),
    "the last removed": (["DELETE FROM audit WHERE seq = 6"], (6, "missing")),
    "behind the head": ([COPY.format(7)], (7, "beyond the head")),
    "the end with its head": (
        ["DELETE FROM audit WHERE seq > 1", "UPDATE audit_head SET (seq, mac) = (SELECT seq, mac FROM audit)"],
        (2, "missing: lines 2 to 3"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("at_once", [1, 2, 1000])
@pytest.mark.parametrize("how", SINCE)
async def test_a_check_since_an_anchor_finds_what_is_wrong_after_it(
    log: AsyncEngine, owner: Owner, how: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_check, "AT_ONCE", at_once)
    mac: bytes = owner.execute("SELECT mac FROM audit WHERE seq = 3").fetchone()[0]
    statements, expected = SINCE[how]
    unlocked(owner, *statements)
    found = await audit_check.verify(log, since=audit_check.Anchor(seq=3, mac=mac.hex()))
    if expected is None:
        assert (found.fault, found.since, found.lines) == (None, 3, LINES)
    else:
        assert found.fault and found.fault.seq == expected[0] and found.fault.what.startswith(expected[1]), found


async def test_a_check_holds_no_transaction_open_and_what_is_added_meanwhile_is_no_fault(
    log: AsyncEngine, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, seen = audit_check._lines, []
    ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    async def busy(*which: Any) -> AsyncIterator[Any]:
        async for line in lines(*which):
            await audit.append(log, entry(200 + line["seq"]))
            seen.extend(owner.execute(f"{ask} AND xact_start IS NOT NULL").fetchall())
            yield line

    monkeypatch.setattr(audit_check, "AT_ONCE", 2)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(audit_check, "_lines", busy)
        found = await audit_check.verify(log)
    assert (found.fault, found.lines, seen) == (None, LINES, [(0,)] * LINES)
    assert (await audit_check.verify(log)).lines == 2 * LINES


async def test_a_log_written_anew_with_another_key_is_found(
    log: AsyncEngine, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def another_key(_: Any) -> bytes:
        return b"another key"

    unlocked(owner, EMPTY)
    with monkeypatch.context() as forger:
        forger.setattr(audit, "chain_key", another_key)
        await audit.append(log, *(entry(n) for n in range(1, LINES + 1)))
        assert await fault(log) is None
    found = await fault(log)
    assert found and found[0] == 1 and "another key" in found[1]


async def test_twenty_at_the_same_moment_make_one_chain(log: AsyncEngine) -> None:
    await asyncio.gather(*(audit.append(log, entry(n), entry(n + 100)) for n in range(20, 40)))
    found = await audit_check.verify(log)
    assert (found.fault, found.lines) == (None, LINES + 40)


async def test_the_same_source_is_one_line_even_at_the_same_moment(log: AsyncEngine) -> None:
    await asyncio.gather(*(audit.append(log, entry(50), entry(1), entry(50)) for _ in range(10)))
    found = await audit_check.verify(log)
    assert (found.fault, found.lines) == (None, LINES + 1)


async def test_what_the_transaction_does_not_keep_is_not_in_the_log(log: AsyncEngine) -> None:
    with pytest.raises(ZeroDivisionError):
        async with log.begin() as db:
            await audit.append_in(db, entry(60))
            raise ZeroDivisionError
    assert (await audit_check.verify(log)).lines == LINES


FORBIDDEN = [
    "UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit", "DROP TABLE audit",
    "ALTER TABLE audit DISABLE TRIGGER ALL", "DROP TRIGGER audit_stays ON audit", "DROP FUNCTION audit_stays() CASCADE",
    "CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "SET session_replication_role = replica", "SET ROLE postgres",
    "INSERT INTO audit_head VALUES (2, 0, '')", "DELETE FROM audit_head", "TRUNCATE audit_head",
    "UPDATE alembic_version SET version_num = '0001'", "DELETE FROM complaint", "CREATE TABLE public.mine (a int)",
]  # fmt: skip


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_role_of_the_parts_at_work_is_refused(log: AsyncEngine, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused:
        async with log.begin() as db:
            await db.execute(text(statement))
    assert isinstance(refused.value.orig, InsufficientPrivilege)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET who = 'x'", "DELETE FROM audit WHERE seq = 0", "TRUNCATE audit", "DELETE FROM audit_head",
     "SET session_replication_role = replica; DELETE FROM audit"],
)  # fmt: skip
def test_the_owner_is_refused_by_the_trigger(owner: Owner, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="the audit log is only added to"):
        owner.execute(statement)


READ_ONLY, ADDED_TO, HEAD = {"alembic_version"}, {"audit"}, {"audit_head"}


def test_every_table_gives_the_role_what_it_needs_and_no_more(owner: Owner) -> None:
    assert tables and detour_tables and audit_tables
    for name in (*SQLModel.metadata.tables, *READ_ONLY):
        ask = (
            "SELECT privilege FROM unnest(%s::text[]) privilege WHERE has_table_privilege('amends_app', %s, privilege)"
        )
        rights = {r[0] for r in owner.execute(ask, (["SELECT", "INSERT", "UPDATE", "TRUNCATE", "TRIGGER"], name))}
        missing = {"SELECT", "INSERT", "UPDATE"} - rights
        wanted = {"INSERT", "UPDATE"} if name in READ_ONLY else {"UPDATE"} if name in ADDED_TO else set()
        assert missing == ({"INSERT"} if name in HEAD else wanted), name
        assert not rights & {"TRUNCATE", "TRIGGER"}, name


async def test_a_table_made_later_is_covered(log: AsyncEngine, owner: Owner) -> None:
    owner.execute("CREATE TABLE later (a int GENERATED ALWAYS AS IDENTITY, b int)")
    async with log.begin() as db:
        for statement in ("INSERT INTO later (b) VALUES (1)", "UPDATE later SET b = 2", "SELECT a FROM later"):
            await db.execute(text(statement))
    owner.execute("DROP TABLE later")


def amends(*words: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words, env={"AMENDS_MASTER_KEYS": MASTER_KEYS, **environment})
    structlog.reset_defaults()  # the command has set its logs up on an error output that is closed by now
    return done.exit_code, done.output


def test_an_owner_who_may_not_create_roles_is_told_what_an_administrator_has_to_run(owner_url: str) -> None:
    """As in a bank: the owner of the database is no superuser."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("CREATE ROLE plain LOGIN")
        url = database(owner_url, "plain", "plain")
        server.execute("ALTER ROLE amends_app RENAME TO amends_away")
        try:
            code, told = amends("migrate", AMENDS_OWNER_URL=url)
        finally:
            server.execute("ALTER ROLE amends_away RENAME TO amends_app")
    assert code == 1 and "CREATE ROLE amends_app LOGIN PASSWORD" in told, told
    code, told = amends("migrate", AMENDS_DATABASE_URL=as_app(url))
    assert code == 1 and "AMENDS_OWNER_URL" in told, told
    code, told = amends("migrate", AMENDS_OWNER_URL=url, AMENDS_DATABASE_URL=as_app(url))
    assert code == 0, told
    code, told = amends("audit", "verify", AMENDS_DATABASE_URL=as_app(url))
    assert code == 0 and "no lines yet" in told, told
