"""The ways out of the house, each one small adapter: e-mail by SMTP, SMS by an HTTP gateway, post by a print queue.

`deliver` calls `handing_over` at the last moment at which the peer surely has not taken the message.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime
from pathlib import Path
from typing import Literal, Protocol

import aiosmtplib
import httpcore
from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from activities import gateway
from complaints.names import Way, case_of
from register.sealing import box_of, print_place

HandingOver = Callable[[], Awaitable[None]]
TRY_FOR = 20.0
SEALED, PRINTED = ".pdf.sealed", ".printed"
LOST = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
"""After the request has gone out: it may have been taken."""


class Rejected(Exception):
    """The peer has said no for good; another way is needed."""


class NotTaken(Exception):
    """The peer has surely not taken it; try again."""


class Uncertain(Exception):
    """The peer may have taken it, and did not say so."""


class Message(BaseModel):
    """What goes out: to whom, under which key, in which form."""

    key: str
    recipient: str
    subject: str
    text: str
    html: str | None = None
    pdf: bytes | None = None


class Adapter(Protocol):
    """One way out."""

    async def deliver(self, message: Message, handing_over: HandingOver) -> None:
        """Hand the message over; raises Rejected, NotTaken or Uncertain."""


class Mail(BaseModel):
    """E-mail by SMTP. `tls` is none, starttls or tls; the Message-ID is the key, so a peer can tell a repeat."""

    host: str
    port: int
    sender: str
    username: str | None = None
    password: SecretStr | None = None
    tls: Literal["none", "starttls", "tls"] = "starttls"
    verify: bool = True
    ca: Path | None = None

    def compose(self, message: Message) -> EmailMessage:
        """The message as it goes on the wire."""
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = Address(addr_spec=message.recipient)
        mail["Subject"] = " ".join(message.subject.split())
        mail["Date"] = localtime()
        mail["Message-ID"] = f"<{message.key}@{self.sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        return mail

    async def deliver(self, message: Message, handing_over: HandingOver) -> None:
        """One SMTP conversation; only the time between the text and the peer's answer to it is uncertain."""
        smtp = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls == "tls",
            start_tls=self.tls == "starttls",
            validate_certs=self.verify,
            cert_bundle=str(self.ca) if self.ca else None,
            timeout=TRY_FOR,
        )
        try:
            await smtp.connect()
            if self.username:
                await smtp.login(self.username, self.password.get_secret_value() if self.password else "")
            await smtp.mail(self.sender.rpartition("<")[2].rstrip(">"))
            await smtp.rcpt(message.recipient)
        except aiosmtplib.SMTPResponseException as answer:
            smtp.close()
            # A refused sign-in is ours to mend, not the recipient's fault: the letter waits.
            if answer.code >= 500 and not isinstance(answer, aiosmtplib.SMTPAuthenticationError):
                raise Rejected(f"SMTP {answer.code}") from None
            raise NotTaken(f"SMTP {answer.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise NotTaken(type(error).__name__) from None
        await handing_over()
        try:
            await smtp.data(self.compose(message).as_bytes())
        except aiosmtplib.SMTPResponseException as answer:
            raise (Rejected if answer.code >= 500 else NotTaken)(f"SMTP {answer.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Uncertain(type(error).__name__) from None
        finally:
            smtp.close()


class JsonPost(BaseModel):
    """A POST of JSON, for the SMS gateway and the staff webhook; the key goes along as Idempotency-Key.

    The address may hold a token, so it is a secret; a customer's data is only ever in the body.
    """

    url: SecretStr

    async def send(self, body: dict[str, object], key: str, handing_over: HandingOver, read: int = 0) -> bytes:
        """Post it and give so many bytes of the answer.

        A refused connection or a 429/503 is safe to try again, a lost answer is not.
        Nor is a 502: a proxy says it when the gateway behind it broke off, often after that took the request.
        """
        await handing_over()
        try:
            async with asyncio.timeout(3 * TRY_FOR):
                url, headers = self.url.get_secret_value(), {"Idempotency-Key": key}
                status, said = await gateway.post(
                    url, body, headers, within=TRY_FOR, network=gateway.Checked(), read=read
                )
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise NotTaken(type(error).__name__) from None
        except (*LOST, TimeoutError) as error:
            raise Uncertain(type(error).__name__) from None
        if status in (429, 503):
            raise NotTaken(f"HTTP {status}")
        if status >= 500:
            raise Uncertain(f"HTTP {status}")
        if status >= 300:
            raise Rejected(f"HTTP {status}")
        return said


LONGEST = {"wecom": 2048, "dingtalk": 18_000, "feishu": 18_000, "slack": 30_000}
"""Bytes of a text that each chat takes, or fewer: longer ones are refused, or cut where it pleases the chat."""
TOO_OFTEN = (45009, 130101, 90030, 11232, 230020)
"""WeCom, DingTalk (two), Feishu (two): a group's robot may speak some twenty times a minute."""


def shortened(text: str, most: int) -> str:
    """The text, or as many of its first lines as fit into so many bytes, and a sign that there were more."""
    lines = text.splitlines()
    while len("\n".join(lines).encode()) > most and len(lines) > 1:
        lines = [*lines[: -2 if lines[-1] == "…" else -1], "…"]
    return "\n".join(lines)


def refusal(said: bytes) -> int:
    """The code by which a chat says no in an answer that is otherwise a yes (HTTP 200); 0: it says yes, or nothing."""
    try:
        answer = json.loads(said)
    except ValueError:
        return 0
    code = answer.get("errcode") or answer.get("code") if isinstance(answer, dict) else 0
    return code if isinstance(code, int) else 0


class Webhook(BaseModel):
    """A group chat's incoming webhook: one JSON post, in the shape that chat takes."""

    target: JsonPost
    style: Literal["wecom", "dingtalk", "feishu", "slack"] = "wecom"

    def body(self, text: str, username: str) -> dict[str, object]:
        """The post, naming the person where the chat can."""
        match self.style:
            case "wecom":
                return {"msgtype": "text", "text": {"content": text, "mentioned_list": [username]}}
            case "dingtalk":
                return {"msgtype": "text", "text": {"content": text}, "at": {"atUserIds": [username]}}
            case "feishu":
                return {"msg_type": "text", "content": {"text": text}}
            case "slack":
                return {"text": text}

    async def send(self, text: str, username: str, key: str, handing_over: HandingOver) -> None:
        """Post as much as the chat takes, with the name of the person it is for."""
        body = self.body(shortened(f"@{username} {text}", LONGEST[self.style]), username)
        code = refusal(await self.target.send(body, key, handing_over, read=4096))
        if code:
            raise (NotTaken if code in TOO_OFTEN else Rejected)(f"code {code}")


class Sms(BaseModel):
    """SMS by an HTTP gateway that takes `{to, text}`."""

    gateway: JsonPost

    async def deliver(self, message: Message, handing_over: HandingOver) -> None:
        """One text message."""
        await self.gateway.send({"to": message.recipient, "text": message.text}, message.key, handing_over)


class PrintQueue(BaseModel):
    """Postal letters in a folder, each sealed with the key of its case; `amends print` opens them for the print room.

    The key is the file's name, so a repeat is the same file. Where it has been printed, an empty file of that key says
    so, and a repeat writes nothing.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    folder: Path
    engine: AsyncEngine

    async def deliver(self, message: Message, handing_over: HandingOver) -> None:
        """Write the file aside, then move it in whole."""
        if message.pdf is None:
            raise Rejected("no PDF")
        self.folder.mkdir(parents=True, exist_ok=True)
        async with self.engine.connect() as db:
            box = await box_of(db, case_of(message.key))
        aside = self.folder / f".{message.key}.part"
        aside.write_bytes(box.seal(message.pdf, print_place(message.key)))
        if (self.folder / f"{message.key}{PRINTED}").exists():
            aside.unlink()
        else:
            aside.replace(self.folder / f"{message.key}{SEALED}")


class Post(BaseModel):
    """All the ways out there are; a way without an adapter is told by a person."""

    mail: Mail | None = None
    sms: Sms | None = None
    print_queue: PrintQueue | None = None
    webhook: Webhook | None = None

    def adapter(self, way: Way) -> Adapter | None:
        """The adapter for that way."""
        adapters: dict[Way, Adapter | None] = {Way.email: self.mail, Way.sms: self.sms, Way.post: self.print_queue}
        return adapters.get(way)
