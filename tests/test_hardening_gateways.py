"""Where gateways and webhooks may lead, with what is known of them kept secret; on real sockets of this machine."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from activities import gateway
from activities.channels import JsonPost, NotTaken, Rejected, Uncertain, Webhook, shortened
from complaints.addresses import checked_url, refusal
from run.settings import MissingSetting, Settings, open_to_others

CANARY = "canary-4711-secret"


class Names(gateway.Checked):
    """A name server of the test's own: each look-up of a name gives the next of its meanings."""

    def __init__(self, *meanings: str) -> None:
        super().__init__()
        self.meanings = list(meanings)

    async def addresses(self, host: str, port: int) -> list[str]:
        return [self.meanings.pop(0)]


@asynccontextmanager
async def peer(answer: bytes, **tls: Any) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that keeps what it is sent and says this; gives its port."""
    taken: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        taken.append(head + await reader.readexactly(length))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, **tls)
    async with server:
        yield server.sockets[0].getsockname()[1], taken


async def nothing() -> None: ...


FORBIDDEN = [
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200"),
    *("168.63.129.16", "192.0.0.192", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
    *("0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"),
]


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_a_name_that_leads_inside_is_not_followed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(address, "gateway.bank.example")
    monkeypatch.setattr(gateway, "Checked", lambda: Names(address))
    with pytest.raises(NotTaken, match="Forbidden"):
        await JsonPost(url="https://gateway.bank.example/send").send({}, "key", nothing)


def test_the_banks_own_networks_and_this_machine_by_its_name_are_allowed() -> None:
    for address in ("10.1.2.3", "172.16.0.9", "192.168.1.1", "8.8.8.8", "2001:4860:4860::8888", "fd12::1"):
        assert refusal(address, "gateway.bank.example") is None
        assert refusal(address, "localhost"), "a name of this machine leads elsewhere"
    assert refusal("127.0.0.1", "localhost") is refusal("::1", "[::1]".strip("[]")) is None


async def test_a_name_that_changes_its_meaning_is_asked_once_and_the_checked_address_is_used(tmp_path: Path) -> None:
    """The second meaning of the name would be this machine's own peer on loopback; nobody asks for it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with peer(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ssl=context) as (port, taken):
        names = Names("127.0.0.1", "169.254.169.254")
        url = f"https://localhost:{port}/send?token={CANARY}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway, "_trust", lambda: trust)
            answer = await gateway.post(url, {"to": "x"}, {"Idempotency-Key": "k"}, within=5, network=names)
            assert (answer.status, names.meanings) == (200, ["169.254.169.254"])
            with pytest.raises(gateway.Forbidden):
                await gateway.post(url, {}, {}, within=5, network=names)
    assert f"Host: localhost:{port}".lower().encode() in taken[0].lower(), "the name is kept for TLS and Host"
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", Rejected),
        (b"HTTP/1.1 307 Again\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", Rejected),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 2_000_000, Uncertain),
        (b"no HTTP at all\r\n\r\n", Uncertain),
        (b"", Uncertain),
        (b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", NotTaken),
        (b"HTTP/1.1 429 Slower\r\nContent-Length: 0\r\n\r\n", NotTaken),
        # A proxy's word that the gateway behind it broke off: that may have taken it.
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", Uncertain),
        (b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n", Uncertain),
    ],
)
async def test_what_an_answer_says_leads_nowhere(answer: bytes, outcome: type[Exception]) -> None:
    async with peer(answer) as (port, taken):
        with pytest.raises(outcome):
            await JsonPost(url=f"http://127.0.0.1:{port}/sms").send({"to": "13800000000"}, "key", nothing)
    assert len(taken) == 1, "followed"


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        ('{"errcode":0,"errmsg":"ok"}', None),
        ('{"code":0,"msg":"success","data":{}}', None),
        ("ok", None),
        ("", None),
        ("[1]", None),
        ('{"errcode":93000,"errmsg":"invalid webhook url"}', Rejected),
        ('{"code":19021,"msg":"sign match fail"}', Rejected),
        ('{"errcode":45009,"errmsg":"api freq out of limit"}', NotTaken),
        ('{"code":11232,"msg":"frequency limited"}', NotTaken),
    ],
)
async def test_a_chat_that_says_no_with_a_200_has_not_taken_it(says: str, outcome: type[Exception] | None) -> None:
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(says)}\r\n\r\n{says}"
    async with peer(answer.encode()) as (port, _):
        chat = Webhook(target=JsonPost(url=f"http://127.0.0.1:{port}/staff"))
        with pytest.raises(outcome) if outcome else nullcontext():
            await chat.send("超期", "sup", "key", nothing)


def test_a_text_too_long_for_the_chat_loses_its_last_lines() -> None:
    lines = [f"第{n}件投诉已超期 · CMP-2026-{n:06}" for n in range(60)]
    short = shortened("\n".join(lines), 2048)
    assert 1900 < len(short.encode()) <= 2048 and short.splitlines()[-1] == "…"
    assert short.splitlines()[:-1] == lines[: len(short.splitlines()) - 1]
    assert shortened("\n".join(lines[:10]), 2048) == "\n".join(lines[:10])


async def test_of_a_long_answer_nothing_is_read_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"
    async with peer(start + b"y" * 100_000) as (port, taken):
        await JsonPost(url=f"http://[::ffff:127.0.0.1]:{port}/sms?token=t").send({"to": "138"}, "the-key", nothing)
    head, _, body = taken[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {"to": "138"}
    assert head.splitlines()[0] == b"POST /sms?token=t HTTP/1.1" and b"Idempotency-Key: the-key" in head


async def test_a_key_cannot_write_a_header() -> None:
    async with peer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, taken):
        with pytest.raises(Uncertain):
            await JsonPost(url=f"http://127.0.0.1:{port}/").send({}, "a\r\nX-Evil: 1", nothing)
    assert taken == []


REFUSED = [
    ("http://gateway.bank.example/x", "must begin with https"),
    ("https://169.254.169.254/latest", "never used"),
    ("https://[fe80::1]/", "never used"),
    ("https://[::ffff:169.254.169.254]/", "never used"),
    ("https://0.0.0.0/", "never used"),
    (f"https://me:{CANARY}@gateway.bank.example/", "no user name"),
    ("https://gateway.bank.example/#x", "no #fragment"),
    ("https://gateway.bank.example:99999/", "is no URL"),
    ("https://[gateway/", "is no URL"),
    (f"ftp://gateway.bank.example/{CANARY}", "must be a URL"),
    (f"file:///etc/passwd?{CANARY}", "must be a URL"),
    (f"https://gateway.bank.example/{CANARY}\r\nX-Evil: 1", "must be a URL"),
    ("https://网关.example/", "must be a URL"),
    ("gateway.bank.example", "must be a URL"),
]


@pytest.mark.parametrize(("url", "why"), REFUSED)
@pytest.mark.parametrize("name", ["AMENDS_SMS_URL", "AMENDS_WEBHOOK_URL"])
def test_a_bad_address_is_refused_at_the_start_by_the_name_of_its_variable(
    url: str, why: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(ValidationError, match=why) as refused:
        Settings()
    assert refused.value.errors()[0]["loc"] == (name.lower().removeprefix("amends_"),)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["https://gateway.bank.example/send?key=1", "http://127.0.0.1:8025/sms", "http://localhost/x", "https://10.0.0.9/"],
)
def test_good_addresses_stay(url: str) -> None:
    assert checked_url(url) == url


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """`amends migrate` with that environment: it stops at the first thing that is wrong."""
    command = [sys.executable, "-m", "run.cli", "migrate"]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=60)


def test_bad_settings_are_named_and_not_quoted() -> None:
    for name, value in [
        ("AMENDS_WEBHOOK_URL", f"http://hooks.example/{CANARY}"),
        ("AMENDS_DATABASE_URL", f"amends:{CANARY}"),
        ("AMENDS_DATABASE_URL", f"mysql://u:{CANARY}@h/d"),
        ("AMENDS_SECRETS_DIR", "/nowhere/at/all"),
    ]:
        done = start(**{name: value})
        assert done.returncode == 2, done.stderr
        assert name in done.stderr and CANARY not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


def test_a_password_is_never_sent_in_the_clear() -> None:
    with pytest.raises(ValidationError, match="AMENDS_SMTP_TLS") as refused:
        Settings(smtp_host="mail.bank.example", smtp_password=CANARY, smtp_tls="none")
    assert CANARY not in str(refused.value)
    Settings(smtp_host="127.0.0.1", smtp_password=CANARY, smtp_tls="none")


def test_secrets_come_from_files_and_show_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "database_url": f"postgresql+psycopg://amends:{CANARY}@db/amends",
        "secret_key": CANARY * 2,
        "smtp_password": CANARY,
        "sms_url": f"https://sms.example/{CANARY}",
        "webhook_url": f"https://hooks.example/{CANARY}",
    }
    for name, value in secrets.items():
        (tmp_path / f"amends_{name}").write_text(value + "\n")
    monkeypatch.setenv("AMENDS_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("AMENDS_SECRET_KEY", "of the environment, which comes first, before any file")
    found = Settings()
    assert found.database_url and found.database_url.get_secret_value() == secrets["database_url"]
    assert found.sms_url and found.sms_url.get_secret_value() == secrets["sms_url"]
    assert found.secret_key and found.secret_key.get_secret_value().startswith("of the environment")
    assert CANARY not in repr(found) + str(found) + found.model_dump_json() + str(found.model_dump())
    assert CANARY not in repr(JsonPost(url=secrets["sms_url"]))


def test_a_secret_that_others_may_read_is_warned_of_by_name(tmp_path: Path) -> None:
    for name, mode in (
        ("amends_secret_key", 0o644),
        ("amends_sms_url", 0o620),
        ("amends_smtp_password", 0o440),
        ("other", 0o666),
    ):
        (tmp_path / name).write_text(f"https://sms.example/{CANARY}" if "url" in name else CANARY)
        (tmp_path / name).chmod(mode)
    assert open_to_others(tmp_path) == ["amends_secret_key", "amends_sms_url"]
    assert open_to_others(None) == []
    done = start(AMENDS_SECRETS_DIR=str(tmp_path))
    assert "amends_secret_key" in done.stderr and "chmod" in done.stderr
    assert CANARY not in done.stderr and "AMENDS_DATABASE_URL is not set" in done.stderr
    with pytest.raises(MissingSetting), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMENDS_SECRETS_DIR", str(tmp_path / "away"))
        Settings()
