"""The customer's link, on real servers: what it shows, what can be done by it, what it refuses, and that it stays secret."""

import asyncio
import hashlib
import io
import json
import logging
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
import uvicorn
from office import PLAIN, RESOLUTION, SECRET, Office, free_port, office_at
from playwright.async_api import async_playwright
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RetryConfig
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.channels import JsonPost, Mail, Post, Sms
from activities.letters import Letters
from api.app import create_app
from api.customer_form import MOST_FACTS
from api.parts import Parts
from complaints.names import Way
from complaints.orders import LetterOrder
from register import links, outbox, read
from register.connect import engine as connect_register
from register.tables import CustomerLink, table
from run.sink import Mailbox

Json = dict[str, Any]
PUBLIC = "https://complaints.bank.example"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
AS_JSON = {"Accept": "application/json"}
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
async def office(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """One office whose letters carry links; nothing here moves the clock of a case but by a second."""
    folder = tmp_path_factory.mktemp("rules")
    async with office_at(datetime(2026, 3, 10, 10), temporal, register, post, folder, PUBLIC, "mass") as here:
        yield here


def tokens(words: str | bytes) -> list[str]:
    found = words if isinstance(words, str) else words.decode("utf-8", "replace")
    return list(dict.fromkeys(re.findall(rf"{PUBLIC}/c/([\w-]+)", found)))


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


# -- the letter carries it -------------------------------------------------------------------------------------------


async def rows(engine: AsyncEngine, reference: str) -> list[CustomerLink]:
    query = select(table(CustomerLink)).where(table(CustomerLink).c.reference == reference)
    async with engine.connect() as db:
        return [CustomerLink(**r) for r in (await db.execute(query)).mappings()]


async def test_a_letter_carries_a_link_that_opens_the_case(office: Office, mailbox: Mailbox) -> None:
    case = await office.open()
    await office.to_callback(case)
    await office.forward(case["reference"], timedelta(seconds=1))
    found = mailed(mailbox, case["reference"])
    assert found and all(len(token) == 43 for token in found)
    for token in found:
        answer = await look(office, token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["reference"] == case["reference"]
    kept = await rows(office.engine, case["reference"])
    assert {row.hash for row in kept} == {hashlib.sha256(token.encode()).hexdigest() for token in found}
    letters = {row["number"]: row for row in await office.letters(case["reference"])}
    for row in kept:
        ordered = datetime.fromisoformat(letters[row.letter]["ordered_at"])
        assert (row.made_at, row.expires_at) == (ordered, ordered + timedelta(days=60))


async def test_a_letter_by_sms_and_by_post_carries_one_too(
    office: Office, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case = await office.open()
    taken: list[str] = []

    class Gateway(JsonPost):
        async def send(self, body: Json, key: str, handing_over: Any) -> None:
            await handing_over()
            taken.append(body["text"])

    by_sms = Letters(office.engine, Post(sms=Sms(gateway=Gateway(url="http://localhost"))), public_url=f"{PUBLIC}/")
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.sms, written_at=datetime.now(UTC)
    )
    assert (await ActivityEnvironment().run(by_sms.send_letters, order)).sent(50)
    (token,) = tokens(taken[0])
    assert (await look(office, token)).status_code == 200

    folder = tmp_path_factory.mktemp("print")
    by_post = Letters(office.engine, Post.model_validate({"print_queue": {"folder": folder}}), public_url=PUBLIC)
    order = order.model_copy(update={"letters": {51: "satisfaction_request"}, "way": Way.post})
    assert (await ActivityEnvironment().run(by_post.send_letters, order)).sent(51)
    printed = (folder / f"{case['reference']}-51.pdf").read_bytes()
    assert f"{PUBLIC}/c/"[:20].encode() in printed
    kept = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 51)
    assert kept["pdf"] == b"" and tokens(kept["body"]) == []
    shown = next(letter for letter in await office.letters(case["reference"]) if letter["number"] == 51)
    assert shown["pdf"] is True, "there is a print, in the print queue"


async def test_without_a_public_address_there_is_no_link(office: Office, mailbox: Mailbox, post: Post) -> None:
    case = await office.open()
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    assert (await ActivityEnvironment().run(Letters(office.engine, post).send_letters, order)).sent(50)
    kept = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 50)
    assert "/c/" not in kept["body"]
    assert 50 not in [row.letter for row in await rows(office.engine, case["reference"])]


async def test_a_second_try_of_the_sending_makes_no_second_link(office: Office, post: Post, mailbox: Mailbox) -> None:
    case = await office.open()
    down = Post(mail=Mail(host="127.0.0.1", port=free_port(), sender="complaints@bank.example", tls="none"))
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    for _ in range(2):
        with pytest.raises(ApplicationError):
            await ActivityEnvironment().run(Letters(office.engine, down, public_url=PUBLIC).send_letters, order)
    waiting = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 50)
    (token,) = tokens(waiting["body"])
    shown = next(letter for letter in await office.letters(case["reference"]) if letter["number"] == 50)
    assert token not in json.dumps(shown), "staff do not see the link of a letter that waits"
    assert f"{PUBLIC}/c/…" in shown["body"] and f"{PUBLIC}/c/…" in shown["html"]

    done = await ActivityEnvironment().run(Letters(office.engine, post, public_url=PUBLIC).send_letters, order)
    assert done.sent(50)
    assert token in mailed(mailbox, case["reference"])
    assert [row.hash for row in await rows(office.engine, case["reference"]) if row.letter == 50] == [
        links.digest(token)
    ]


async def test_a_letter_kept_before_keeps_its_link(office: Office) -> None:
    """Two attempts that both found nothing: the one that comes second makes no link."""
    case = await office.open()
    letters = Letters(office.engine, Post(), public_url=PUBLIC)
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    written = [await letters._write(order, 50) for _ in range(2)]
    kept = await asyncio.gather(*(outbox.prepare_letter(office.engine, *w) for w in written))
    assert kept[0].body == kept[1].body
    (token,) = tokens(kept[0].body)
    assert [r.hash for r in await rows(office.engine, case["reference"]) if r.letter == 50] == [links.digest(token)]


@pytest.mark.parametrize("state", ["handing_over", "ready"])
async def test_a_letter_that_will_not_go_out_keeps_no_link_either(office: Office, state: str) -> None:
    case = await office.open()
    letters = Letters(office.engine, Post(), public_url=PUBLIC)
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    row, link = await letters._write(order, 50)
    row.state = state
    kept = await outbox.prepare_letter(office.engine, row, link)
    assert tokens(kept.body)
    done = await ActivityEnvironment().run(letters.send_letters, order)
    assert done.letters[50].state == {"handing_over": "uncertain", "ready": "failed"}[state]
    after = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 50)
    assert tokens(after["body"]) == tokens(after["html"]) == []


# -- what it shows ---------------------------------------------------------------------------------------------------


async def test_the_json_says_where_it_stands_and_nothing_of_the_inside(office: Office) -> None:
    case, token = await linked(office)
    answer = await look(office, token)
    said = answer.json()
    assert (said["reference"], said["status"], said["language"]) == (case["reference"], "in_progress", "zh-CN")
    assert said["possible"] == ["facts", "withdrawal"]
    due = next(c["due_at"] for c in case["clocks"] if c["name"] == "resolution")
    assert datetime.fromisoformat(said["expected_by"]) == datetime.fromisoformat(due)
    assert datetime.fromisoformat(said["received_at"]) == datetime.fromisoformat(case["received_at"])
    assert set(said) == {
        "reference", "language", "status", "status_text", "received_at", "expected_by", "overdue", "possible",
        "contact", "link_expires_at", "question",
    }  # fmt: skip
    inside = {case["assignment"]["handler"], case["assignment"]["department"], "测试客户", "300.00", "信用卡"}
    for shown in (answer.text, (await office.http.get(f"/c/{token}", headers=PAGE)).text):
        assert not any(word in shown for word in inside)


@pytest.mark.parametrize(
    ("language", "words", "expected"),
    [
        ("zh-CN", {"您的投诉", "责任部门正在核查处理", "预计答复时间", "客户服务热线 95000"}, "年"),
        ("en", {"Your complaint", "The responsible department is looking into it", "Answer expected by"}, "20"),
    ],
)
async def test_the_page_is_in_the_language_of_the_case(
    office: Office, language: str, words: set[str], expected: str
) -> None:
    case, token = await linked(office, language=language)
    shown = await page(office, token)
    assert shown.lang == language
    assert case["reference"] in shown.title
    assert case["reference"] in shown.words
    assert all(word in shown.words for word in words), shown.words
    assert expected in shown.words
    assert set(shown.forms) == {"facts", "withdrawal"}
    assert shown.fors <= shown.ids, "a label without its field"
    assert "script" not in shown.tags and "img" not in shown.tags and "link" not in shown.tags


async def test_the_stages_in_a_customers_words(office: Office) -> None:
    case, token = await linked(office)
    handler = case["assignment"]["handler"]

    async def now() -> tuple[str, list[str], bool]:
        said = (await look(office, token)).json()
        return said["status"], said["possible"], said["expected_by"] is None

    await office.act(handler, case["reference"], "acceptance")
    assert await now() == ("in_progress", ["facts", "withdrawal"], False)
    await office.act(handler, case["reference"], "resolution", RESOLUTION)
    await office.forward(case["reference"], timedelta(seconds=1))
    assert await now() == ("answered", ["rating", "facts", "withdrawal"], True)
    await office.act("agent", case["reference"], "callbacks", {"reached": True, "satisfaction": 5})
    assert await now() == ("closed", [], True)
    shown = await page(office, token)
    assert shown.forms == {} and "您的投诉已办结" in shown.words


async def test_an_answer_that_is_late_says_so(office: Office) -> None:
    long_ago = office.real(datetime(2026, 2, 2, 9)).isoformat()
    _, token = await linked(office, received_at=long_ago)
    assert (await look(office, token)).json()["overdue"] is True
    assert "非常抱歉" in (await page(office, token)).words


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html", "text/html"),
        ("application/json", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("application/json;q=nonsense", "text/html"),
        (";;;,,,=", "text/html"),
    ],
)
async def test_json_is_for_those_who_ask(office: Office, accept: str | None, kind: str) -> None:
    _, token = await the_case(office)
    answer = await office.http.get(f"/c/{token}", headers={"Accept": accept} if accept else {})
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["vary"] == "Accept"


_CASE: list[tuple[Json, str]] = []


async def the_case(office: Office) -> tuple[Json, str]:
    """One case for the tests that change nothing."""
    if not _CASE:
        _CASE.append(await linked(office))
    return _CASE[0]


# -- what can be done by it ------------------------------------------------------------------------------------------


async def test_a_fact_as_json_counts_once_under_its_key(office: Office) -> None:
    case, token = await linked(office)
    key = str(uuid4())
    for _ in range(2):
        answers = await asyncio.gather(*(say(office, token, "facts", {"text": "另有一笔"}, key) for _ in range(3)))
        assert {a.status_code for a in answers} == {200}, answers[0].text
    assert answers[0].json() == (await look(office, token)).json()
    notes = (await office.case(case["reference"]))["notes"]
    assert [(n["by"], n["text"]) for n in notes] == [("customer", "另有一笔")]
    said = problem(await say(office, token, "facts", {"text": "别的话"}, key), 409, "key_reused")
    assert said["possible"] == ["facts", "withdrawal"]
    assert len((await office.case(case["reference"]))["notes"]) == 1


async def test_keys_of_staff_and_of_other_links_are_other_keys(office: Office) -> None:
    case, token = await linked(office)
    other, key = await give_link(office, case["reference"]), str(uuid4())
    for one in (token, other):
        assert (await say(office, one, "facts", {"text": "同"}, key)).status_code == 200
    path = f"/complaints/{case['reference']}/notes"
    await office.call("agent", "POST", path, {"text": "同"}, **{"Idempotency-Key": key})
    assert len((await office.case(case["reference"]))["notes"]) == 3


async def test_a_fact_by_the_form_counts_once_however_often_it_is_sent(office: Office) -> None:
    case, token = await linked(office)
    fields = (await page(office, token)).forms["facts"] | {"text": "一行\r\n两行"}
    answers = await asyncio.gather(*(send_form(office, token, "facts", fields) for _ in range(2)))
    answers.append(await send_form(office, token, "facts", fields))
    assert {a.status_code for a in answers} == {303}, answers[0].text
    assert str(httpx.URL(f"http://test/c/{token}/facts").join(answers[0].headers["location"])) == (
        f"http://test/c/{token}?done=facts"
    )
    assert [n["text"] for n in (await office.case(case["reference"]))["notes"]] == ["一行\n两行"]
    thanks = await page(office, token, "?done=facts")
    assert "谢谢，已收到您补充的情况。" in thanks.words
    assert thanks.forms["facts"]["request_id"] != fields["request_id"], "a new page, a new form"
    again = await send_form(office, token, "facts", fields | {"text": "改了"})
    assert again.status_code == 409 and "已用别的内容提交过" in Page(again).words
    assert f'href="../{token}"' in again.text


async def test_a_withdrawal_wants_a_second_step_on_the_page(office: Office) -> None:
    case, token = await linked(office)
    fields = {k: v for k, v in (await page(office, token)).forms["withdrawal"].items() if k != "confirm"}
    before = await done_to(office, case["reference"])
    answer = await send_form(office, token, "withdrawal", fields)
    assert answer.status_code == 422 and "确认撤回" in Page(answer).words
    assert await done_to(office, case["reference"]) == before
    for _ in range(2):
        answer = await send_form(office, token, "withdrawal", fields | {"confirm": "yes", "reason": "已自行解决"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"../{token}?done=withdrawal")
    closed = await office.case(case["reference"])
    assert (closed["outcome"], closed["withdrawal"]["text"]) == ("withdrawn", "已自行解决")
    assert "已按您的意愿撤回" in (await page(office, token, "?done=withdrawal")).words
    new = {"request_id": uuid4().hex, "confirm": "yes"}
    again = await send_form(office, token, "withdrawal", new)
    assert again.status_code == 409 and "已经撤回" in Page(again).words


async def test_a_withdrawal_as_json_needs_no_reason(office: Office) -> None:
    case, token = await linked(office, language="en")
    answer = await say(office, token, "withdrawal", {})
    assert (answer.status_code, answer.json()["status"], answer.json()["possible"]) == (200, "withdrawn", [])
    closed = await office.case(case["reference"])
    assert closed["withdrawal"]["by"] == "customer" and closed["withdrawal"]["text"]
    problem(await say(office, token, "withdrawal", {}), 409, "already_withdrawn")
    problem(await say(office, token, "facts", {"text": "x"}), 409, "already_withdrawn")


async def test_a_rating_counts_as_the_callback_and_is_given_once(office: Office) -> None:
    case, token = await asked(office)
    body = {"satisfaction": 5, "nps": 9, "words": "很快"}
    key = str(uuid4())
    answer = await say(office, token, "rating", body, key)
    assert (answer.status_code, answer.json()["status"]) == (200, "closed"), answer.text
    closed = await office.case(case["reference"])
    assert (closed["outcome"], len(closed["callbacks"])) == ("satisfied", 1)
    told = closed["callbacks"][0]
    assert (told["by"], told["reached"], told["satisfaction"], told["nps"], told["words"]) == (
        "customer", True, 5, 9, "很快",
    )  # fmt: skip
    assert (await say(office, token, "rating", body, key)).status_code == 200, "the same request again"
    problem(await say(office, token, "rating", body), 409, "already_rated")
    problem(await say(office, token, "rating", body | {"satisfaction": 1}, str(uuid4())), 409, "already_rated")
    problem(await say(office, token, "facts", {"text": "x"}), 409, "case_closed")
    problem(await say(office, token, "withdrawal", {}), 409, "case_closed")
    assert len((await office.case(case["reference"]))["callbacks"]) == 1


async def test_of_ratings_sent_at_once_one_counts(office: Office) -> None:
    for _ in range(4):
        case, token = await asked(office)
        sent = (say(office, token, "rating", {"satisfaction": 3 + n % 3}, str(uuid4())) for n in range(8))
        answers = await asyncio.gather(*sent)
        assert sorted(a.status_code for a in answers) == [200] + [409] * 7
        assert {a.json()["type"] for a in answers if a.status_code == 409} == {"urn:amends:already_rated"}
        assert len((await office.case(case["reference"]))["callbacks"]) == 1


async def test_a_rating_by_the_form(office: Office) -> None:
    case, token = await asked(office, language="en")
    fields = (await page(office, token)).forms["rating"]
    assert set(fields) == {"request_id", "satisfaction", "nps", "words"}
    missing = await send_form(office, token, "rating", {"request_id": fields["request_id"]})
    assert missing.status_code == 422 and "the satisfaction (1 to 5)" in Page(missing).words
    for _ in range(2):
        answer = await send_form(office, token, "rating", fields | {"satisfaction": "4", "nps": "", "words": ""})
        assert (answer.status_code, answer.headers["location"]) == (303, f"../{token}?done=rating"), answer.text
    (told,) = (await office.case(case["reference"]))["callbacks"]
    assert (told["satisfaction"], told["nps"]) == (4, None)
    assert "Thank you, we have your answers." in (await page(office, token, "?done=rating")).words
    again = await send_form(office, token, "rating", {"request_id": uuid4().hex, "satisfaction": "1"})
    assert again.status_code == 409 and "You have rated before" in Page(again).words


async def test_the_questions_come_with_the_result(office: Office) -> None:
    case, token = await the_case(office)
    before = await done_to(office, case["reference"])
    said = problem(await say(office, token, "rating", {"satisfaction": 5}), 409, "not_asked_yet")
    assert "result" in said["detail"]
    answer = await send_form(office, token, "rating", {"request_id": uuid4().hex, "satisfaction": "5"})
    assert answer.status_code == 409 and "处理结果出来后才能评价" in Page(answer).words
    assert await done_to(office, case["reference"]) == before


async def test_facts_have_an_end(office: Office) -> None:
    case, token = await linked(office)
    for start in range(0, MOST_FACTS, 10):
        answers = await asyncio.gather(*(say(office, token, "facts", {"text": str(start + n)}) for n in range(10)))
        assert {a.status_code for a in answers} == {200}
    problem(await say(office, token, "facts", {"text": "x"}), 429, "too_many")
    assert len((await office.case(case["reference"]))["notes"]) == MOST_FACTS


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}{% for x in y %}", "'; DROP TABLE x; --"],
)
async def test_what_is_written_is_data(office: Office, hostile: str) -> None:
    case, token = await linked(office)
    fields = (await page(office, token)).forms["facts"] | {"text": hostile}
    assert (await send_form(office, token, "facts", fields)).status_code == 303
    assert [n["text"] for n in (await office.case(case["reference"]))["notes"]] == [hostile]
    shown = await office.http.get(f"/c/{token}", params={"done": hostile}, headers=PAGE)
    assert "script" not in Page(shown).tags and "img" not in Page(shown).tags and "alert" not in shown.text
    refused = await send_form(office, hostile.replace("/", "%2F"), "facts", fields)
    assert refused.status_code == 404 and hostile not in refused.text


@pytest.mark.parametrize(
    ("act", "body", "fields"),
    [
        ("facts", {}, {"text"}),
        ("facts", {"text": " "}, {"text"}),
        ("facts", {"text": "x" * 2001}, {"text"}),
        ("facts", {"text": "a\0b"}, {"text"}),
        ("facts", {"text": "x", "by": "admin"}, {"by"}),
        ("facts", {"text": "x", "request_id": "y"}, {"request_id"}),
        ("facts", b"", {"text"}),
        ("facts", b"[" * 100_000, {"body"}),
        ("facts", b"null", {"body"}),
        ("facts", b'{"text": "\\ud800"}', {"body"}),
        ("facts", b"\xff", {"body"}),
        ("rating", {}, {"satisfaction"}),
        ("rating", {"satisfaction": 0}, {"satisfaction"}),
        ("rating", {"satisfaction": 6, "nps": 11}, {"satisfaction", "nps"}),
        ("rating", {"satisfaction": "5"}, {"satisfaction"}),
        ("rating", {"satisfaction": True}, {"satisfaction"}),
        ("rating", {"satisfaction": 4.5}, {"satisfaction"}),
        ("rating", {"satisfaction": 5, "reached": False}, {"reached"}),
        ("withdrawal", {"reason": ""}, {"reason"}),
        ("withdrawal", {"confirm": True}, {"confirm"}),
    ],
)
async def test_bad_input_is_refused_with_every_field(office: Office, act: str, body: Any, fields: set[str]) -> None:
    case, token = await the_case(office)
    before = await done_to(office, case["reference"])
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await office.http.post(f"/c/{token}/{act}", content=raw, headers={"Content-Type": "application/json"})
    assert {e["field"] for e in problem(answer, 422, "invalid")["errors"]} == fields
    assert await done_to(office, case["reference"]) == before


@pytest.mark.parametrize("kind", ["text/plain", "", "application/xml", "\x7f/;"])
async def test_another_content_type_is_refused(office: Office, kind: str) -> None:
    _, token = await the_case(office)
    answer = await office.http.post(f"/c/{token}/facts", content=b'{"text": "x"}', headers={"Content-Type": kind})
    assert [e["field"] for e in problem(answer, 422, "invalid")["errors"]] == ["body"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"text=x"),  # without the form's identity
        ("application/x-www-form-urlencoded", b"text=x&request_id=%00%00%00%00%00%00%00%00"),
        ("application/x-www-form-urlencoded", b"text=x&request_id=" + b"y" * 300),
        ("application/x-www-form-urlencoded", b"request_id=aaaaaaaaaaaa"),
        ("application/x-www-form-urlencoded", b"text=%ff%fe%00&request_id=aaaaaaaaaaaa"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(2_000))),
        ("multipart/form-data", b"no boundary"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="text"; filename="x"\r\n\r\nx\r\n--b--\r\n',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
    ],
)
async def test_a_form_that_the_page_would_not_send_is_refused(office: Office, kind: str, body: bytes) -> None:
    case, token = await the_case(office)
    before = await done_to(office, case["reference"])
    answer = await office.http.post(f"/c/{token}/facts", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 422, answer.text
    assert "请返回修改后再提交" in Page(answer).words
    assert await done_to(office, case["reference"]) == before


async def test_a_form_may_come_as_multipart_too(office: Office) -> None:
    case, token = await linked(office)
    files = {"text": (None, "多部分"), "request_id": (None, uuid4().hex)}
    assert (await office.http.post(f"/c/{token}/facts", files=files)).status_code == 303  # type: ignore[arg-type]  # httpx takes None for no file name
    assert [n["text"] for n in (await office.case(case["reference"]))["notes"]] == ["多部分"]


# -- links that are not good -----------------------------------------------------------------------------------------


def altered(token: str) -> list[str]:
    changed = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in (0, 1, 20, 41, 42)]
    return [*changed, token[:-1], token[:20], token + "A", token[::-1], token.swapcase(), f"%20{token}", f"{token}%00"]


async def test_an_altered_or_invented_link_is_unknown_and_says_no_more(office: Office) -> None:
    case, token = await the_case(office)
    before = await done_to(office, case["reference"])
    nonsense = [links.new_token(), "x", "%ff%fe", "é", "a" * 10_000, case["reference"], links.digest(token)]
    bodies, shown = set(), set()
    for wrong in [*altered(token), *nonsense]:
        assert wrong != token
        for answer in (
            await look(office, wrong),
            await say(office, wrong, "facts", {"text": "x"}),
            await say(office, wrong, "facts", {}),
            await say(office, wrong, "withdrawal", {}),
        ):
            problem(answer, 404, "unknown")
            bodies.add(answer.content)
        seen = await office.http.get(f"/c/{wrong}", headers=PAGE)
        assert seen.status_code == 404
        shown.add(re.sub('nonce="[^"]*"', "", seen.text))
    assert len(bodies) == len(shown) == 1, "every such answer is the same"
    words = Page(seen).words
    assert "没有这个链接" in words and "There is no such link" in words and "95000" in words
    assert await done_to(office, case["reference"]) == before


async def test_a_link_opens_its_own_case_and_no_other(office: Office) -> None:
    (one, token), (two, other) = await linked(office), await linked(office)
    assert (await say(office, token, "facts", {"text": "甲"})).json()["reference"] == one["reference"]
    assert (await look(office, other)).json()["reference"] == two["reference"]
    assert (await office.case(two["reference"]))["notes"] == []


@asynccontextmanager
async def web_at(office: Office, shift: timedelta) -> AsyncIterator[httpx.AsyncClient]:
    """The same office, its web at another time."""
    parts = Parts(office.engine, office.env.client, SECRET, office.queue, clock=lambda: datetime.now(UTC) + shift)
    transport = httpx.ASGITransport(app=create_app(parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as http:
        yield http


@pytest.mark.parametrize(("language", "words"), [("zh-CN", "已过期"), ("en", "expired")])
async def test_an_expired_link_says_so_and_how_to_go_on(office: Office, language: str, words: str) -> None:
    case, token = await linked(office, language=language)
    before = await done_to(office, case["reference"])
    async with web_at(office, timedelta(days=60)) as http:
        said = problem(await http.get(f"/c/{token}", headers=AS_JSON), 410, "link_expired")
        assert "95000" in said["detail"] and "new letter" in said["detail"]
        shown = await http.get(f"/c/{token}", headers=PAGE)
        assert shown.status_code == 410 and Page(shown).lang == language
        assert words in Page(shown).words and "95000" in Page(shown).words
        assert case["reference"] not in shown.text
        for act, body in (("facts", {"text": "x"}), ("withdrawal", {}), ("rating", {"satisfaction": 5})):
            problem(await http.post(f"/c/{token}/{act}", json=body), 410, "link_expired")
    assert await done_to(office, case["reference"]) == before
    async with web_at(office, timedelta(days=60) - timedelta(minutes=5)) as http:
        assert (await http.get(f"/c/{token}", headers=AS_JSON)).status_code == 200


async def test_revoked_links_are_gone_for_good_and_a_new_one_works(office: Office) -> None:
    case, token = await linked(office)
    await office.forward(
        case["reference"], timedelta(seconds=1)
    )  # the letters of the process are out, with their links
    count = len(await rows(office.engine, case["reference"]))
    assert await links.revoke(office.engine, case["reference"], datetime.now(UTC)) == count
    assert await links.revoke(office.engine, case["reference"], datetime.now(UTC)) == 0
    problem(await look(office, token), 410, "link_revoked")
    problem(await say(office, token, "facts", {"text": "x"}), 410, "link_revoked")
    assert "已停用" in Page(await office.http.get(f"/c/{token}", headers=PAGE)).words
    new = await give_link(office, case["reference"])
    assert (await look(office, new)).status_code == 200


async def test_a_staff_token_is_no_link_and_a_link_is_no_staff_token(office: Office) -> None:
    case, token = await the_case(office)
    assert (await look(office, await office.token("admin"))).status_code == 404
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await office.http.get(f"/complaints/{case['reference']}", headers=bearer)).status_code == 401


# -- around it -------------------------------------------------------------------------------------------------------


async def test_every_answer_keeps_out_of_caches_and_frames(office: Office) -> None:
    _, token = await the_case(office)
    answers = [
        await office.http.get(f"/c/{token}", headers=PAGE),
        await look(office, token),
        await look(office, "x"),
        await office.http.get("/c/x", headers=PAGE),
        await office.http.get(f"/c/{token}/facts"),
        await office.http.get(f"/c/{token}/nowhere"),
        await office.http.options(f"/c/{token}"),
        await office.http.post(f"/c/{token}/facts", content=b" " * (1024 * 1024 + 1)),
        await send_form(office, token, "facts", {}),
    ]
    assert [a.status_code for a in answers] == [200, 200, 404, 404, 405, 404, 405, 413, 422]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "noindex" in answer.headers["x-robots-tag"]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "script" not in policy and "unsafe" not in policy
    assert "cache-control" not in (await office.http.get("/healthz")).headers


async def test_looking_changes_nothing_whatever_the_method(office: Office) -> None:
    case, token = await linked(office)
    before = await done_to(office, case["reference"])
    head = await office.http.head(f"/c/{token}")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await office.http.head("/c/x")).status_code == 404
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH", "POST"):
        answer = await office.http.request(method, f"/c/{token}")
        problem(answer, 405, "no_such_method")
        assert answer.headers["allow"]
    for act in ("facts", "withdrawal", "rating"):
        assert (await office.http.get(f"/c/{token}/{act}")).status_code == 405
    assert await done_to(office, case["reference"]) == before


async def test_while_a_part_is_down_the_page_says_that_it_can_be_sent_again(office: Office) -> None:
    case, token = await linked(office)
    away = await Client.connect(
        f"127.0.0.1:{free_port()}",
        lazy=True,
        data_converter=pydantic_data_converter,
        retry_config=RetryConfig(max_elapsed_time_millis=200),
    )
    fields = (await page(office, token)).forms["facts"] | {"text": "稍后"}
    app = create_app(Parts(office.engine, away, SECRET, office.queue))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://test") as http:
        answer = await http.post(f"/c/{token}/facts", data=fields)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "不会重复计算" in Page(answer).words
        problem(await http.post(f"/c/{token}/facts", json={"text": "x"}), 503, "unavailable")
        assert (await http.get(f"/c/{token}", headers=AS_JSON)).status_code == 200, "the status needs the register only"
    assert (await send_form(office, token, "facts", fields)).status_code == 303
    nowhere = connect_register(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    app = create_app(Parts(nowhere, office.env.client, SECRET, office.queue))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://test") as http:
        assert (await http.get(f"/c/{token}", headers=PAGE)).status_code == 503
        problem(await http.get(f"/c/{token}", headers=AS_JSON), 503, "unavailable")
    await nowhere.dispose()
    assert [n["text"] for n in (await office.case(case["reference"]))["notes"]] == ["稍后"]


@asynccontextmanager
async def served(office: Office) -> AsyncIterator[str]:
    """The office's web as `amends web` serves it; gives its address."""
    port = free_port()
    app = create_app(Parts(office.engine, office.env.client, SECRET, office.queue))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    transport = httpx.AsyncHTTPTransport(retries=5)  # each a little later than the one before
    async with httpx.AsyncClient(transport=transport) as http:
        await http.get(f"http://127.0.0.1:{port}/healthz")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def test_the_token_is_in_no_log_and_in_no_column(
    office: Office, mailbox: Mailbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(lines))
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # this test's own client
    try:
        case = await office.open()
        await office.to_callback(case)
        await office.forward(case["reference"], timedelta(seconds=1))
        (token, *_) = mailed(mailbox, case["reference"])
        async with served(office) as address, httpx.AsyncClient(base_url=address, timeout=30) as http:
            assert (await http.get(f"/c/{token}")).status_code == 200
            assert (await http.head(f"/c/{token}")).content == b""
            assert (await http.post(f"/c/{token}/facts", json={"text": "x"})).status_code == 200
            assert (await http.post(f"/c/{token}/facts", json={})).status_code == 422
            assert (
                await http.post(f"/c/{token}/rating", data={"request_id": "a" * 20, "satisfaction": "5"})
            ).status_code == 303
            assert (await http.get(f"/c/{token}x")).status_code == 404
    finally:
        structlog.reset_defaults()
        logging.getLogger("httpx").setLevel(logging.NOTSET)
    out, err = capfd.readouterr()
    assert token not in lines.getvalue() + caplog.text + out + err
    async with office.engine.connect() as db:
        names = (
            await db.execute(text("select table_name from information_schema.tables where table_schema = 'public'"))
        ).scalars()
        for name in list(names):
            found = await db.execute(
                text(f'select count(*) from "{name}" r where r::text like :token'), {"token": f"%{token}%"}
            )
            assert found.scalar_one() == 0, name
    assert token not in str(await office.handle(case["reference"]).fetch_history())


async def test_what_fails_on_our_side_does_not_name_the_link(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = await the_case(office)
    lines = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(lines))

    async def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(read, "case_state", broken)
    try:
        answer = await look(office, token)
    finally:
        structlog.reset_defaults()
    problem(answer, 500, "failed")
    assert "/c/{token}" in lines.getvalue() and token not in lines.getvalue()


@pytest.mark.skipif(CHROMIUM is None, reason="no browser")
async def test_a_customer_with_a_telephone_rates_in_a_browser(office: Office) -> None:
    case, token = await asked(office)
    complaints: list[str] = []
    async with served(office) as address, async_playwright() as p:
        browser = await p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = await browser.new_page(viewport={"width": 360, "height": 740})
        tab.on("console", lambda message: complaints.append(message.text))
        await tab.goto(f"{address}/c/{token}")
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"
        assert await tab.evaluate("getComputedStyle(document.querySelector('button')).color") == "rgb(255, 255, 255)"
        await tab.get_by_role("button", name="提交评价").click()
        assert await tab.get_by_text("谢谢").count() == 0, "the browser asks for what is required"
        await tab.get_by_label("5", exact=True).check()
        await tab.get_by_label("您向亲友推荐").select_option("9")
        await tab.get_by_role("button", name="提交评价").click()
        await tab.get_by_text("谢谢，已收到您的评价。").wait_for()
        await tab.go_back()
        await tab.get_by_text("您的投诉已办结。").wait_for()
        assert await tab.get_by_role("button").count() == 0, "the page was kept, with its form"
        await browser.close()
    assert complaints == []
    (told,) = (await office.case(case["reference"]))["callbacks"]
    assert (told["satisfaction"], told["nps"]) == (5, 9)


async def test_what_the_bank_waits_for_is_asked_and_the_answer_ends_the_wait(office: Office) -> None:
    case, token = await linked(office)
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    question = "请提供<扣款>短信截图。"
    await office.act(handler, reference, "pause", {"question": question, "reason": "核对"})
    view = (await look(office, token)).json()
    assert (view["status"], view["question"], view["expected_by"]) == ("waiting", question, None)
    assert question in (await page(office, token)).words
    assert (await say(office, token, "facts", {"text": "截图已寄出"})).status_code == 200
    case = await office.case(reference)
    assert case["pauses"][0]["resumed_by"] == "customer"
    assert (await look(office, token)).json()["status"] == "in_progress"


async def test_a_fact_for_a_merged_complaint_reaches_the_one_that_goes_on(office: Office) -> None:
    older = (await office.open())["reference"]
    case, token = await linked(office)
    merge = {"reference": older, "how": "merged", "reason": "同一事项"}
    await office.act("agent", case["reference"], "links", merge)
    assert (await look(office, token)).json()["status"] == "merged"
    assert (await say(office, token, "facts", {"text": "另有补充"})).json()["status"] == "merged"
    assert (await office.case(older))["notes"][-1]["text"] == "另有补充"
    assert (await office.case(case["reference"]))["stage"] == "closed"
