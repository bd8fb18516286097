"""Traces, by the real exporter to a receiver on this machine: from the request through the process to its activities."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from office import MAJOR, PLAIN, SECRET
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment
from watched import Watched, watched_office

from activities.channels import Post
from api.app import create_app
from api.parts import Parts
from run import tracing
from run.drill.office import LONG, QUICK

PERSON, TOKEN = "王小明", "tok3n-of-a-customers-link"


@dataclass
class Receiver:
    """Takes what an OTLP exporter posts."""

    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [s for r in requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]


@contextmanager
def receiving() -> Iterator[Receiver]:
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.bodies.append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Traced:
    """What a busy life has left at the receiver."""

    spans: list[Span]
    raw: bytes
    reference: str

    def named(self, name: str) -> list[Span]:
        return [s for s in self.spans if s.name == name]

    def line(self, span: Span) -> list[str]:
        """Its name and those of its parents, the nearest first."""
        parents = {s.span_id: s for s in self.spans if s.trace_id == span.trace_id}
        names = [span.name]
        while span.parent_span_id in parents:
            span = parents[span.parent_span_id]
            names.append(span.name)
        return names


@pytest.fixture(scope="module")
async def traced(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Traced]:
    with receiving() as receiver:
        traces = tracing.provider(receiver.url, "test")
        assert isinstance(traces, TracerProvider)
        both = tracing.Interceptor(traces)
        async with watched_office(temporal, register, post, tmp_path_factory.mktemp("rules"), both) as watched:
            reference = await lived(watched, traces)
            assert traces.force_flush()
            yield Traced(receiver.spans(), b"".join(receiver.bodies), reference)
        traces.shutdown()


async def lived(watched: Watched, traces: TracerProvider) -> str:
    """Requests of every sort, with personal data in every place there is."""
    office = watched.office
    parts = Parts(office.engine, office.env.client, SECRET, office.queue, LONG, hasher=QUICK)
    app = create_app(parts, traces=traces)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError(PERSON)

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://office", timeout=30) as http:
        office.http = http
        person = PLAIN["complainant"] | {"name": PERSON}
        case = await office.open(PLAIN | {"complainant": person, "matter": f"{PERSON}的年费"})
        reference = str(case["reference"])
        await office.act("agent", reference, "notes", {"text": PERSON})
        await office.to_callback(case)
        await office.letter_event(reference, "letter_sent")
        late = await office.open(MAJOR | {"complainant": person})
        await office.forward(late["reference"], timedelta(hours=3))
        await office.act(case["assignment"]["handler"], reference, "acceptance", expect=409)
        told = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "baggage": "who=canary", "tracestate": "x=canary"}
        await http.get(f"/c/{TOKEN}", params={"q": "canary"}, headers=told)
        await office.call("auditor", "GET", f"/complaints?q={PERSON}", **told)
        await http.get("/broken", headers=told)
        await http.get("/nowhere/canary")
        await http.get("/healthz")
    return reference


async def test_one_trace_goes_from_the_request_through_the_process_to_its_activities(traced: Traced) -> None:
    found = [s for s in traced.named("RunActivity:record") if said(s).get("temporalWorkflowID") == traced.reference]
    opening = [traced.line(s) for s in found if "POST /complaints" in traced.line(s)]
    assert opening, [traced.line(s) for s in found]
    path = ["RunActivity:record", "StartActivity:record", "StartUpdateWithStartWorkflow:Complaint", "POST /complaints"]
    assert opening[0] == path
    (root,) = [s for s in traced.named("POST /complaints") if said(s)["amends.reference"] == traced.reference]
    run = [s for s in traced.named("RunWorkflow:Complaint") if s.trace_id == root.trace_id]
    assert run and said(run[0])["temporalWorkflowID"] == traced.reference
    letters = [traced.line(s) for s in traced.named("RunActivity:send_letters")]
    assert any("POST /complaints" in line for line in letters), letters


async def test_an_act_is_in_the_trace_of_its_own_request(traced: Traced) -> None:
    records = [traced.line(s) for s in traced.named("RunActivity:record")]
    wanted = ["StartActivity:record", "StartWorkflowUpdate:add_note", "POST /complaints/{reference}/notes"]
    assert [line for line in records if line[1:] == wanted], records
    handled = [traced.line(s) for s in traced.named("HandleUpdate:add_note")]
    assert handled == [["HandleUpdate:add_note", *wanted[1:]]]


async def test_no_span_says_more_than_a_reference(traced: Traced) -> None:
    assert len(traced.spans) > 30
    for word in (
        PERSON,
        TOKEN,
        "canary",
        "url.path",
        "url.query",
        "exception.message",
        "digest-",
        "example.com",
        "Traceback",
    ):
        text = word.encode()
        assert text not in traced.raw.replace(b"digest-***", b""), word
    for span in traced.spans:
        assert set(said(span)) <= set(tracing.KEPT) and not span.events and not span.status.message, span
    (link,) = traced.named("GET /c/{token}")
    assert said(link) == {"http.request.method": "GET", "http.route": "/c/{token}", "http.response.status_code": "404"}
    (broken,) = traced.named("GET /broken")
    assert said(broken)["error.type"] == "500"
    acts = [said(s).get("amends.reference") for s in traced.named("POST /complaints/{reference}/notes")]
    assert acts and set(acts) == {traced.reference}


async def test_what_a_caller_says_of_traces_is_not_believed(traced: Traced) -> None:
    assert not [s for s in traced.spans if s.trace_id == bytes.fromhex("ab" * 16)]
    assert not [s for s in traced.spans if s.trace_state]


async def test_load_balancers_and_prometheus_leave_no_traces(traced: Traced) -> None:
    assert not [s for s in traced.spans if "healthz" in s.name or "metrics" in s.name]


def test_without_a_receiver_there_are_no_traces() -> None:
    assert tracing.provider(None, "web") is None and tracing.provider("", "web") is None


def said(span: Span) -> dict[str, str]:
    return {a.key: a.value.string_value or str(a.value.int_value) for a in span.attributes}
