"""What Prometheus is told, by a real web server and a real worker after a busy life."""

import re
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from contract import different
from given import opened
from keys import register_at
from office import MAJOR, PLAIN, SECRET, free_port
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from watch_files import ALERTS, LATER, PANELS, metrics_of
from watched import Watched, families, value, watched_office

from activities.channels import Post
from activities.counting import lateness
from activities.wording import EVENTS
from api import opening
from api.app import create_app
from api.parts import Parts
from complaints import alarms
from complaints.form import ComplaintForm
from register import read
from register.tables import Intake
from run.logs import temporal_runtime
from run.settings import Settings

PERSON, STREET = "王小明", "Canary Lane 47"


@workflow.defn(name="Changing", sandboxed=False)
class Before:
    """What an older build began."""

    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(0.001)
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    async def go_on(self) -> None: ...


@workflow.defn(name="Changing", sandboxed=False)
class After:
    """The next build, which does not replay that."""

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    async def go_on(self) -> None: ...


async def incompatible_build(client: Client) -> None:
    """A worker of a new build fails the step of a case that an older one began."""
    queue = f"changing-{uuid4().hex[:8]}"
    plain: Any = {"task_queue": queue, "workflow_runner": UnsandboxedWorkflowRunner()}
    async with Worker(client, workflows=[Before], **plain):
        case = await client.start_workflow("Changing", id=queue, task_queue=queue)
        async for event in case.fetch_history_events(wait_new_event=True):
            if event.HasField("timer_fired_event_attributes"):
                break
    async with Worker(client, workflows=[After], **plain):
        await case.signal("go_on")
        async for event in case.fetch_history_events(wait_new_event=True):
            if event.HasField("workflow_task_failed_event_attributes"):
                break
        await case.terminate("seen")


@pytest.fixture(scope="module")
async def life(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Watched]:
    """A case that is resolved, one that breaks its limits, letters, refusals, odd requests, a build that is wrong."""
    async with watched_office(temporal, register, post, tmp_path_factory.mktemp("rules")) as watched:
        office = watched.office
        person = PLAIN["complainant"] | {"name": PERSON, "address": STREET}
        case = await office.open(PLAIN | {"complainant": person})
        await office.to_callback(case)
        await office.letter_event(case["reference"], "letter_sent")
        await office.act(case["assignment"]["handler"], case["reference"], "acceptance", expect=409)
        late = await office.open(MAJOR | {"complainant": person})
        await office.forward(late["reference"], timedelta(days=9))
        await office.act("agent", late["reference"], "notes", {"text": PERSON})
        watched.late = late["reference"]
        held = late["assignment"]["handler"]
        await office.act(held, late["reference"], "extension", {"reason": "x", "working_days": 900}, expect=422)
        await office.http.get("/c/a-token-that-nobody-has")
        await office.http.get(f"/nowhere/{PERSON}", headers={"X-Request-ID": STREET})
        await office.http.request("BREW", "/complaints")
        with pytest.raises(RPCError):
            await office.handle("CMP-2026-999999").describe()
        await incompatible_build(office.env.client)
        yield watched


async def test_no_label_names_a_case_a_person_or_anything_a_caller_chose(life: Watched) -> None:
    found = [*await life.worker_says(), *await life.web_says()]
    values = {v for m in found for s in m.samples for k, v in s.labels.items() if k not in ("le", "task_queue")}
    staff = {member.username for member in await read.staff(life.office.engine)}
    assert len(values) > 60 and len(staff) > 20
    by_role = {"agent", "handler", "supervisor", "manager", "auditor", "ops", "admin"}
    assert values & (staff - by_role) == set()
    for said in values:
        assert re.fullmatch(r"[\w./{}:-]{0,80}", said, re.ASCII), said
        assert not re.search(r"CMP-\d|digest-|absence-|[0-9a-f]{8}-|\d{5}|token-that|nowhere|BREW", said), said
    assert value(found, "amends_http_request_seconds_count", route="unmatched", status="404") > 0
    assert value(found, "amends_http_request_seconds_count", method="other") > 0
    assert value(found, "amends_http_request_seconds_count", route="/c/{token}") > 0


async def test_events_letters_and_breaches_are_counted_as_the_register_has_them(life: Watched) -> None:
    events = await life.office.events(life.late)
    broken = {e["data"]["clock"] for e in events if e["kind"] == "breached"}
    assert {"major_response", "resolution"} <= broken
    found = await life.worker_says()
    for clock in ("major_response", "resolution"):
        assert value(found, "amends_breaches_total", clock=clock) == 1
    heard = sum(e["kind"] in alarms.SAID.values() for e in events)
    assert value(found, "amends_deadline_lateness_seconds_count") >= heard > 5
    letters = [e for e in events if e["kind"] == "letter_sent"]
    assert value(found, "amends_letters_total", outcome="sent", way="email") >= len(letters) > 0
    kinds = {s.labels["kind"] for m in found if m.name == "amends_events" for s in m.samples}
    assert {"received", "breached", "letter_sent", "resolved"} <= kinds <= set(EVENTS)


@pytest.mark.parametrize(("late", "kept_late", "said"), [(0.4, 0, 0.4), (3.7, 0, 3.7), (7200, 7000, 200), (5, 9, 0)])
def test_lateness_is_exact_and_counts_from_the_keeping_of_what_was_late_already(
    late: float, kept_late: float, said: float
) -> None:
    case = opened()
    clock = case.clocks["resolution"]
    before = len(case.unsaved)
    if kept_late:
        case.opened_at = clock.due_at + timedelta(seconds=kept_late)
    now = clock.due_at + timedelta(seconds=late)
    alarms.sound(case, now)
    event = next(e for e in case.unsaved[before:] if e.kind == "breached" and e.data["clock"] == "resolution")
    assert lateness(case, event) == timedelta(seconds=said)


async def test_how_long_acts_and_intake_take_is_told_by_act_and_outcome(life: Watched) -> None:
    found = await life.web_says()
    for act, outcome in (("opened", "done"), ("accept", "done"), ("submit_resolution", "done"), ("accept", "refused")):
        assert value(found, "amends_update_seconds_count", act=act, outcome=outcome) > 0, (act, outcome)
    assert value(found, "amends_intake_lag_seconds_count") >= 2


async def test_what_is_kept_and_not_started_shows_and_how_long_it_waits(life: Watched) -> None:
    office = life.office

    async def says(name: str) -> float:
        return value(await life.web_says(), f"amends_relay_{name}")

    async with office.engine.begin() as db:  # what other tests left
        left = col(Intake.started_at).is_(None) & col(Intake.set_aside).is_(None)
        await db.execute(update(Intake).where(left).values(set_aside="left by another test"))
    aside = await says("set_aside")
    form = ComplaintForm.model_validate(different(received_at=datetime.now(UTC).isoformat()))
    one, _ = await opening.keep(office.engine, form, "agent", None)
    this, long_ago = col(Intake.reference) == one.reference, datetime.now(UTC) - timedelta(minutes=5)
    async with office.engine.begin() as db:
        await db.execute(update(Intake).where(this).values(recorded_at=long_ago))
    assert await says("backlog") == 1 and 300 <= await says("backlog_oldest_seconds") < 400
    async with office.engine.begin() as db:
        await db.execute(update(Intake).where(this).values(set_aside="for the test"))
    assert (await says("backlog"), await says("backlog_oldest_seconds"), await says("set_aside")) == (0, 0, aside + 1)


async def test_with_parts_away_the_figures_say_which() -> None:
    nowhere = register_at(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    app = create_app(Parts(nowhere, await Client.connect("127.0.0.1:1", lazy=True), SECRET, "nowhere"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web") as http:
        refused = await http.post("/auth/token", data={"username": "a", "password": "b"})
        answer = await http.get("/metrics")
    assert (refused.status_code, answer.status_code) == (503, 200)
    found = families(answer.text)
    assert [value(found, "amends_part_up", part=part) for part in ("database", "temporal", "worker")] == [0, 0, 0]
    assert not any(m.name == "amends_open_complaints" for m in found)


async def test_the_register_is_counted_once_for_all_who_ask_within_the_time(life: Watched) -> None:
    office = life.office
    parts = Parts(office.engine, office.env.client, SECRET, office.queue)
    app = create_app(parts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web") as http:

        async def open_now() -> float:
            return value(families((await http.get("/metrics")).text), "amends_open_complaints")

        before = await open_now()
        await office.open(different())
        assert await open_now() == before
        app.state.counted.good_until = 0  # the time is over
        assert await open_now() == before + 1


async def test_every_metric_of_an_alert_or_a_panel_is_one_that_the_product_exports(life: Watched) -> None:
    found = [*await life.worker_says(), *await life.web_says()]
    exported = {s.name for m in found for s in m.samples}
    used = {name for alert in ALERTS for name in metrics_of(alert["expr"])}
    used |= {name for panel in PANELS for target in panel["targets"] for name in metrics_of(target["expr"])}
    assert len(used) > 25
    assert used - exported - LATER == set()


async def test_every_label_an_alert_or_a_panel_asks_for_is_one_its_metric_has(life: Watched) -> None:
    found = [*await life.worker_says(), *await life.web_says()]
    labels: dict[str, dict[str, set[str]]] = {}
    for sample in (s for m in found for s in m.samples):
        for name, said in sample.labels.items():
            labels.setdefault(sample.name, {}).setdefault(name, set()).add(said)
    expressions = [a["expr"] for a in ALERTS] + [t["expr"] for p in PANELS for t in p["targets"]]
    asked = [found for e in expressions for found in re.findall(r"(\w+)\{([^}]*)\}", e)]
    assert len(asked) > 15
    for metric, chosen in asked:
        for label, how, wanted in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', chosen):
            if metric in LATER or label in ("job", "alertname", "alertstate") or metric == "up":
                continue
            has = labels[metric].get(label, set())
            assert has, f"{metric} has no label {label}"
            if how == "=":
                assert wanted in has, (metric, label, wanted, has)


def test_a_taken_port_stops_the_start_and_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RuntimeError, match=r"AMENDS_METRICS_PORT: .*in use"):
            temporal_runtime(f"127.0.0.1:{taken.getsockname()[1]}")


def test_figures_and_traces_are_off_and_at_home_unless_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AMENDS_METRICS_PORT", "AMENDS_TRACES", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert (Settings().metrics_port, Settings().metrics_host, Settings().traces) == (None, "127.0.0.1", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert Settings().traces == "http://collector:4318"
    monkeypatch.setenv("AMENDS_TRACES", "http://own:4318")
    assert Settings().traces == "http://own:4318"
