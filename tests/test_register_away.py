"""The register is stopped and started again under a running process: callers are told, no process fails, no limit is lost."""

import asyncio
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from browser import HTML, OWN, page_session, web
from contract import different, problem
from keys import MASTER, MASTER_KEYS, register_at
from office import PASSWORD, Office, office_at
from own_office import compare
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.channels import Post
from run import demo, local_postgres
from run.drill import servers
from run.drill.office import QUICK


async def answer(office: Office, reference: str) -> httpx.Response:
    return await office.call("agent", "POST", f"/complaints/{reference}/notes", {"text": "客户来电补充"})


async def told_on_pages(http: httpx.AsyncClient, reference: str) -> None:
    """Whoever is at a page reads what is the matter there, and what was typed stays."""
    case = f"/desk/complaints/{reference}"
    typed = {"csrf_token": "0" * 64, "request_id": "once", "text": "客户补充：三月的年费"}
    looked = await http.get(case, headers=HTML)
    sent = await http.post(f"{case}/notes", data=typed, headers=HTML | OWN)
    link = await http.get("/c/0000000000000000000000", headers=HTML)
    for page in (looked, sent, link):
        assert page.status_code == 503 and page.headers["retry-after"], page.text
        assert page.headers["content-type"].startswith("text/html") and "系统暂时" in page.text
    assert typed["text"] in sent.text and 'value="once"' in sent.text


async def timer_fired(office: Office, reference: str) -> None:
    """Wait until a limit or reminder has come."""
    async with asyncio.timeout(60):
        async for event in office.handle(reference).fetch_history_events(wait_new_event=True):
            if event.HasField("timer_fired_event_attributes"):
                return


async def test_no_process_fails_and_no_limit_is_lost_while_the_register_is_away(tmp_path: Path, post: Post) -> None:
    folder = tmp_path / "postgres"
    server = local_postgres.start(folder)
    engine = register_at(local_postgres.prepared(local_postgres.url(server), MASTER))
    await demo.furnish(engine, PASSWORD, fixed=True, hasher=QUICK)
    async with servers.temporal(tmp_path / "temporal.log", ["away"]) as address:
        client = await servers.connect(address, "away", engine)
        env = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        try:
            async with office_at(datetime(2026, 3, 10, 10), env, engine, post, tmp_path, None, "mass") as office:
                reference = str((await office.open(different()))["reference"])
                await office.letter_event(reference, "letter_sent")
                async with web(office) as http:
                    await page_session(http, "agent")
                    server.stop()
                    await told_on_pages(http, reference)
                refused = await office.call("agent", "POST", "/complaints", different())
                problem(refused, "unavailable")
                assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
                time = asyncio.create_task(office.forward(reference, timedelta(hours=6)))  # and nobody accepts it
                await timer_fired(office, reference)
                assert (await office.handle(reference).describe()).status is WorkflowExecutionStatus.RUNNING
                server.start()
                await time
                async with asyncio.timeout(60):
                    while (await answer(office, reference)).status_code != 200:
                        continue
                kinds = [event["kind"] for event in await office.events(reference)]
                assert "breached" in kinds and kinds[-1] == "noted", kinds
                assert (await compare(office)).differences == []
        finally:
            await engine.dispose()
            server.stop()


async def test_a_worker_starts_before_the_register_does_and_makes_the_schedules_when_it_can(tmp_path: Path) -> None:
    server = local_postgres.start(tmp_path / "postgres")
    url = local_postgres.prepared(local_postgres.url(server), MASTER)
    server.stop()
    async with servers.temporal(tmp_path / "temporal.log", ["early"]) as address:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "run.cli", "worker"),
            env=os.environ
            | {
                "AMENDS_DATABASE_URL": url,
                "AMENDS_MASTER_KEYS": MASTER_KEYS,
                "AMENDS_TEMPORAL_ADDRESS": address,
                "AMENDS_TEMPORAL_NAMESPACE": "early",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = b""
        assert worker.stdout
        try:
            async with asyncio.timeout(60):
                for words in (b"schedules.not_made_yet", b"worker.ready"):
                    while words not in said:
                        said += (line := await worker.stdout.readline())
                        assert line, said.decode()
                server.start()
                while said.count(b"schedule.made") < 2:
                    said += (line := await worker.stdout.readline())
                    assert line, said.decode()
        finally:
            worker.terminate()
            await worker.wait()
            server.stop()
