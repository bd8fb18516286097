"""Around the customer's page, on real servers: what it refuses, a part that is down, a link that no log names, a browser."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
import uvicorn
from customer import (
    ADDRESS,
    AS_JSON,
    PAGE,
    Page,
    done_to,
    linked,
    look,
    mailed,
    page,
    problem,
    send_form,
    the_case,
)
from keys import register_at
from office import SECRET, Office, free_port
from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RetryConfig

from api.app import create_app
from api.parts import Parts
from register import read
from run.sink import Mailbox

PUBLIC = ADDRESS


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


# -- what it refuses -------------------------------------------------------------------------------------------------


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


# -- around it -------------------------------------------------------------------------------------------------------


async def test_while_a_part_is_down_the_page_says_that_it_can_be_sent_again(office: Office) -> None:
    case, token = await linked(office)
    away = await Client.connect(
        f"127.0.0.1:{free_port()}",
        lazy=True,
        data_converter=office.env.client.data_converter,
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
    nowhere = register_at(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
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
