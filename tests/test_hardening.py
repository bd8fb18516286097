"""What every answer tells a browser, and how much of a request is read: on the real server, without a register."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from keys import register_at
from office import SECRET, free_port
from playwright.async_api import async_playwright
from pydantic import ValidationError
from temporalio.client import Client

from api.app import create_app
from api.errors import fields
from api.headers import ALWAYS, NOTHING
from api.limits import DEEPEST, Limits
from api.parts import Parts
from complaints.form import ComplaintForm
from run import sink
from run.web import config

CHROMIUM = shutil.which("chromium")
NO_REGISTER = "postgresql+psycopg://nobody@127.0.0.1:1/none"
JSON = {"Content-Type": "application/json"}


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    port = free_port()
    server = uvicorn.Server(config(app, "127.0.0.1", port))
    running = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=5)) as http:
        await http.get(f"http://127.0.0.1:{port}/healthz")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


async def amends(*, secure: bool = False) -> FastAPI:
    temporal = await Client.connect("127.0.0.1:1", lazy=True)
    app = create_app(Parts(register_at(NO_REGISTER), temporal, SECRET, "nowhere"), secure=secure)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a detail of a customer")

    return app


async def test_every_answer_has_every_header() -> None:
    async with serving(await amends(secure=True)) as url, httpx.AsyncClient(base_url=url) as http:
        answers = [
            await http.get("/healthz"),
            await http.get("/openapi.json"),
            await http.get("/metrics"),
            await http.get("/nowhere"),
            await http.get("/complaints"),
            await http.get("/c/an-unknown-link"),
            await http.get("/c/an-unknown-link", headers={"Accept": "text/html"}),
            await http.put("/complaints"),
            await http.get("/broken"),
            await http.get("/broken", headers={"Accept": "text/html"}),
            await http.post("/complaints", content=b"{" * 2_000_000, headers=JSON),
            await http.post("/complaints", content=b'{"a": 1, "a": 2}', headers=JSON),
        ]
    codes = [200, 200, 200, 404, 401, 503, 503, 503, 500, 500, 413, 422]
    assert [a.status_code for a in answers] == codes, [a.text for a in answers]
    for answer in answers:
        assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        policy = answer.headers["content-security-policy"]
        assert len(answer.headers.get_list("content-security-policy")) == 1
        if "html" in answer.headers["content-type"] and answer.status_code != 500:
            assert policy.startswith("default-src 'none'; style-src 'nonce-") and "unsafe" not in policy
        else:
            assert policy == NOTHING
        if answer.status_code == 500:
            assert ("text/html" in answer.headers["content-type"]) == ("出错了" in answer.text)
        assert "server" not in answer.headers and "detail of a customer" not in answer.text


async def test_without_https_no_browser_is_told_to_insist_on_it() -> None:
    async with serving(await amends()) as url, httpx.AsyncClient() as http:
        assert "strict-transport-security" not in (await http.get(f"{url}/healthz")).headers
        script = await http.get(f"{url}/static-offline-docs/swagger-ui.css")
        assert script.status_code == 200 and script.headers.get("cache-control") != "no-store"


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed")
async def test_documentation_and_letters_in_a_browser(tmp_path: Any) -> None:
    """/docs works under its policy; a letter that brings script, forms and pictures shows its words only."""
    box = sink.Mailbox(tmp_path)
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "a@example.com", "<script>alert(1)</script>"
    mail.set_content("text")
    evil = (
        "<p style='color:red'>words</p><script>top.ran=1;document.title='ran'</script><img src=x onerror='top.ran=1'>"
    )
    mail.add_alternative(evil, subtype="html")
    box.keep("eml", mail.as_bytes())
    refused: list[str] = []
    app = await amends()
    info = {"title": "Amends", "version": "1", "summary": "Complaint handling as a durable process"}
    app.openapi_schema = {"openapi": "3.1.0", "info": info, "paths": {}}  # the page is looked at, not what it draws
    async with serving(app) as docs, serving(sink.pages(box)) as letters, async_playwright() as p:
        browser = await p.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        tab = await browser.new_page()
        tab.on("console", lambda m: refused.append(m.text))
        await tab.goto(f"{docs}/docs")
        await tab.get_by_text("Complaint handling as a durable process").wait_for()
        assert refused == [], "its own policy refuses something of /docs"
        await tab.goto(letters)
        await tab.get_by_role("link", name="<script>alert(1)</script>").click()
        frame = tab.frame_locator("iframe")
        await frame.get_by_text("words").wait_for()
        assert await frame.get_by_text("words").evaluate("e => getComputedStyle(e).color") == "rgb(255, 0, 0)"
        assert await tab.evaluate("window.ran") is None
        letter = f"{tab.url}/letter"
        await tab.goto(letter)  # opened by itself, out of its frame
        await tab.get_by_text("words").wait_for()
        assert await tab.evaluate("[window.ran, document.title]") == [None, ""]
        assert any("sandbox" in text or "script" in text for text in refused)
        await browser.close()


async def trickle(url: str, pieces: list[bytes], patience: float = 10) -> bytes:
    """Everything the server says to a request that comes in these pieces, until it hangs up."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(patience):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
    finally:
        writer.close()


async def test_a_slow_body_is_given_up_and_the_connection_closed() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] != "/healthz":
            seen.append(scope["path"])

    async with serving(Limits(app, within=0.3)) as url:
        start = b"POST /complaints HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        said = await trickle(url, [start, b"{", b'"matter"'])
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"urn:amends:too_slow" in said and b"connection: close" in said.lower()
    assert seen == [], "the application was asked before the body was there"


async def test_headers_without_end_are_refused() -> None:
    async with serving(await amends()) as url:
        many = b"".join(b"X-%d: y\r\n" % n for n in range(150))
        start = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        assert (await trickle(url, [start + many + b"\r\n"])).startswith(b"HTTP/1.1 431 ")
        assert (await trickle(url, [start + b"X-A: " + b"y" * 17_000 + b"\r\n\r\n"])).startswith(b"HTTP/1.1 4")
        assert (await trickle(url, [start + b"X-A: " + b"y" * 40_000])).startswith(b"HTTP/1.1 400 ")
        assert (await trickle(url, [start + b"\r\n"])).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 100_000, "too_deep"),
        (b"[" * 500 + b"]" * 500, "too_deep"),
        (b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1), "too_deep"),
        (b'{"a": {"b": 1, "b": 1}}', "duplicate"),
        (b'[{"a": 1, "\\u0061": 1}]', "duplicate"),
    ],
)
async def test_json_that_is_too_deep_or_ambiguous_is_refused(body: bytes, code: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=await amends()), base_url="http://x") as http:
        for kind in ("application/json", "application/problem+json; charset=utf-8"):
            answer = await http.post("/complaints", content=body, headers={"Content-Type": kind})
            assert answer.status_code == 422, answer.text
            assert [e["code"] for e in answer.json()["errors"]] == [code]


async def test_what_is_deep_enough_for_any_form_reaches_the_application() -> None:
    got: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append(json.loads((await receive())["body"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sent = json.loads(b"[" * DEEPEST + b"]" * DEEPEST)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=Limits(app)), base_url="http://x") as http:
        assert (await http.post("/", json=sent)).status_code == 204
    assert got == [sent]


CANARY = "canary金丝雀4711"


@pytest.mark.parametrize(
    "field",
    [
        {"complainant": {"email": f"{CANARY}@"}},
        {"complainant": {"email": f"a({CANARY})@example.com"}},
        {"complainant": {"email": f"a@{CANARY}..com"}},
        {"complainant": {"phone": CANARY, "age": CANARY, "gender": CANARY, "name": f"{CANARY}\n"}},
        {"complainant": CANARY, "amount": {"value": CANARY, "currency": CANARY}},
        {"received_at": f"2026-{CANARY}", "occurred_on": f"2026-{CANARY}", "language": CANARY, "channel": CANARY},
        {"attachments": [f"../{CANARY}"], "matter": f"\0{CANARY}", "affected_customers": CANARY, "about": [CANARY]},
    ],
)
def test_no_refusal_quotes_what_was_sent(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        ComplaintForm.model_validate({"channel": "counter", "matter": "x"} | field)
    found = [{**e, "loc": ("body", *e["loc"])} for e in refused.value.errors()]
    said = json.dumps(fields(RequestValidationError(found)), ensure_ascii=False)
    assert not any(part in said for part in (CANARY, "金", "'金'", "4711")), said
