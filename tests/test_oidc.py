"""Sign-in by OpenID Connect against a real provider: the whole code flow, and ID tokens that are not good."""

import asyncio
from typing import Any

import httpx
import pytest
from browser import HTML, as_bearer, newcomer, page_session, token_pair, web
from contract import problem
from keys import MASTER_KEYS
from office import PASSWORD, Office
from provider import OURS, IdentityProvider, at_the_provider, exchanged, provider, s256, somebody, whole_way
from pydantic import ValidationError
from sqlalchemy import update
from sqlmodel import col
from typer.testing import CliRunner

from api import oidc
from api.oidc import Provider
from register import read
from register.tables import Staff
from run import connect
from run.cli import app
from run.settings import MissingSetting, Settings


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


# -- the code flow ---------------------------------------------------------------------------------------------------


async def test_the_whole_way_through_a_browser(office: Office, idp: IdentityProvider, ours: Provider) -> None:
    sub = somebody(idp, roles=["handler", "auditor", "no-role-of-ours", 7])
    async with web(office, provider=ours) as http:
        assert "auth/oidc/start?next=/me" in (await http.get("/sign-in?next=/me", headers=HTML)).text
        query, back = await at_the_provider(http, sub, next="/me")
        assert (query["response_type"], query["client_id"]) == ("code", OURS)
        assert query["redirect_uri"] == "https://office/auth/oidc/callback"
        assert query["code_challenge_method"] == "S256" and len(query["state"]) == len(query["nonce"]) == 43
        answer = await http.get(back, headers=HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, "/me")
        me = (await http.get("/auth/me")).json()
        assert (me["username"], me["name"], me["roles"]) == (sub, "王芳", ["handler", "auditor"])
        assert me["session"]["kind"] == "page"
    asked = [(form, authorization) for path, form, authorization in idp.asked if path == "/oauth2/token"]
    form, authorization = asked[-1]
    assert s256(form["code_verifier"]) == query["code_challenge"] and "client_secret" not in form
    assert authorization == httpx.BasicAuth(OURS, "s3cret")._auth_header
    kept = await read.staff_member(office.engine, sub)
    assert kept is not None and (kept.provider, kept.subject, kept.password) == (idp.url, sub, "")


async def test_a_public_client_sends_no_secret(office: Office, idp: IdentityProvider) -> None:
    sub = somebody(idp)
    async with web(office, provider=idp.client()) as http:
        answer = await whole_way(http, sub)
        assert (answer.status_code, answer.headers["location"]) == (303, "../../desk")
        assert [path for path in http.cookies] == ["__Host-amends_session"], "the cookie of the way is gone"
    _, form, authorization = next(asked for asked in reversed(idp.asked) if asked[0] == "/oauth2/token")
    assert authorization is None and form["client_id"] == OURS and "client_secret" not in form


async def test_roles_department_and_region_come_with_every_sign_in(office: Office, idp: IdentityProvider) -> None:
    sub = somebody(idp, realm={"access": {"roles": ["Agents", "Unknown"]}}, dep="card_centre", place="上海")
    names = {"roles_claim": "realm.access.roles", "department_claim": "dep", "region_claim": "place"}
    client = idp.client(**names, role_map={"Agents": "agent", "Bosses": "manager"})
    async with web(office, provider=client) as http:
        await whole_way(http, sub)
        me = (await http.get("/auth/me")).json()
        assert (me["roles"], me["department"], me["region"]) == (["agent"], "card_centre", "上海")
        idp.person(sub, preferred_username="renamed", realm={"access": {"roles": "Bosses"}}, dep="legal")
        async with web(office, provider=client) as again:
            await whole_way(again, sub)
        me = (await http.get("/auth/me")).json()
        assert (me["username"], me["roles"], me["department"], me["region"]) == (sub, ["manager"], "legal", None)
        # With a map, our own role names from the provider mean nothing.
        idp.person(sub, preferred_username=sub, realm={"access": {"roles": ["admin", "agent"]}})
        assert (await whole_way(http, sub)).status_code == 403


REFUSED = {
    "no role at all": {"roles": None},
    "no role of ours": {"roles": ["root", "superuser"]},
    "roles of a strange shape": {"roles": {"admin": True}},
    "no user name": {"preferred_username": None},
    "a user name of another form": {"preferred_username": "wang@bank.example"},
    "a user name that is reserved": {"preferred_username": "customer"},
    "a user name with a line break": {"preferred_username": "admin\n"},
    "a department nobody knows": {"department": "no_such_department"},
    "a department of a strange shape": {"department": ["legal"]},
}


@pytest.fixture(scope="module")
def by_department(idp: IdentityProvider) -> Provider:
    return idp.client(department_claim="department")


@pytest.mark.parametrize("claims", REFUSED.values(), ids=REFUSED)
async def test_who_has_no_place_here_is_refused_and_not_kept(
    office: Office, idp: IdentityProvider, by_department: Provider, claims: dict[str, Any]
) -> None:
    sub = somebody(idp, **claims)
    async with web(office, provider=by_department) as http:
        answer = await whole_way(http, sub)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers
        problem(
            await exchanged(http, idp.id_token(sub, **{"roles": ["agent"], "preferred_username": sub} | claims)),
            "not_allowed",
        )
    assert await read.staff_member(office.engine, sub) is None


PLACES = {"department_claim": "department", "region_claim": "place"}
WHOLE = {"department": "legal", "place": "上海"}


@pytest.mark.parametrize("missing", ["department", "place"])
@pytest.mark.parametrize("nothing", [None, "", " "])
@pytest.mark.parametrize("roles", [["supervisor"], ["handler"], ["auditor", "supervisor"]], ids=" and ".join)
async def test_who_works_in_a_department_is_of_all_only_when_the_provider_says_so(
    office: Office, idp: IdentityProvider, roles: list[str], nothing: str | None, missing: str
) -> None:
    field = {"department": "department", "place": "region"}[missing]
    sub = somebody(idp, roles=roles, **WHOLE | {missing: nothing})
    async with web(office, provider=idp.client(**PLACES)) as http:
        assert (await whole_way(http, sub)).status_code == 403
        token = idp.id_token(sub, preferred_username=sub, roles=roles, **WHOLE | {missing: nothing})
        problem(await exchanged(http, token), "not_allowed")
        assert await read.staff_member(office.engine, sub) is None
        idp.person(sub, preferred_username=sub, roles=roles, **WHOLE | {missing: "*"})
        assert (await whole_way(http, sub)).status_code == 303
        assert (await http.get("/auth/me")).json()[field] is None
        idp.person(sub, preferred_username=sub, roles=roles, **WHOLE)
        assert (await whole_way(http, sub)).status_code == 303
        assert (await http.get("/auth/me")).json()[field] == WHOLE[missing]


@pytest.mark.parametrize("role", ["agent", "manager", "auditor", "ops", "admin"])
async def test_who_works_for_the_whole_office_needs_no_department(
    office: Office, idp: IdentityProvider, role: str
) -> None:
    sub = somebody(idp, roles=[role])
    async with web(office, provider=idp.client(**PLACES)) as http:
        assert (await whole_way(http, sub)).status_code == 303
        assert (await http.get("/auth/me")).json()["department"] is None


async def test_a_local_account_is_not_taken_over(office: Office, idp: IdentityProvider, ours: Provider) -> None:
    name = await newcomer(office)
    sub = somebody(idp, preferred_username=name, roles=["admin"])
    async with web(office, provider=ours) as http:
        assert (await whole_way(http, sub)).status_code == 403
        me = (await as_bearer(http, (await token_pair(http, name))["access_token"])).json()
        assert me["roles"] == ["auditor"]


async def test_an_account_with_a_password_is_handed_over_on_the_command_line(
    office: Office, idp: IdentityProvider, ours: Provider, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, second = await newcomer(office), await newcomer(office)
    sub = somebody(idp, preferred_username=name, roles=["agent"])
    monkeypatch.setenv("AMENDS_DATABASE_URL", database_url)
    monkeypatch.setenv("AMENDS_MASTER_KEYS", MASTER_KEYS)
    monkeypatch.setenv("AMENDS_OIDC_ISSUER", idp.url)

    async def hand_over(who: str) -> int:
        return (await asyncio.to_thread(CliRunner().invoke, app, ["staff", "hand-over", who, sub])).exit_code

    async with web(office, provider=ours) as http:
        pair = await token_pair(http, name)
        assert (await hand_over(name), await hand_over(second)) == (0, 1)
        problem(await as_bearer(http, pair["access_token"]), "unauthenticated")
        assert (await page_session(http, name)).status_code == 401
        assert (await whole_way(http, sub)).status_code == 303
        assert (await http.get("/auth/me")).json()["roles"] == ["agent"]
        await token_pair(http, second)


async def test_a_user_name_given_to_somebody_else_does_not_open_the_old_account(
    office: Office, idp: IdentityProvider, ours: Provider
) -> None:
    sub = somebody(idp)
    async with web(office, provider=ours) as http:
        await whole_way(http, sub)
        other = somebody(idp, preferred_username=sub, roles=["admin"])
        assert (await whole_way(http, other)).status_code == 403
    kept = await read.staff_member(office.engine, sub)
    assert kept is not None and kept.roles == ["auditor"]


async def test_an_account_of_the_provider_has_no_password_and_can_be_disabled(
    office: Office, idp: IdentityProvider, ours: Provider
) -> None:
    sub = somebody(idp)
    async with web(office, provider=ours) as http:
        await whole_way(http, sub)
        for password in (PASSWORD, " "):
            assert (await page_session(http, sub, password=password)).status_code == 401
        async with office.engine.begin() as db:
            await db.execute(update(Staff).where(col(Staff.username) == sub).values(state="disabled"))
        problem(await http.get("/auth/me"), "unauthenticated")
        assert (await whole_way(http, sub)).status_code == 403


async def test_the_way_back_has_to_be_one_that_was_begun_in_this_browser(
    office: Office, idp: IdentityProvider, ours: Provider
) -> None:
    sub = somebody(idp)
    async with web(office, provider=ours) as http, web(office, provider=ours) as other:
        _, back = await at_the_provider(http, sub)
        _, others = await at_the_provider(other, sub)
        state = others.split("state=")[1].split("&")[0]
        for wrong in (
            others,
            back.split("?")[0],
            back + "&iss=https://evil.example",
            f"{back.split('?')[0]}?state={state}",
        ):
            problem(await http.get(wrong), "unauthenticated")
        async with web(office, provider=ours) as stranger:
            problem(await stranger.get(back), "unauthenticated")
            refused = await stranger.get(back, headers=HTML)
            assert refused.status_code == 401 and "登录已失效" in refused.text
        assert (await http.get(back)).status_code == 303
        problem(await http.get(back), "unauthenticated")
        denied = (await at_the_provider(http, sub))[1].split("code=")[0] + "error=access_denied"
        problem(await http.get(denied), "unauthenticated")


# -- the provider's keys, and the provider itself --------------------------------------------------------------------


async def test_new_keys_are_fetched_when_a_token_names_one_but_not_for_every_forgery(
    idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with provider() as own:
        client = own.client()
        await client.claims(own.id_token("p1"))
        await client.claims(own.id_token("p1"))
        before = own.looked_up("/jwks")
        own.rotate()
        with pytest.raises(oidc.HTTPException):  # asked a moment ago: not again
            await client.claims(own.id_token("p1"))
        assert own.looked_up("/jwks") == before
        monkeypatch.setattr(oidc, "KEYS_AGAIN_AFTER", 0.0)
        await client.claims(own.id_token("p1"))
        assert own.looked_up("/jwks") == before + 1


async def test_a_provider_that_is_away_or_somebody_else_is_503(office: Office, idp: IdentityProvider) -> None:
    for issuer in ("http://localhost:9", f"{idp.url}/", f"{idp.url}/nothing-here"):
        async with web(office, provider=idp.client(issuer=issuer)) as http:
            for answer in (await http.get("/auth/oidc/start"), await exchanged(http, idp.id_token("p1"))):
                problem(answer, "unavailable")
                assert answer.headers["retry-after"] == "5"


async def test_without_a_provider_there_is_no_such_way(office: Office) -> None:
    async with web(office) as http:
        for answer in (
            await http.get("/auth/oidc/start"),
            await http.get("/auth/oidc/callback"),
            await exchanged(http, "x"),
        ):
            problem(answer, "unknown")


def settings(**more: Any) -> Settings:
    return Settings(**{"oidc_issuer": "https://id.bank.example", "oidc_client_id": "amends"} | more)


def test_the_settings_make_a_provider_or_say_what_is_wrong() -> None:
    made = connect.provider(settings(oidc_role_map={"Bosses": "manager"}, oidc_client_secret="s"))
    assert made is not None and (made.client.role_map, made.client.secret) == ({"Bosses": "manager"}, "s")
    assert connect.provider(settings(oidc_issuer="")) is None and connect.provider(settings(oidc_issuer=None)) is None
    for wrong in ({"oidc_client_id": None}, {"oidc_issuer": "http://id.bank.example"}):
        with pytest.raises(MissingSetting, match="AMENDS_OIDC_"):
            connect.provider(settings(**wrong))
    for wrong in ({"oidc_role_map": {"Bosses": "boss"}}, {"oidc_issuer": "id.bank.example"}):
        with pytest.raises(ValidationError):
            settings(**wrong)
