"""A letter goes out once: peers that refuse, vanish or stall, and workers killed in the middle of sending."""

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from keys import MASTER_KEYS, printed_letter
from office import PASSWORD, PLAIN, RESOLUTION, SECRET, Office, OpenOffice, free_port
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.channels import JsonPost, Mail, Message, NotTaken, Post, Rejected, Uncertain, Webhook
from activities.letters import Letters
from api.app import create_app
from api.parts import Parts
from complaints.names import TASK_QUEUE, Way
from complaints.orders import LetterOrder
from register import outbox

HAPPENED = 15.0


class Peer:
    """A mail server that keeps what it took, and misbehaves on request."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.stall_rcpt: set[str] = set()
        self.stall_after_data: set[str] = set()
        self.reached: dict[str, asyncio.Event] = {}
        self.loop = asyncio.get_running_loop()

    def reach(self, address: str) -> asyncio.Event:
        return self.reached.setdefault(address, asyncio.Event())

    async def _stall(self, address: str) -> None:
        self.loop.call_soon_threadsafe(self.reach(address).set)
        await asyncio.Event().wait()  # until the connection goes

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address.startswith("refused"):
            return "550 no such mailbox"
        if address in self.stall_rcpt:
            self.stall_rcpt.discard(address)
            await self._stall(address)
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.taken.append(envelope)
        if (address := envelope.rcpt_tos[0]) in self.stall_after_data:
            self.stall_after_data.discard(address)
            await self._stall(address)
        return "250 kept"

    def to(self, address: str) -> list[bytes]:
        return [e.original_content or b"" for e in self.taken if e.rcpt_tos == [address]]


@asynccontextmanager
async def listening(peer: Peer, port: int, **more: Any) -> AsyncIterator[Mail]:
    controller = Controller(peer, hostname="localhost", port=port, **more)
    await asyncio.to_thread(controller.start)
    try:
        yield Mail(host="localhost", port=port, sender="complaints@bank.example", tls="none")
    finally:
        await asyncio.to_thread(controller.stop)


def form(address: str) -> dict[str, Any]:
    return PLAIN | {"complainant": {"name": "测试客户", "email": address}}


def ours(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(r["kind"], r["state"]) for r in rows]


async def test_letters_wait_while_the_mail_server_is_down_and_go_out_once(office_on: OpenOffice) -> None:
    port, peer = free_port(), Peer()
    down = Post(mail=Mail(host="localhost", port=port, sender="complaints@bank.example", tls="none"))
    async with office_on(datetime(2026, 3, 10, 10), down) as office:
        reference = (await office.open(form("patient@example.com")))["reference"]
        await office.activity_failed_once(reference)
        assert ours(await office.letters(reference)) == [("acknowledgement", "ready")]
        async with listening(peer, port):
            await office.forward(reference, timedelta(minutes=3))
            assert ours(await office.letters(reference)) == [("acknowledgement", "sent")]
            assert len(peer.to("patient@example.com")) == 1


async def test_a_refused_address_is_given_to_a_person(office_on: OpenOffice) -> None:
    peer = Peer()
    async with listening(peer, free_port()) as mail, office_on(datetime(2026, 3, 10, 10), Post(mail=mail)) as office:
        case = await office.open(form("refused@example.com"))
        reference = case["reference"]
        await office.to_callback(case)
        await office.forward(reference, timedelta(seconds=1))
        case = await office.case(reference)
        assert case["stage"] == "feedback"
        told = await office.told(reference)
        assert ("letter_failed", "agent") in told
        assert ("feedback_by_person", case["assignment"]["handler"]) in told
        case = await office.act("agent", reference, "feedback", {"way": "spoken", "answer": "已电话告知"})
        assert case["stage"] == "callback"
        assert {s for _, s in ours(await office.letters(reference))} == {"failed"}


@asynccontextmanager
async def worker_process(
    database_url: str, temporal: WorkflowEnvironment, mail: Mail
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker of its own that is at work; what it says until then is the reason when it never is."""
    environment = {
        "AMENDS_DATABASE_URL": database_url,
        "AMENDS_MASTER_KEYS": MASTER_KEYS,
        "AMENDS_TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
        "AMENDS_SMTP_HOST": mail.host,
        "AMENDS_SMTP_PORT": str(mail.port),
        "AMENDS_SMTP_TLS": "none",
        "AMENDS_MAIL_FROM": mail.sender,
        "AMENDS_VERSIONING": "false",  # the office's other workers name no build either
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "run.cli", "worker", env=os.environ | environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    said = list[bytes]()
    async with asyncio.timeout(60):
        while not said or b"worker.ready" not in said[-1]:
            said.append(await process.stderr.readline())
            assert said[-1], b"".join(said).decode()
    listening = asyncio.create_task(process.stderr.read())  # so that it never waits for somebody to read
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


async def test_a_worker_killed_in_the_middle_of_sending_sends_one_letter_not_two(
    temporal: WorkflowEnvironment, register: AsyncEngine, database_url: str
) -> None:
    """Killed before the text was handed over: sent by the next worker. Killed after: not sent again, a person is told."""
    peer = Peer()
    before, after = "killed-before@example.com", "killed-after@example.com"
    peer.stall_rcpt.add(before)
    peer.stall_after_data.add(after)
    app = create_app(Parts(register, temporal.client, SECRET, TASK_QUEUE))
    async with (
        listening(peer, free_port()) as mail,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", timeout=30) as http,
    ):
        office = Office(temporal, register, http, TASK_QUEUE, None, None, None, timedelta(0), UTC)  # type: ignore[arg-type]  # no calendar here
        async with worker_process(database_url, temporal, mail) as first:
            cases = {address: await office.open(form(address)) for address in (before, after)}
            await asyncio.wait_for(asyncio.gather(*(peer.reach(a).wait() for a in cases)), HAPPENED)
            first.send_signal(signal.SIGKILL)
            await first.wait()
        async with worker_process(database_url, temporal, mail):
            for address, state in ((before, "sent"), (after, "uncertain")):
                reference = cases[address]["reference"]
                await office.letter_event(reference, f"letter_{state}")
                assert ours(await office.letters(reference)) == [("acknowledgement", state)]
                assert len(peer.to(address)) == 1
            assert ("letter_uncertain", "agent") in await office.told(cases[after]["reference"])


@pytest.mark.parametrize(("state", "answer"), [("handing_over", "uncertain"), ("sent", "sent"), ("failed", "failed")])
async def test_a_letter_found_in_any_later_state_is_not_sent_again(
    office: Office, register: AsyncEngine, state: str, answer: str
) -> None:
    """The crash-point table: whatever a dead worker left behind, nothing goes out twice."""
    reference = (await office.open())["reference"]
    await office.forward(reference, timedelta(seconds=1))
    peer, number = Peer(), 90
    left = outbox.Letter(
        reference=reference, number=number, kind="closing", way="email", language="zh-CN", recipient="x@example.com",
        subject="s", body="b", ordered_at=datetime.now(UTC), state=state, message_id=f"{reference}-{number}",
    )  # fmt: skip
    await outbox.prepare_letter(register, left)
    async with listening(peer, free_port()) as mail:
        order = LetterOrder(
            reference=reference, letters={number: "closing"}, way=Way.email, written_at=datetime.now(UTC)
        )
        done = await ActivityEnvironment().run(Letters(register, Post(mail=mail)).send_letters, order)
    assert done.letters[number].state == answer
    assert peer.taken == []


async def nothing() -> None:
    """Nobody keeps the state in these tests of the adapter alone."""


MESSAGE = Message(
    key="CMP-2026-000001-1",
    recipient="customer@example.com",
    subject="投诉\r\nBcc: evil@example.com",
    text="正文",
    html="<p>正文</p>",
)


async def test_mail_by_tls_and_sign_in(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    def known(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"amends", PASSWORD.encode()), handled=False)

    peer = Peer()
    async with listening(
        peer, free_port(), tls_context=context, require_starttls=True, authenticator=known, auth_required=True
    ) as plain:
        good = plain.model_copy(
            update={"tls": "starttls", "ca": tmp_path / "ca.pem", "username": "amends", "password": SecretStr(PASSWORD)}
        )
        await good.deliver(MESSAGE, nothing)
        sent = peer.taken[0].original_content or b""
        assert b"Message-ID: <CMP-2026-000001-1@bank.example>" in sent
        assert b"\nBcc:" not in sent
        with pytest.raises(NotTaken, match="535"):
            await good.model_copy(update={"password": SecretStr("wrong")}).deliver(MESSAGE, nothing)
        with pytest.raises(NotTaken):  # a certificate nobody vouches for
            await good.model_copy(update={"ca": None}).deliver(MESSAGE, nothing)
        assert len(peer.taken) == 1


async def test_what_a_peer_answers_decides(office: Office) -> None:
    peer = Peer()
    async with listening(peer, free_port()) as mail:
        with pytest.raises(Rejected, match="550"):
            await mail.deliver(MESSAGE.model_copy(update={"recipient": "refused@example.com"}), nothing)
    with pytest.raises(NotTaken):
        await mail.deliver(MESSAGE, nothing)

    class Vanishing(Peer):
        async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
            server.transport.abort()
            return "250 too late"

    async with listening(Vanishing(), free_port()) as mail:
        with pytest.raises(Uncertain):
            await mail.deliver(MESSAGE, nothing)


async def test_a_result_by_post_is_a_pdf_in_the_print_queue(office: Office, post: Post) -> None:
    case = await office.open(
        PLAIN
        | {"channel": "letter", "complainant": {"name": "王五", "address": "上海市示范路1号"}, "language": "zh-CN"}
    )
    reference = case["reference"]
    await office.to_callback(case, RESOLUTION)
    await office.forward(reference, timedelta(seconds=1))
    assert post.print_queue is not None
    names = sorted(p.name for p in post.print_queue.folder.glob(f"{reference}-*"))
    assert names == [f"{reference}-{n}.pdf.sealed" for n in (1, 2, 3)]
    assert b"%PDF-" not in (post.print_queue.folder / names[1]).read_bytes()
    assert (await printed_letter(post.print_queue, f"{reference}-2")).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("style", "body"),
    [
        ("wecom", {"msgtype": "text", "text": {"content": "@sup 超期", "mentioned_list": ["sup"]}}),
        ("dingtalk", {"msgtype": "text", "text": {"content": "@sup 超期"}, "at": {"atUserIds": ["sup"]}}),
        ("feishu", {"msg_type": "text", "content": {"text": "@sup 超期"}}),
        ("slack", {"text": "@sup 超期"}),
    ],
)
def test_a_staff_message_in_the_shape_each_chat_takes(style: Any, body: dict[str, Any]) -> None:
    assert Webhook(target=JsonPost(url="http://localhost"), style=style).body("@sup 超期", "sup") == body
