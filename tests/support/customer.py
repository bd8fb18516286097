"""The customer's side of a link, as the tests use it: links, what is sent by them, and the page as a reader sees it."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
from office import PLAIN, Office

from register import links
from register.tables import CustomerLink
from run.sink import Mailbox

Json = dict[str, Any]
ADDRESS = "https://complaints.bank.example"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
AS_JSON = {"Accept": "application/json"}


def tokens(words: str | bytes) -> list[str]:
    found = words if isinstance(words, str) else words.decode("utf-8", "replace")
    return list(dict.fromkeys(re.findall(rf"{ADDRESS}/c/([\w-]+)", found)))


def mailed(mailbox: Mailbox, reference: str) -> list[str]:
    """The tokens in the mail about a case, newest first."""
    found = []
    for message in mailbox.messages():
        if message["kind"] == "eml" and reference in message["subject"]:
            _, plain, html = mailbox.read(message["name"])
            found += tokens(plain)
            assert tokens(html or "") == tokens(plain), "the same link in both forms"
    return found


async def give_link(office: Office, reference: str, days: int = 60) -> str:
    """A link of a case, as a letter would carry it."""
    token, now = links.new_token(), datetime.now(UTC)
    row = CustomerLink(
        hash=links.digest(token),
        reference=reference,
        letter=99,
        made_at=now,
        expires_at=now + timedelta(days=days),
    )
    async with office.engine.begin() as db:
        await links.make(db, row)
    return token


async def linked(office: Office, **more: Any) -> tuple[Json, str]:
    case = await office.open(PLAIN | more)
    return case, await give_link(office, case["reference"])


async def asked(office: Office, **more: Any) -> tuple[Json, str]:
    """A case whose result is out, so that the customer is asked."""
    case, token = await linked(office, **more)
    await office.to_callback(case)
    await office.forward(case["reference"], timedelta(seconds=1))
    assert (await office.case(case["reference"]))["stage"] == "callback"
    return case, token


async def done_to(office: Office, reference: str) -> Json:
    """What a link could have changed; a letter that goes out meanwhile is not of it."""
    case = await office.case(reference)
    return {name: case[name] for name in ("stage", "outcome", "notes", "withdrawal", "callbacks")}


async def look(office: Office, token: str, **headers: str) -> httpx.Response:
    return await office.http.get(f"/c/{token}", headers=AS_JSON | headers)


async def say(office: Office, token: str, act: str, body: Json, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await office.http.post(f"/c/{token}/{act}", json=body, headers=headers)


def problem(answer: httpx.Response, status: int, code: str) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: Json = answer.json()
    assert said["type"] == f"urn:amends:{code}"
    assert "stage" not in said
    return said


class Page(HTMLParser):
    """A page as a reader and a form-filling hand see it."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
        self.words = ""
        self.tags: list[Any] = []
        self.forms: dict[str, Any] = {}
        self.fors: set[Any] = set()
        self.ids: set[Any] = set()
        self.lang, self.title, self._at = "", "", ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self._at = tag
        if tag == "html":
            self.lang = given["lang"] or ""
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "label" and "for" in given:
            self.fors.add(given["for"])
        if tag == "form":
            assert given["method"] == "post"
            self.forms[(given["action"] or "").rsplit("/", 1)[1]] = {}
        if tag in ("input", "textarea", "select") and self.forms:
            name = given["name"] or ""
            list(self.forms.values())[-1][name] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._at == "title":
            self.title += data
        elif self._at != "style":
            self.words += data


async def page(office: Office, token: str, query: str = "") -> Page:
    answer = await office.http.get(f"/c/{token}{query}", headers=PAGE)
    assert answer.status_code == 200, answer.text
    return Page(answer)


async def send_form(office: Office, token: str, act: str, fields: Json) -> httpx.Response:
    return await office.http.post(f"/c/{token}/{act}", data=fields, headers=PAGE)


_CASES: dict[str, tuple[Json, str]] = {}


async def the_case(office: Office) -> tuple[Json, str]:
    """One case of each office, for the tests that change nothing."""
    if office.queue not in _CASES:
        _CASES[office.queue] = await linked(office)
    return _CASES[office.queue]
