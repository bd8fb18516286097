"""What a log line says of where it comes from: the request, the case, the trace; and whom it does not name."""

import dataclasses
import io
import json
import re
import sys
import threading
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
import structlog
from contract import different
from keys import register_at
from office import SECRET, Office, free_port
from opentelemetry.sdk.trace import TracerProvider
from temporalio import activity
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from api.app import create_app
from api.parts import Parts
from api.watching import HEADER
from run import redact
from run.logs import configure


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, str]]]:
    """Logs as they are at work, one JSON object a line; gives those since it was asked last."""
    err = io.StringIO()
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "stderr", err)
    configure("debug")

    def since() -> list[dict[str, str]]:
        lines = err.getvalue().splitlines()
        err.seek(0)
        err.truncate()
        return [json.loads(line) for line in lines]

    return since


async def test_an_answer_has_the_id_that_a_proxy_gave_and_no_other_words_of_a_caller(office: Office) -> None:
    given = str(uuid4())
    for sent in (given, given.replace("-", "").upper()):
        assert (await office.http.get("/healthz", headers={HEADER: sent})).headers[HEADER] == sent
    for words in ("Jane Doe", "13800000000", f"{given} x", "", "a" * 400):
        own = (await office.http.get("/healthz", headers={HEADER: words})).headers[HEADER]
        assert re.fullmatch(r"[0-9a-f]{32}", own)
    refused = await office.http.get("/complaints/CMP-2026-999999")
    assert refused.status_code == 401 and refused.headers[HEADER]


async def test_lines_of_a_request_have_its_id_its_case_and_its_trace(
    office: Office, logged: Callable[[], list[dict[str, str]]]
) -> None:
    parts = Parts(office.engine, office.env.client, SECRET, office.queue)
    app = create_app(parts, traces=TracerProvider(shutdown_on_exit=False))
    case = await office.open(different())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web") as http:
        bearer = {"Authorization": f"Bearer {await office.token('auditor')}"}
        logged()
        answer = await http.get(f"/complaints/{case['reference']}", headers=bearer)
    (line,) = [line for line in logged() if line["event"] == "http.answered"]
    assert line["request_id"] == answer.headers[HEADER] and line["reference"] == case["reference"]
    assert (line["route"], line["status"]) == ("/complaints/{reference}", 200)
    assert re.fullmatch(r"[0-9a-f]{32}", line["trace_id"])
    assert "request_id" not in structlog.contextvars.get_contextvars()


@activity.defn
async def speaks() -> None:
    structlog.get_logger().info("ours")
    activity.logger.warning("temporal's")


@pytest.mark.parametrize(
    ("process", "shown"), [("CMP-2026-000042", "CMP-2026-000042"), ("digest-wang.x", "digest-***")]
)
async def test_lines_of_an_activity_name_its_case_and_no_person(
    logged: Callable[[], list[dict[str, str]]], process: str, shown: str
) -> None:
    surroundings = ActivityEnvironment()
    surroundings.info = dataclasses.replace(surroundings.info, workflow_id=process)
    await surroundings.run(speaks)
    lines = logged()
    assert [line["reference"] for line in lines] == [shown, shown], lines
    assert "wang" not in str(lines)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("({'workflow_id': 'digest-wang.xiaoming', 'run_id': 'x'})", "({'workflow_id': 'digest-***', 'run_id': 'x'})"),
        ("digest-li_hua-CMP-2026-000001-3", "digest-***"),
        ("Completing absence-jane.doe", "Completing absence-***"),
    ],
)
def test_processes_named_after_a_person_are_masked(said: str, shown: str) -> None:
    assert redact.text(said) == shown


async def test_without_the_register_an_answer_has_an_id_too() -> None:
    nowhere = register_at(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    app = create_app(Parts(nowhere, await Client.connect("127.0.0.1:1", lazy=True), SECRET, "nowhere"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web") as http:
        answer = await http.post("/auth/token", data={"username": "a", "password": "b"})
    assert answer.status_code == 503 and answer.headers[HEADER]
