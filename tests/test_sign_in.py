"""Sessions of programs, on real servers: short access tokens, refresh tokens good once, ends that hold at once, locks."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from browser import as_bearer, newcomer, token_pair, web
from contract import problem
from office import PASSWORD, SECRET, Office
from sqlalchemy import func, select, update
from sqlmodel import col

from api.parts import Lives
from api.rates import Rates
from register import read
from register.locks import lock_after
from register.sign_in_tables import SignInLock, SpentToken, StaffSession
from register.tables import Staff
from run.drill.office import QUICK


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


async def refreshed(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.post("/auth/refresh", data={"refresh_token": token})


async def test_a_sign_in_gives_a_short_access_token_and_a_refresh_token(office: Office) -> None:
    name = await newcomer(office, department="legal")
    async with web(office) as http:
        answer = await http.post("/auth/token", data={"username": name, "password": PASSWORD})
        pair = answer.json()
        assert (pair["token_type"], pair["expires_in"]) == ("bearer", 900)
        assert answer.headers["cache-control"] == "no-store"
        claims = jwt.decode(pair["access_token"], SECRET, algorithms=["HS256"], audience="amends")
        assert claims["sub"] == name and claims["exp"] - claims["iat"] == 900
        said = (await as_bearer(http, pair["access_token"])).json()
        assert (said["username"], said["roles"], said["department"]) == (name, ["auditor"], "legal")
        assert said["session"]["id"] == claims["sid"] and said["scopes"] is None and "csrf_token" not in said


async def test_of_refresh_tokens_the_register_has_digests_only(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        pair = await token_pair(http, name)
        await refreshed(http, pair["refresh_token"])
    async with office.engine.connect() as db:
        rows = [*(await db.execute(select(StaffSession))), *(await db.execute(select(SpentToken)))]
    assert rows and pair["refresh_token"] not in repr(rows)


async def test_a_refresh_token_is_good_once_and_used_again_it_ends_the_session(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        first, other = await token_pair(http, name), await token_pair(http, name)
        second = (await refreshed(http, first["refresh_token"])).json()
        assert (await as_bearer(http, second["access_token"])).status_code == 200
        problem(await refreshed(http, first["refresh_token"]), "unauthenticated")
        for token in (first["access_token"], second["access_token"]):
            problem(await as_bearer(http, token), "unauthenticated")
        problem(await refreshed(http, second["refresh_token"]), "unauthenticated")
        assert (await as_bearer(http, other["access_token"])).status_code == 200, "another session goes on"


async def test_of_two_refreshes_at_the_same_moment_one_is_a_reuse(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        pair = await token_pair(http, name)
        answers = await asyncio.gather(*(refreshed(http, pair["refresh_token"]) for _ in range(4)))
        assert sorted(a.status_code for a in answers) == [200, 401, 401, 401]
        good = next(a for a in answers if a.status_code == 200).json()
        problem(await as_bearer(http, good["access_token"]), "unauthenticated")


async def test_a_token_of_a_session_that_is_over_ends_no_other(office: Office) -> None:
    name, shift = await newcomer(office), timedelta()
    async with web(office, clock=lambda: datetime.now(UTC) + shift) as http:

        async def everywhere(token: str) -> int:
            return (await http.post("/auth/revoke", data={"token": token, "everywhere": "true"})).status_code

        ended, unused, used_up = [await token_pair(http, name) for _ in range(3)]
        await http.post("/auth/revoke", data={"token": ended["refresh_token"]})
        for token in (ended["access_token"], ended["refresh_token"]):
            assert await everywhere(token) == 200
        shift = timedelta(minutes=70)
        fresh = (await refreshed(http, used_up["refresh_token"])).json()
        shift = timedelta(minutes=130)
        late = await token_pair(http, name)
        assert await everywhere(unused["refresh_token"]) == 200
        going_on = [await refreshed(http, pair["refresh_token"]) for pair in (fresh, late)]
        assert [answer.status_code for answer in going_on] == [200, 200]
        assert await everywhere(late["access_token"]) == 200, "one that is good still ends all"
        problem(await refreshed(http, going_on[0].json()["refresh_token"]), "unauthenticated")


@pytest.mark.parametrize("token", ["x", "x" * 16_000, "amk_" + "x" * 43, "\u00e9", "\0"])
async def test_a_refresh_token_that_never_was_is_refused(office: Office, token: str) -> None:
    async with web(office) as http:
        problem(await refreshed(http, token), "unauthenticated")
        assert (await http.post("/auth/refresh", data={})).status_code == 422


async def test_a_session_ends_unused_and_at_the_end_of_its_day(office: Office) -> None:
    name, shift = await newcomer(office), timedelta()
    lives = Lives(token=timedelta(days=3))
    async with web(office, clock=lambda: datetime.now(UTC) + shift, lives=lives) as http:
        pair = await token_pair(http, name)
        shift = timedelta(minutes=119)
        assert (await as_bearer(http, pair["access_token"])).status_code == 200, "and it is seen now"
        for minutes in range(200, 720, 100):
            shift = timedelta(minutes=minutes)
            pair = (await refreshed(http, pair["refresh_token"])).json()
            assert (await as_bearer(http, pair["access_token"])).status_code == 200
        shift = timedelta(hours=12)
        problem(await as_bearer(http, pair["access_token"]), "unauthenticated")
        problem(await refreshed(http, pair["refresh_token"]), "unauthenticated")
        idle = await token_pair(http, name)
        shift += timedelta(hours=2)
        problem(await as_bearer(http, idle["access_token"]), "unauthenticated")


async def test_signing_out_ends_one_session_or_all_at_once(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        one, two, three, four = [await token_pair(http, name) for _ in range(4)]
        assert (await http.post("/auth/revoke", data={"token": one["access_token"]})).status_code == 200
        assert (await http.post("/auth/revoke", data={"token": two["refresh_token"]})).status_code == 200
        for pair in (one, two):
            problem(await as_bearer(http, pair["access_token"]), "unauthenticated")
            problem(await refreshed(http, pair["refresh_token"]), "unauthenticated")
        assert (await as_bearer(http, three["access_token"])).status_code == 200
        everywhere = {"token": three["refresh_token"], "everywhere": "true"}
        assert (await http.post("/auth/revoke", data=everywhere)).status_code == 200
        for pair in (three, four):
            problem(await as_bearer(http, pair["access_token"]), "unauthenticated")
        assert (await http.post("/auth/revoke", data={"token": "no token at all"})).json() == {}


async def test_a_disabled_account_is_out_at_the_next_request(office: Office) -> None:
    name = await newcomer(office)
    mine = update(Staff).where(col(Staff.username) == name)
    async with web(office) as http:
        pair = await token_pair(http, name)
        async with office.engine.begin() as db:
            await db.execute(mine.values(state="disabled"))
        problem(await as_bearer(http, pair["access_token"]), "unauthenticated")
        problem(await refreshed(http, pair["refresh_token"]), "unauthenticated")
        answer = await http.post("/auth/token", data={"username": name, "password": PASSWORD})
        assert problem(answer, "unauthenticated")["detail"] == "wrong user name or password"


async def test_an_account_without_a_password_cannot_sign_in_by_one(office: Office) -> None:
    name = await newcomer(office, password="")
    async with web(office) as http:
        for password in (" ", PASSWORD, "nobody has this password"):
            problem(await http.post("/auth/token", data={"username": name, "password": password}), "unauthenticated")


async def test_a_password_hashed_cheaply_is_hashed_anew_and_one_too_long_is_wrong(office: Office) -> None:
    long = "x" * 1025
    name, other = await newcomer(office), await newcomer(office, password=QUICK.hash(long))
    async with web(office, hasher=PasswordHasher()) as http:
        await token_pair(http, name)
        now = await read.staff_member(office.engine, name)
        assert now is not None and not PasswordHasher().check_needs_rehash(now.password)
        await token_pair(http, name)
        problem(await http.post("/auth/token", data={"username": other, "password": long}), "unauthenticated")


# -- guessing --------------------------------------------------------------------------------------------------------


async def failed(http: httpx.AsyncClient, name: str, times: int = 1) -> list[int]:
    form = {"username": name, "password": "a wrong one"}
    return [(await http.post("/auth/token", data=form)).status_code for _ in range(times)]


def test_the_lock_grows_and_stays_bearable() -> None:
    minutes = [lock_after(n) / timedelta(minutes=1) for n in range(12)]
    assert minutes == [0, 0, 0, 0, 0, 1, 2, 4, 8, 15, 15, 15]
    assert lock_after(10**6) == timedelta(minutes=15)


@pytest.mark.parametrize("known", [True, False])
async def test_five_failures_lock_a_name_on_every_web_server(office: Office, known: bool) -> None:
    name = await newcomer(office) if known else f"nobody-{uuid4().hex}"
    shift = timedelta()

    def clock() -> datetime:
        return datetime.now(UTC) + shift

    right = {"username": name, "password": PASSWORD}
    async with web(office, clock=clock) as one, web(office, clock=clock) as two:
        before = await token_pair(one, name) if known else None
        assert await failed(one, name, 3) + await failed(two, name, 2) == [401] * 5
        for http in (one, two):
            answer = await http.post("/auth/token", data=right)
            assert answer.status_code == 429 and answer.json()["type"] == "urn:amends:too_many"
            assert 50 <= int(answer.headers["retry-after"]) <= 60
        if before:
            assert (await as_bearer(two, before["access_token"])).status_code == 200, "who is in stays in"
            assert (await refreshed(two, before["refresh_token"])).status_code == 200
        shift = timedelta(seconds=61)
        assert await failed(two, name) == [401]
        again = await one.post("/auth/token", data=right)
        assert again.status_code == 429 and 110 <= int(again.headers["retry-after"]) <= 120
        if known:
            shift += timedelta(seconds=121)
            await token_pair(one, name)
            assert await failed(one, name, 4) == [401] * 4, "a good sign-in begins the count anew"


async def test_a_crowd_of_guesses_at_once_gets_five(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as one, web(office, rates=Rates()) as two:
        answers = await asyncio.gather(*(failed(http, name) for http in (one, two) * 6))
        assert sorted(status for [status] in answers) == [401] * 5 + [429] * 7


async def test_names_that_were_typed_are_kept_nowhere(office: Office) -> None:
    typed = "My-Pass.Word_2026"
    async with web(office) as http:
        await failed(http, typed)
    async with office.engine.connect() as db:
        assert typed not in repr((await db.execute(select(SignInLock))).all())


async def test_an_address_that_fails_too_often_waits(office: Office) -> None:
    async with web(office, rates=Rates(failures_per_minute=5)) as http:
        assert [await failed(http, f"nobody{n}-{uuid4().hex}") for n in range(5)] == [[401]] * 5
        form = {"username": "agent", "password": PASSWORD}
        answer = await http.post("/auth/token", data=form)
        assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 60
        refused = await http.post("/auth/oidc/token", data={"id_token": "x"})
        assert refused.status_code == 404, "there is no provider here"


async def test_an_account_that_asks_too_often_waits(office: Office) -> None:
    name, other = await newcomer(office), await newcomer(office)
    async with web(office, rates=Rates(requests_per_minute=3)) as http:
        mine, others = await token_pair(http, name), await token_pair(http, other)
        answers = [await as_bearer(http, mine["access_token"]) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[-1].json()["type"] == "urn:amends:too_many" and int(answers[-1].headers["retry-after"]) >= 1
        assert (await as_bearer(http, others["access_token"])).status_code == 200


async def test_sessions_that_ended_long_ago_are_cleared_away(office: Office) -> None:
    name, shift = await newcomer(office), timedelta()
    async with web(office, clock=lambda: datetime.now(UTC) + shift) as http:
        await token_pair(http, name)
        shift = timedelta(days=31)
        await token_pair(http, name)
    count = select(func.count()).select_from(StaffSession).where(col(StaffSession.username) == name)
    async with office.engine.connect() as db:
        assert (await db.execute(count)).scalar_one() == 1
