"""What no log may hold: failures of every kind really happen, and their canaries are looked for."""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from failures import CANARIES
from keys import MASTER_KEYS
from temporalio.testing import WorkflowEnvironment

from run import redact
from run.logs import clean, said
from run.stack import clean_environment

SCRIPT = Path(__file__).parent / "support" / "failures.py"


async def test_no_failure_of_any_kind_says_what_it_was_about(temporal: WorkflowEnvironment, database_url: str) -> None:
    address = temporal.client.service_client.config.target_host
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        SCRIPT,
        address,
        database_url,
        stderr=-1,
        stdout=-1,
        env=clean_environment() | {"AMENDS_MASTER_KEYS": MASTER_KEYS},
    )
    try:
        async with asyncio.timeout(120):
            out, err = (part.decode() for part in await process.communicate())
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 1 and out == ""
    lines = [json.loads(line) for line in err.splitlines()]  # each is one event: nothing wrote past the chain
    happened = " ".join(f"{line['event']} {line.get('error')}" for line in lines)
    for kind in (
        *("CheckViolation", "IntegrityError", "SMTPRecipientsRefused", "temporalio.worker", "ActivityError"),
        *("api.failed", "InvalidTextRepresentation", "never retrieved", "unhandled", "UserWarning", "ExceptionGroup"),
        *("failures.py", "psycopg.errors", "ApplicationError[IntegrityError]"),
    ):
        assert kind in happened or kind in err, f"{kind} did not happen: {err}"
    assert [c for c in [*CANARIES, "canary", "Canary", "金丝雀"] if c in err or c in happened] == []
    assert "CMP-2026-000042" in err


MASKED = [
    "write to jane.o'neill+bank@mail.example.co.uk now",
    "张三@例子.公司",
    *(
        "13800000000",
        "+86 138-0000-0000",
        "(010) 8888 6666",
        "400-820-8820",
        "+1 (555) 010-9999",
        "１３８００００００００",
    ),
    *("6222 0202 0011 2233 445", "4111-1111-1111-1111", "11010519491231002X", "370285197001011234"),
    *("Authorization: Bearer abc.def-ghi", "basic dXNlcjpwYXNz", "amk_live_0123456789"),
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    "https://complaints.bank.example/c/7f3kq9ABCDEF_-x?done=facts",
    "postgresql+psycopg://amends:hunter2pass@db:5432/amends",
    "password=hunter2pass host=db",
    '{"token": "hunter2pass"}',
]
SECRETS = (
    *("jane", "张三", "138", "8888", "820", "010-9999", "１３８", "0202", "4111", "1101051", "370285", "abc.def"),
    *("dXNlcj", "0123456789", "eyJ", "7f3kq9", "hunter2"),
)


@pytest.mark.parametrize("text", MASKED)
def test_what_has_a_shape_is_masked(text: str) -> None:
    for found in (
        redact.text(text),
        str(redact.value({"a": [text, {text: (text,)}]})),
        redact.text(f"x:{text}\n{text};"),
    ):
        assert "***" in found
        assert [s for s in SECRETS if s in found] == [], found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "CMP-2026-000042",
            "CMP-2026-000042-1",
            "2026-11-22T08:48:24.123456+08:00",
            "2026-11-22 08:48:24",
            "127.0.0.1:54321",
        ),
        *("8f14e45f-ceea-467f-a8a3-123456789012", "12345678-1234-1234-1234-123456789012", "complaints-8f14e45f"),
        *(
            "api/errors.py:135 _part_down",
            "SMTP 550",
            "HTTP 503",
            "cn-2026-01-01",
            "amends-2026.11.22",
            "took 1.5 s",
            "0004_detours",
        ),
    ],
)
def test_what_ops_need_stays(text: str) -> None:
    assert redact.text(text) == text
    assert redact.value(300_000) == 300_000


def test_values_named_as_secrets_are_masked_whatever_they_are() -> None:
    event: Any = {
        "event": "x",
        "password": "plain",
        "secret_key": 5,
        "api_key": ["a"],
        "Authorization": "z",
        "token": None,
    }
    assert clean(None, "", event) == event | dict.fromkeys(
        ("password", "secret_key", "api_key", "Authorization"), "***"
    )


@pytest.mark.parametrize(
    "evil", ["a\nlevel=critical", "a\r\nb", "\x1b[2Jgone", "\x9b31m", "\u202etxt", "\u2028x", "\0", "\ud800"]
)
def test_no_value_begins_a_line_or_moves_the_cursor(evil: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, and as a terminal shows it."""
    for renderer in (
        structlog.processors.JSONRenderer(ensure_ascii=False),
        structlog.dev.ConsoleRenderer(colors=False),
    ):
        event = clean(None, "", {"event": evil, "who": evil, evil: [evil]})
        line = renderer(None, "info", event)
        assert str(line).isprintable(), line
        assert evil not in line


def test_a_record_that_cannot_be_formatted_is_still_told() -> None:
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "%d things of %s", ("many",), None)
    assert said(record) == "%d things of %s"
