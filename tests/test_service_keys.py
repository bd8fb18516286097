"""Service accounts on real servers: keys made, listed and revoked on the command line, used over the API."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from browser import as_bearer, newcomer, token_pair, web
from contract import different, problem
from keys import MASTER_KEYS
from office import PASSWORD, Office
from sqlalchemy import select, update
from sqlmodel import col
from typer.testing import CliRunner

from register import read
from register.sign_in_tables import ServiceKey
from register.tables import Staff
from run import staff_keys
from run.cli import app


@pytest.fixture
def office(office_of_the_file: Office, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("AMENDS_DATABASE_URL", database_url)
    monkeypatch.setenv("AMENDS_MASTER_KEYS", MASTER_KEYS)
    monkeypatch.setenv("AMENDS_DATA", str(tmp_path))
    monkeypatch.setattr(staff_keys.out, "width", 200)
    return office_of_the_file


async def staff(*words: str, code: int = 0) -> tuple[str, str]:
    """What `amends staff ...` prints, and says beside it."""
    done = await asyncio.to_thread(CliRunner().invoke, app, ["staff", *words])
    assert done.exit_code == code, done.output
    return done.stdout.strip(), done.stderr


async def key_for(name: str, *scopes: str) -> str:
    made, _ = await staff("key", name, *(w for s in scopes for w in ("--scope", s)), "--days", "30")
    return made


async def test_a_service_account_calls_with_its_key_and_nothing_else(office: Office) -> None:
    name = f"bot-{uuid4().hex[:8]}"
    await staff("add", name, "--keys-only", "--name", "机器人", "--email", "bot@staff.demo.example", "--role", "agent")
    made, said = await staff("key", name, "--scope", "open", "--scope", "me", "--scope", "me")
    assert made.startswith("amk_") and len(made) == 47 and "not shown again" in said
    async with web(office) as http:
        me = (await as_bearer(http, made)).json()
        assert (me["username"], me["roles"], me["scopes"]) == (name, ["agent"], ["me", "open"])
        assert me["session"]["kind"] == "key"
        opened = await http.post("/complaints", json=different(), headers={"Authorization": f"Bearer {made}"})
        assert opened.status_code == 201, opened.text
        for path in ("/complaints", "/incidents"):  # what its account may do and the key is not for; what neither may
            problem(await as_bearer(http, made, "GET", path), "not_allowed")
        problem(await http.post("/auth/token", data={"username": name, "password": made}), "unauthenticated")
        problem(await http.post("/auth/refresh", data={"refresh_token": made}), "unauthenticated")
    async with office.engine.connect() as db:
        rows = (await db.execute(select(ServiceKey).where(col(ServiceKey.username) == name))).all()
    assert len(rows) == 1 and made not in repr(rows)


async def test_a_key_that_is_revoked_run_out_or_unknown_is_refused(office: Office) -> None:
    name = await newcomer(office)
    first, second = await key_for(name, "me"), await key_for(name, "me", "read")
    async with web(office) as http:
        assert [(await as_bearer(http, k)).status_code for k in (first, second)] == [200, 200]
        identifier = (await as_bearer(http, first)).json()["session"]["id"]
        listed, _ = await staff("keys")
        assert identifier in listed and name in listed and first not in listed
        said, _ = await staff("revoke-key", identifier)
        assert said == f"key {identifier} of {name} revoked"
        problem(await as_bearer(http, first), "unauthenticated")
        await staff("revoke-key", identifier, code=1)
        assert "revoked" in (await staff("keys"))[0]
        for token in ("amk_", "amk_" + "x" * 43, first[:-1], first + "x", first.upper()):
            problem(await as_bearer(http, token), "unauthenticated")
    async with web(office, clock=lambda: datetime.now(UTC) + timedelta(days=31)) as later:
        problem(await as_bearer(later, second), "unauthenticated")


async def test_a_key_goes_with_its_account(office: Office) -> None:
    name = await newcomer(office)
    made = await key_for(name, "read")
    async with web(office) as http:
        async with office.engine.begin() as db:
            await db.execute(update(Staff).where(col(Staff.username) == name).values(state="disabled"))
        problem(await as_bearer(http, made), "unauthenticated")
    await staff("key", name, "--scope", "read", code=1)


@pytest.mark.parametrize(
    "words",
    [
        ("key", "nobody-of-that-name", "--scope", "read"),
        ("key", "agent"),
        ("key", "agent", "--scope", "Read It"),
        ("key", "agent", "--scope", "no_such_act"),
        ("key", "agent", "--scope", "sign_in"),
        ("key", "agent", "--scope", "read", "--days", "0"),
        ("key", "agent", "--scope", "read", "--days", "9999"),
        ("revoke-key", "nothing"),
        ("hand-over", "agent", "sub"),
    ],
)
async def test_a_wrong_command_says_so_and_makes_nothing(office: Office, words: tuple[str, ...]) -> None:
    done = await asyncio.to_thread(CliRunner().invoke, app, ["staff", *words])
    assert done.exit_code in (1, 2) and done.stderr
    listed, _ = await staff("keys")
    assert "Read It" not in listed and " agent " not in listed


@pytest.mark.parametrize("name", ["customer", "process", "a b", "名", "x" * 65, "nobody"])
async def test_user_names_that_mean_something_else_are_given_to_nobody(office: Office, name: str) -> None:
    words = ("--keys-only", "--name", "x", "--email", "x@staff.demo.example", "--role", "admin")
    _, said = await staff("add", name, *words, code=2)
    assert "user name" in said and await read.staff_member(office.engine, name) is None


async def test_a_new_password_ends_the_sessions_of_the_old_one(office: Office) -> None:
    name, new = await newcomer(office), "another password of the tests"
    async with web(office) as http:
        pair = await token_pair(http, name)
        await staff("password", name, "--new", new)
        problem(await as_bearer(http, pair["access_token"]), "unauthenticated")
        problem(await http.post("/auth/token", data={"username": name, "password": PASSWORD}), "unauthenticated")
        await token_pair(http, name, new)
    for wrong in ("short", "x" * 1025):
        await staff("password", name, "--new", wrong, code=2)


async def test_who_is_disabled_and_comes_back_signs_in_anew(office: Office, temporal: object) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        pair = await token_pair(http, name)
        await asyncio.to_thread(CliRunner().invoke, app, ["staff", "state", name, "disabled"])
        await staff("state", name, "working")
        problem(await as_bearer(http, pair["access_token"]), "unauthenticated")
        await token_pair(http, name)
