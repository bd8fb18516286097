"""What signing in leaves in the audit log: who did what, once each, and nothing that was typed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from browser import HTML, OWN, csrf_of, newcomer, page_session, token_pair, web
from office import PASSWORD, Office
from provider import IdentityProvider, somebody, whole_way
from sqlalchemy import select
from sqlmodel import col

from api.oidc import Provider
from register.audit_tables import Audit
from register.columns import table


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


async def newest(office: Office, count: int) -> list[Any]:
    """The last lines of the log, the oldest first."""
    async with office.engine.connect() as db:
        return [*await db.execute(select(table(Audit)).order_by(col(Audit.seq).desc()).limit(count))][::-1]


async def acts_of(office: Office, name: str) -> list[str]:
    return [line.act for line in await newest(office, 100) if line.subject == name]


async def test_a_program_that_comes_goes_and_is_robbed(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        pair = await token_pair(http, name)
        for _ in range(3):
            await http.post("/auth/refresh", data={"refresh_token": pair["refresh_token"]})
        other = await token_pair(http, name)
        for _ in range(2):
            await http.post("/auth/revoke", data={"token": other["refresh_token"]})
    assert await acts_of(office, name) == ["signed_in", "refresh_reused", "signed_in", "signed_out"]


async def test_a_token_of_a_session_that_is_over_was_not_stolen(office: Office) -> None:
    name, shift = await newcomer(office), timedelta()
    async with web(office, clock=lambda: datetime.now(UTC) + shift) as http:
        pair = await token_pair(http, name)
        shift = timedelta(hours=3)
        for _ in range(2):
            assert (await http.post("/auth/refresh", data={"refresh_token": pair["refresh_token"]})).status_code == 401
    assert await acts_of(office, name) == ["signed_in"]


async def test_guesses_and_locks_but_never_what_was_typed(office: Office) -> None:
    name, typed = await newcomer(office), f"Pass-Word.{uuid4().hex}"
    wrong = {"password": f"another-{typed}"}
    async with web(office) as http:
        for username in (name, typed):
            for _ in range(6):
                await http.post("/auth/token", data={"username": username} | wrong)
    lines = await newest(office, 12)
    expected = [*["sign_in_failed"] * 5, "sign_in_locked"]
    assert [(line.who, line.act, line.subject) for line in lines] == [
        *((name, act, name) for act in expected),
        *(("nobody", act, None) for act in expected),
    ]
    assert {line.origin for line in lines} == {"127.0.0.1"}
    assert typed not in repr(lines) and PASSWORD not in repr(lines)


async def test_a_browser_is_written_down_once_for_each_thing(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http, web(office) as other:
        await page_session(http, name)
        await page_session(other, name)
        before = (await newest(office, 1))[0].seq
        token = {"csrf_token": csrf_of((await http.get("/me", headers=HTML)).text)}
        await http.post("/me/sessions/end", data=token, headers=OWN)
        await http.post("/sign-out", data=token, headers=OWN)
        assert (await newest(office, 1))[0].seq == before + 2
    assert await acts_of(office, name) == ["signed_in", "signed_in", "signed_out", "signed_out"]


async def test_what_the_provider_changed_but_no_name_and_no_address(
    office: Office, idp: IdentityProvider, ours: Provider
) -> None:
    sub = somebody(idp, name="不应出现", email="never@staff.demo.example", roles=["agent"])
    async with web(office, provider=ours) as http:
        await whole_way(http, sub)
        idp.person(sub, preferred_username=sub, name="也不应出现", roles=["agent", "supervisor"])
        await whole_way(http, sub)
    lines = [line for line in await newest(office, 10) if line.subject == sub]
    assert [(line.act, line.change) for line in lines] == [
        ("staff_changed", {"username": [None, sub], "roles": [[], ["agent"]]}),
        ("signed_in", {}),
        ("staff_changed", {"roles": [["agent"], ["agent", "supervisor"]]}),
        ("signed_in", {}),
    ]
