"""Signing in by a browser, on real servers: cookies, forms that other sites send, where one goes afterwards."""

from html import unescape

import httpx
import pytest
from browser import HTML, OWN, as_bearer, csrf_of, newcomer, page_session, token_pair, web
from contract import different, problem
from office import PASSWORD, Office

from api.staff_page import local

COOKIE = "__Host-amends_session"
CROSS: list[dict[str, str]] = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://office.evil.example"},
    {"Origin": "http://office"},
    {"Origin": "https://office:444"},
    {"Origin": "null"},
    {"Origin": "https://office", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site"},
    {},
]


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


async def test_the_page_signs_in_with_a_cookie_that_no_script_and_no_other_site_uses(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        page = await http.get("/sign-in", headers=HTML)
        assert page.status_code == 200 and "登录" in page.text and "Sign in" in page.text
        assert "<script" not in page.text and "auth/oidc/start" not in page.text, "there is no provider here"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        answer = await page_session(http, name)
        assert (answer.status_code, answer.headers["location"]) == (303, "desk")
        said = answer.headers["set-cookie"]
        assert said.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= {part.strip() for part in said.split(";")}
        assert "Domain" not in said
        me = await http.get("/me", headers=HTML)
        assert me.status_code == 200 and name in me.text and "审计/质检" in me.text
        assert me.headers["cache-control"] == "no-store" and "<script>" not in me.text
        said_json = (await http.get("/auth/me")).json()
        assert said_json["session"]["kind"] == "page" and said_json["csrf_token"] == csrf_of(me.text)


@pytest.mark.parametrize(("base", "secure"), [("http://127.0.0.1:8000", False), ("http://office", True)])
async def test_only_http_on_this_very_machine_has_a_cookie_without_secure(
    office: Office, base: str, secure: bool
) -> None:
    async with web(office, base) as http:
        form = {"username": await newcomer(office), "password": PASSWORD}
        said = (await http.post("/sign-in", data=form, headers=HTML | {"Origin": base})).headers["set-cookie"]
        assert ("Secure" in said, said.startswith("__Host-")) == (secure, secure)


async def test_behind_a_proxy_the_address_of_staff_can_be_set(office: Office) -> None:
    own = "https://staff.bank.example"
    async with web(office, "http://10.0.0.7:8000", staff_url=own) as http:
        form = {"username": await newcomer(office), "password": PASSWORD}
        answer = await http.post("/sign-in", data=form, headers=HTML | {"Origin": own})
        assert answer.status_code == 303 and answer.headers["set-cookie"].startswith(COOKIE)


async def test_a_wrong_sign_in_shows_nothing_of_what_was_typed(office: Office) -> None:
    async with web(office) as http:
        for _ in range(5):
            answer = await page_session(http, "My-Secret-Word", password="another-secret")
            assert (
                answer.status_code == 401 and "用户名或密码不正确" in answer.text and "set-cookie" not in answer.headers
            )
            assert "Secret-Word" not in answer.text and "another-secret" not in answer.text
        locked = await page_session(http, "My-Secret-Word")
        assert locked.status_code == 429 and int(locked.headers["retry-after"]) > 0 and "尝试次数过多" in locked.text


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        asked = await http.get("/me", headers=HTML)
        assert (asked.status_code, asked.headers["location"]) == (303, "sign-in?next=/me")
        problem(await http.get("/me"), "unauthenticated")
        page = await http.get("/sign-in?next=/me", headers=HTML)
        assert 'name="next" value="/me"' in page.text
        assert (await page_session(http, name, next="/me")).headers["location"] == "/me"


ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "/\t/evil.example", "/\n/evil.example", "evil.example", "data:text/html,x", " //evil.example", "/\u2028/evil.example",
    "http:evil.example", "@evil.example", "",
]  # fmt: skip


@pytest.mark.parametrize("to", ELSEWHERE)
async def test_nobody_is_sent_elsewhere_after_signing_in(office: Office, to: str) -> None:
    assert local(to) is None
    async with web(office) as http:
        page = await http.get("/sign-in", params={"next": to}, headers=HTML)
        assert 'name="next" value=""' in page.text and "evil" not in unescape(page.text)


async def test_the_form_cannot_send_elsewhere_either(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        assert (await page_session(http, name, next="//evil.example")).headers["location"] == "desk"


@pytest.mark.parametrize("origin", CROSS)
async def test_another_site_signs_nobody_in_and_does_nothing_in_their_name(
    office: Office, origin: dict[str, str]
) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        form = {"username": name, "password": PASSWORD}
        refused = await http.post("/sign-in", data=form, headers=origin)
        problem(refused, "not_allowed")
        assert "set-cookie" not in refused.headers
        await page_session(http, name)
        token = csrf_of((await http.get("/me", headers=HTML)).text)
        problem(await http.post("/sign-out", data={"csrf_token": token}, headers=origin), "not_allowed")
        assert (await http.get("/me")).status_code == 200


async def test_a_request_by_cookie_that_changes_something_needs_the_token_of_its_session(office: Office) -> None:
    name = await newcomer(office, roles=["agent"])
    async with web(office) as http, web(office) as other:
        await page_session(http, name)
        await page_session(other, name)
        mine, others = [csrf_of((await h.get("/me", headers=HTML)).text) for h in (http, other)]
        assert mine != others
        form = different()
        for wrong in ({}, {"X-CSRF-Token": others}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": mine[:-1]}):
            problem(await http.post("/complaints", json=form, headers=OWN | wrong), "not_allowed")
            wrong_form = {"csrf_token": wrong.get("X-CSRF-Token", "")}
            problem(await http.post("/sign-out", data=wrong_form, headers=OWN), "not_allowed")
        problem(await http.post("/complaints", json=form | {"csrf_token": mine}, headers=OWN), "not_allowed")
        assert (await http.post("/complaints", json=form, headers=OWN | {"X-CSRF-Token": mine})).status_code == 201
        page = await http.post("/sign-out", data={}, headers=OWN | HTML)
        assert page.status_code == 403 and "重新打开页面" in page.text


async def test_a_bearer_token_needs_no_csrf_token_and_goes_before_the_cookie(office: Office) -> None:
    name, agent = await newcomer(office), await newcomer(office, roles=["agent"])
    async with web(office) as http:
        pair = await token_pair(http, agent)
        await page_session(http, name)
        assert (await as_bearer(http, pair["access_token"])).json()["username"] == agent
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        assert (await http.post("/complaints", json=different(), headers=bearer)).status_code == 201
        problem(await as_bearer(http, "no token"), "unauthenticated")


async def test_neither_cookie_nor_refresh_token_works_in_the_others_place(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http, web(office) as empty:
        pair = await token_pair(http, name)
        await page_session(http, name)
        cookie = http.cookies[COOKIE]
        for token in (cookie, pair["refresh_token"]):
            problem(await as_bearer(empty, token), "unauthenticated")
        problem(await empty.post("/auth/refresh", data={"refresh_token": cookie}), "unauthenticated")
        for token in (pair["refresh_token"], pair["access_token"], "", "x" * 5000):
            problem(await empty.get("/auth/me", headers={"Cookie": f"{COOKIE}={token}"}), "unauthenticated")


async def test_one_sees_and_ends_one_s_own_sessions_and_nobody_else_s(office: Office) -> None:
    name, stranger = await newcomer(office), await newcomer(office)
    async with web(office) as here, web(office) as there, web(office) as elsewhere:
        for http, who in ((here, name), (there, name), (elsewhere, stranger)):
            await page_session(http, who)
        program = await token_pair(there, name)
        page = (await here.get("/me", headers=HTML)).text
        token = {"csrf_token": csrf_of(page)}
        assert page.count("<time") == 3 and page.count('/end"') == 3, "two by one, and all others"
        their, strangers = [(await h.get("/auth/me")).json()["session"]["id"] for h in (there, elsewhere)]
        assert strangers not in page
        for unknown in (strangers, "0" * 24, "x"):
            problem(await here.post(f"/me/sessions/{unknown}/end", data=token, headers=OWN), "unknown")
        ended = await here.post(f"/me/sessions/{their}/end", data=token, headers=OWN)
        assert (ended.status_code, ended.headers["location"]) == (303, "../../../me")
        problem(await there.get("/me"), "unauthenticated")
        assert (await here.post("/me/sessions/end", data=token, headers=OWN)).status_code == 303
        problem(await as_bearer(there, program["access_token"]), "unauthenticated")
        assert [(await h.get("/me")).status_code for h in (here, elsewhere)] == [200, 200]


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        await page_session(http, name)
        cookie = http.cookies[COOKIE]
        token = csrf_of((await http.get("/me", headers=HTML)).text)
        answer = await http.post("/sign-out", data={"csrf_token": token}, headers=OWN | HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, "sign-in?out=true")
        assert COOKIE not in http.cookies
        problem(await http.get("/me", headers={"Cookie": f"{COOKIE}={cookie}"}), "unauthenticated")
        pair = await token_pair(http, name)
        assert (await as_bearer(http, pair["access_token"], "POST", "/sign-out")).status_code == 422


async def test_a_new_sign_in_has_a_new_session_and_ends_the_old_one(office: Office) -> None:
    name = await newcomer(office)
    async with web(office) as http:
        await page_session(http, name)
        old = http.cookies[COOKIE]
        await page_session(http, name)
        assert http.cookies[COOKIE] != old
        problem(await http.get("/me", headers={"Cookie": f"{COOKIE}={old}"}), "unauthenticated")


async def test_forms_at_fault_are_answered_with_a_page(office: Office) -> None:
    async with web(office) as http:
        for form in ({}, {"username": "x"}, {"username": "x", "password": "y" * 10_001}):
            answer: httpx.Response = await http.post("/sign-in", data=form, headers=HTML | OWN)
            assert answer.status_code == 422 and answer.headers["content-type"].startswith("text/html"), answer.text
