"""The comparison as people meet it: the hourly process, the page of ops, the figures, the command and its exit codes."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from browser import HTML, newcomer, page_session, web
from contract import different
from keys import MASTER_KEYS
from office import Office, free_port
from own_office import compare, own_office, tamper
from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleHandle
from typer.testing import CliRunner, Result

from activities.channels import Post
from complaints import names
from complaints.orders import Reconciled, ReconcileOrder
from register import reconciling as kept
from run import reconciling, schedules
from run.cli import app
from workflows.reconcile import Reconcile
from workflows.retention import Retention

STAGE = "UPDATE complaint SET stage = 'callback' WHERE reference = :r"


@pytest.fixture(scope="module")
async def office(owner_url: str, post: Post, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with own_office(owner_url, "reconcile_shown", post, tmp_path_factory.mktemp("shown")) as here:
        yield here


async def page(office: Office, language: str) -> str:
    async with web(office) as http:
        await page_session(http, await newcomer(office, roles=["ops"], language=language))
        return (await http.get("/desk/ops", headers=HTML)).text


async def figures(office: Office) -> dict[str, float]:
    said = (await office.http.get("/metrics")).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in said if line[0] != "#")}


async def test_the_hourly_process_mends_and_everybody_sees_what_came_of_it(office: Office) -> None:
    assert "Not compared yet." in await page(office, "en")
    assert not any("reconcile" in name for name in await figures(office))
    mended, stopped = [str((await office.open(different()))["reference"]) for _ in range(2)]
    await office.letter_event(mended, "letter_sent")
    await tamper(office, STAGE, r=mended)
    await office.handle(stopped).terminate("on purpose")
    done: Reconciled = await office.env.client.execute_workflow(
        Reconcile.run, ReconcileOrder(), id="reconcile-now", task_queue=office.queue,
        execution_timeout=timedelta(seconds=60),
    )  # fmt: skip
    assert (done.compared, done.found, done.mended, done.left) == (2, {"stage": 1, "ended_badly": 1}, {"stage": 1}, 1)
    last = await kept.last(office.engine)
    assert last is not None and last.left_over == [{"reference": stopped, "kind": "ended_badly"}]
    english, chinese = await page(office, "en"), await page(office, "zh-CN")
    assert "2 found, 1 mended" in english and f"{stopped}</a> · Process was stopped" in english
    assert "发现 2 项，已修复 1 项" in chinese and "流程被终止" in chinese
    said = await figures(office)
    assert said['amends_reconcile_differences{kind="stage"}'] == 1
    assert said['amends_reconcile_differences{kind="clocks"}'] == 0
    assert said['amends_reconcile_left{kind="stage"}'] == 0
    assert said['amends_reconcile_left{kind="ended_badly"}'] == 1
    assert said["amends_reconcile_compared"] == 2
    assert said["amends_reconcile_last_success_timestamp_seconds"] == pytest.approx(last.at.timestamp())
    await tamper(office, "UPDATE complaint SET erased_at = now() WHERE reference = :r", r=stopped)


async def test_it_is_made_every_hour_and_what_ops_changed_stays(office: Office) -> None:
    client = office.env.client
    await schedules.ensure(client, office.queue)
    handle = client.get_schedule_handle(names.RECONCILE)
    await handle.pause(note="a test")
    await schedules.ensure(client, office.queue)
    said = await handle.describe()
    assert said.schedule.state.paused
    first, second = said.info.next_action_times[:2]
    assert (second - first, first.minute) == (timedelta(hours=1), 7)


async def begun(schedule: ScheduleHandle) -> list[str]:
    """What the schedule has started."""
    actions = [a.action for a in (await schedule.describe()).info.recent_actions]
    return [a.workflow_id for a in actions if isinstance(a, ScheduleActionExecutionStartWorkflow)]


@pytest.mark.parametrize(
    ("name", "workflow", "done"),
    [
        (names.RECONCILE, Reconcile.run, lambda result: result.compared >= 0),
        (names.RETENTION, Retention.run, lambda result: result.count == 0),
    ],
)
async def test_what_a_schedule_starts_reads_its_order_and_the_result_before(
    office: Office, name: str, workflow: Any, done: Any
) -> None:
    client = office.env.client
    await schedules.ensure(client, office.queue)
    schedule, started = client.get_schedule_handle(name), list[str]()
    for _ in range(3):
        await schedule.trigger()
        async with asyncio.timeout(30):
            while not (new := [w for w in await begun(schedule) if w not in started]):  # it starts a moment later
                continue
        started += new
        assert all(w.startswith(f"{name}-2") for w in new)
        handle = client.get_workflow_handle_for(workflow, new[-1])
        result = await asyncio.wait_for(handle.result(), timeout=30)
        assert done(result)
        await asyncio.sleep(1)  # they are named by the second: two within one would be one
    if name == names.RETENTION:
        ended = (await handle.describe()).close_time
        assert ended is not None
        while "amends_erasing_last_success_timestamp_seconds" not in (
            said := await figures(office)
        ):  # Temporal's list lags
            continue
        made = (await schedule.describe()).info.created_at.timestamp()
        while (at := (await figures(office))["amends_erasing_last_success_timestamp_seconds"]) != ended.timestamp():
            assert at == pytest.approx(made), "until then it is the moment it was set up"
        assert said["amends_processes_failing"] == 0 and said["amends_workers_given_work"] == 1


@pytest.fixture
def run_command(office: Office, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`amends reconcile` in its own settings, against that office."""
    monkeypatch.setattr(reconciling, "TASK_QUEUE", office.queue)
    monkeypatch.setattr(reconciling.out, "width", 300)
    env = {
        "AMENDS_DATABASE_URL": office.engine.url.render_as_string(hide_password=False),
        "AMENDS_MASTER_KEYS": MASTER_KEYS,
        "AMENDS_TEMPORAL_ADDRESS": office.env.client.service_client.config.target_host,
        "AMENDS_TEMPORAL_NAMESPACE": office.env.client.namespace,
    }

    async def command(*words: str, **other: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["reconcile", *words], env=env | other)

    return command


async def test_the_command_says_what_differs_and_answers_by_its_exit_code(office: Office, run_command: Any) -> None:
    reference = str((await office.open(different()))["reference"])
    await office.letter_event(reference, "letter_sent")
    clean = await run_command()
    assert (clean.exit_code, "0 differences, 0 mended, 0 left" in clean.output) == (0, True), clean.output
    await tamper(office, STAGE, r=reference)
    before = await figures(office)
    named = await run_command("--json")
    assert named.exit_code == 1
    assert {n: v for n, v in (await figures(office)).items() if "reconcile" in n} == {
        n: v for n, v in before.items() if "reconcile" in n
    }, "a look by hand wakes nobody, and hides no hourly one that has not come"
    said = json.loads(named.stdout)
    assert said["found"] == {"stage": 1}
    [one] = said["differences"]
    assert (one["reference"], one["record"], one["process"]) == (reference, "callback", "assigned")
    assert "--mend" in one["to_do"]
    mended = await run_command("--mend")
    assert (mended.exit_code, "1 differences, 1 mended, 0 left" in mended.output) == (0, True), mended.output
    assert (await compare(office)).differences == []
    away = await run_command(AMENDS_TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")
    assert (away.exit_code, "could not compare: Temporal does not answer" in away.output) == (2, True), away.output
    nowhere = await run_command(AMENDS_DATABASE_URL=f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x")
    assert (nowhere.exit_code, "the register does not answer" in nowhere.output) == (2, True), nowhere.output
