"""A sign-in that is over loses no text: what was typed comes back, is carried over the sign-in, and is sent once."""

import re
from html import unescape

import pytest
from browser import HTML, OWN, csrf_of, newcomer, page_session, web
from office import Office

from api.kept import Kept
from api.sessions import COOKIE

TYPED = 'He said: "no"\n<b>& nothing</b> 三月的年费'
NOTE = "/desk/complaints/CMP-2026-999999999999/notes"
FORM = {"csrf_token": "0" * 64, "request_id": "once-and-no-more", "seen": "7", "text": TYPED, "contact": "true"}


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the form that sends it again."""
    form = re.search(rf'<form method="post" action="[./]*{NOTE[1:]}">(.*?)</form>', page, re.DOTALL)
    assert form
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[1])
    return {name: unescape(value) for name, value in found}


async def test_a_form_sent_without_a_sign_in_comes_back_with_all_that_was_typed(office: Office) -> None:
    async with web(office) as http:
        page = await http.post(NOTE, data=FORM, headers=HTML | OWN)
        assert page.status_code == 401
        assert "登录已失效" in page.text and "Your sign-in is over" in page.text and 'name="password"' in page.text
        assert unescape(page.text).count(TYPED) == 3, "carried over the sign-in, for another tab, and to be read"
        assert "<b>&" not in page.text, "what was typed is no markup"
        assert "0" * 64 not in page.text, "the old token is of no use"
        assert "备注" in page.text and ">Note<" in page.text
        assert page.headers["cache-control"] == "no-store" and "unsafe" not in page.headers["content-security-policy"]


async def sign_in_with_text(office: Office, name: str, **more: str) -> tuple[int, str, str]:
    """Signs in from the page that kept the text; gives the status, the page and the new cookie."""
    async with web(office) as http:
        lost = {f"kept.{field}": value for field, value in FORM.items() if field != "csrf_token"}
        answer = await page_session(http, name, **{"kept_to": NOTE} | lost | more)
        return answer.status_code, answer.text, http.cookies.get(f"__Host-{COOKIE}") or http.cookies.get(COOKIE) or ""


async def test_after_the_sign_in_the_text_is_sent_by_one_button(office: Office) -> None:
    name = await newcomer(office, roles=["agent"])
    status, page, cookie = await sign_in_with_text(office, name)
    assert status == 200 and cookie
    assert "立即提交" in page and "Send it now" in page
    again = hidden(page)
    assert again == FORM | {"csrf_token": csrf_of(page)}, "the number of the request stays: it is one act"


async def test_a_wrong_password_loses_nothing(office: Office) -> None:
    name = await newcomer(office)
    status, page, cookie = await sign_in_with_text(office, name, password="not this")
    assert (status, cookie) == (401, "")
    assert "用户名或密码不正确" in page and TYPED in unescape(page) and "not this" not in page
    assert re.search(rf'name="kept_to" value="{NOTE}"', page)


@pytest.mark.parametrize("to", ["//evil.example/desk/x", "https://evil.example/desk/", "/me", "/desk/\\evil", ""])
async def test_text_is_carried_to_pages_of_the_console_alone(office: Office, to: str) -> None:
    name = await newcomer(office)
    status, page, _ = await sign_in_with_text(office, name, kept_to=to)
    assert status == 303 and "evil" not in page


async def test_what_another_site_sent_is_never_carried_on(office: Office) -> None:
    """A cookie stays at home when another site sends a form: it looks like a sign-in that is over."""
    async with web(office) as http:
        for origin in ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, {}):
            answer = await http.post(NOTE, data=FORM, headers=HTML | origin)
            assert answer.status_code == 303 and answer.headers["location"].endswith("sign-in")
            assert TYPED not in unescape(answer.text)


async def test_a_form_of_an_earlier_sign_in_comes_back_with_a_token_that_is_good(office: Office) -> None:
    name = await newcomer(office, roles=["agent"])
    async with web(office) as http:
        await page_session(http, name)
        stale = await http.post(NOTE, data=FORM, headers=HTML | OWN)
        assert stale.status_code == 403 and "内容仍在下方" in stale.text
        again = hidden(stale.text)
        assert again == FORM | {"csrf_token": csrf_of((await http.get("/me", headers=HTML)).text)}
        sent = await http.post(NOTE, data=again, headers=HTML | OWN)
        assert sent.status_code == 404, "it is taken for what it is: a note on a case that is not there"


async def test_a_program_is_told_in_json_as_ever(office: Office) -> None:
    async with web(office) as http:
        answer = await http.post(NOTE, data=FORM, headers=OWN)
        assert answer.status_code == 401 and answer.headers["content-type"] == "application/problem+json"


async def test_nothing_typed_is_logged(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    async with web(office) as http:
        await http.post(NOTE, data=FORM, headers=HTML | OWN)
    told = capsys.readouterr()
    assert "三月的年费" not in told.out + told.err


def test_what_is_shown_is_what_a_person_filled_in() -> None:
    lost = Kept("/desk/new", (("request_id", "x"), ("duties.0.task", "call"), ("mood", "blue"), ("empty", " ")))
    assert lost.shown == [("任务", "Task", "call"), ("mood", "mood", "blue")]
