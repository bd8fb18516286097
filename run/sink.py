"""A local mailbox for `amends run`: takes e-mail by SMTP and SMS and staff messages by HTTP, keeps and shows them.

For trying things out on one machine only; production names a real SMTP server and gateway instead. What belongs to a
case is sealed with the case's key, so that it is unreadable, too, once the case is erased.
"""

import email
import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from activities.templating import templates
from api.headers import Headers, page_policy
from vault.box import Box

KEPT = 500
CASE = re.compile(r"CMP-[0-9]{4}-[0-9]{6,12}")
ERASED = "(erased)"
OpenBox = Callable[[str], Box | None]
"""Gives the box of a case, if it has one."""
PAGES = templates("pages")
LETTER = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
"""A letter as the reader sees it: its inline styles, and nothing else of what it may ask for."""


class Mailbox:
    """A folder of messages, one file each, named by the time they came."""

    def __init__(self, folder: Path, box: OpenBox | None = None) -> None:
        """Without `box` everything is kept plain: for tests, whose folders go with them."""
        self.folder, self.box = folder, box
        self.refuses = False
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, kind: str, content: bytes, key: str = "") -> None:
        """Keep one message; `key` is that under which it was sent, and names its case if it has one."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        case = CASE.search(key)
        if self.box and case and (box := self.box(case[0])):
            name, content = f"{name}.{case[0]}", box.seal(content, name)
        (self.folder / f"{name}.{kind}").write_bytes(content)

    def content(self, path: Path) -> bytes | None:
        """What was kept in that file; None when its case was erased."""
        name, *sealed_for = path.stem.split(".")
        if not sealed_for:
            return path.read_bytes()
        box = self.box(sealed_for[0]) if self.box else None
        return box.open(path.read_bytes(), name) if box else None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient (called by aiosmtpd); to try out the other case, refused@… is nobody here."""
        if self.refuses or address.startswith("refused"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one e-mail (called by aiosmtpd)."""
        content = envelope.original_content or b""
        self.keep("eml", content, str(_parse(content)["Message-ID"]))
        return "250 kept"

    def messages(self) -> list[dict[str, str]]:
        """What came, newest first."""
        files = sorted(self.folder.glob("*.*"), reverse=True)[:KEPT]
        return [self._summary(path) for path in files]

    def read(self, name: str) -> tuple[dict[str, str], str, str | None]:
        """Summary, text and HTML of one message; KeyError when there is none of that name."""
        path = next((p for p in self.folder.iterdir() if p.name == name), None)
        if path is None:
            raise KeyError(name)
        if (content := self.content(path)) is None:
            return self._summary(path), ERASED, None
        if path.suffix != ".eml":
            return self._summary(path), json.dumps(json.loads(content), ensure_ascii=False, indent=2), None
        mail = _parse(content)
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        return self._summary(path), text.get_content() if text else "", html.get_content() if html else None

    def _summary(self, path: Path) -> dict[str, str]:
        stamp = datetime.strptime(path.stem.split(".")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
        base = {"name": path.name, "at": f"{stamp:%Y-%m-%d %H:%M:%S}", "kind": path.suffix[1:]}
        if (content := self.content(path)) is None:
            return base | {"to": "", "subject": ERASED}
        if path.suffix == ".eml":
            mail = _parse(content)
            return base | {"to": str(mail["To"]), "subject": str(mail["Subject"]).strip()}
        body = json.loads(content)
        said = body.get("text", body.get("content", ""))
        text = str(said.get("content", said.get("text", "")) if isinstance(said, dict) else said)
        return base | {"to": str(body.get("to", "staff")), "subject": text[:80]}


def _parse(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=policy.default)


def smtp(mailbox: Mailbox, port: int) -> Controller:
    """An SMTP server on loopback that keeps everything."""
    return Controller(mailbox, hostname="127.0.0.1", port=port, data_size_limit=10 * 1024 * 1024)


def pages(mailbox: Mailbox) -> FastAPI:
    """The page that shows the mailbox, and the HTTP doors for SMS and staff messages."""
    app = FastAPI(title="Amends local mailbox", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Headers)

    async def take(request: Request, kind: str) -> dict[str, str]:
        body: Any = await request.json()
        key = request.headers.get("Idempotency-Key", "") if kind == "sms" else ""
        mailbox.keep(kind, json.dumps(body, ensure_ascii=False).encode(), key)
        return {"status": "kept"}

    @app.post("/sms")
    async def sms(request: Request) -> dict[str, str]:
        return await take(request, "sms")

    @app.post("/staff")
    async def staff(request: Request) -> dict[str, str]:
        return await take(request, "staff")

    def read(name: str) -> tuple[dict[str, str], str, str | None]:
        try:
            return mailbox.read(name)
        except KeyError:
            raise HTTPException(404, "no such message") from None

    @app.get("/")
    def index() -> HTMLResponse:
        return _page("mailbox.html", messages=mailbox.messages())

    @app.get("/{name}")
    def one(name: str) -> HTMLResponse:
        summary, text, html = read(name)
        return _page("message.html", message=summary, text=text, html=html)

    @app.get("/{name}/letter")
    def letter(name: str) -> HTMLResponse:
        return HTMLResponse(read(name)[2] or "", headers={"Content-Security-Policy": LETTER})

    @app.get("/{name}/text", response_class=PlainTextResponse)
    def text_only(name: str) -> str:
        return read(name)[1]

    return app


def _page(template: str, **values: Any) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    html = PAGES.get_template(template).render(**values, nonce=nonce)
    return HTMLResponse(html, headers={"Content-Security-Policy": page_policy(nonce, "frame-src 'self'")})
