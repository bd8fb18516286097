"""Builds side by side on a real Temporal: cases move to the one made current, and the gate stops one that does not fit."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import typer
from keys import MASTER_KEYS
from office import PASSWORD, PLAIN, SECRET, free_port
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from activities.channels import Post
from api.app import create_app
from api.parts import Parts
from api.rates import Rates
from api.up import current_workers, process_side
from complaints.case import Opening
from complaints.names import TASK_QUEUE, WORKFLOW_TYPE, Outcome
from run import builds, promoting, replaying, upgrading, worker
from run.drill import servers
from run.drill.office import LONG, QUICK
from run.promoting import UNVERSIONED, CannotPromote
from run.settings import Settings
from workflows.complaint import Complaint

WHO = "演示客户王小明"


@workflow.defn(name=WORKFLOW_TYPE)
class Broken(Complaint):
    """A step more at the very beginning, which nobody guarded."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: Opening) -> Outcome:
        await workflow.sleep(1)
        return await super().run(opening)


@dataclass
class Desk:
    """A Temporal of its own, on the task queue that production uses."""

    client: Client
    http: httpx.AsyncClient
    engine: AsyncEngine
    ways: Post
    url: str

    def settings(self, build: str | None = None, **more: Any) -> Settings:
        address = self.client.service_client.config.target_host
        given: dict[str, Any] = {"temporal_address": address, "build_id": build} | more
        return Settings(database_url=SecretStr(self.url), master_keys=SecretStr(MASTER_KEYS), **given)

    def worker(self, build: str | None) -> Worker:
        """One of that build; None: one that names none."""
        deployment = builds.deployment(self.settings(build)) if build else None
        return worker.build(self.client, self.engine, self.ways, sandbox=True, deployment=deployment)

    async def call(self, path: str, body: Any) -> dict[str, Any]:
        answer = await self.http.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def open(self) -> str:
        case = await self.call(
            "/complaints", PLAIN | {"reason": uuid4().hex, "complainant": {"name": WHO, "email": "w@example.com"}}
        )
        return str(case["reference"])

    async def stepped_by(self, reference: str) -> str:
        """Act on a case; which build took the step."""
        await self.call(f"/complaints/{reference}/notes", {"text": "备注"})
        kind, done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, []
        async for event in self.client.get_workflow_handle(reference).fetch_history_events():
            if event.event_type == kind:
                done.append(event.workflow_task_completed_event_attributes.deployment_version.build_id)
        return str(done[-1] or UNVERSIONED)

    async def promote(self, build: str, percent: float | None = None, histories: int = 50) -> None:
        await upgrading.promote(self.settings(build), None, percent, histories, wait=20)


@pytest.fixture
async def desk(register: AsyncEngine, database_url: str, post: Post, tmp_path: Path) -> AsyncIterator[Desk]:
    async with servers.temporal(tmp_path / "temporal.log", []) as address:
        client = await servers.connect(address, "default", register)
        many = Rates(requests_per_minute=1_000_000)
        app = create_app(Parts(register, client, SECRET, TASK_QUEUE, LONG, hasher=QUICK, rates=many))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://office", timeout=30
        ) as http:
            signed = await http.post("/auth/token", data={"username": "agent", "password": PASSWORD})
            http.headers["Authorization"] = f"Bearer {signed.json()['access_token']}"
            yield Desk(client, http, register, post, database_url)


async def test_open_cases_go_on_with_the_build_made_current_and_with_the_one_before_again(
    desk: Desk, capsys: Any
) -> None:
    async with desk.worker(None) as old:
        case = await desk.open()
        async with desk.worker("one"):
            assert await desk.stepped_by(case) == UNVERSIONED  # it is there, and is given nothing
            await desk.promote("one")
            await old.shutdown()
            assert await desk.stepped_by(case) == "one"
            assert await desk.stepped_by(await desk.open()) == "one"
            async with desk.worker("two"):
                await desk.promote("two")
                assert await desk.stepped_by(case) == "two"
                await upgrading.show(desk.settings("two"))
                said = capsys.readouterr().out
                assert "100 %" in said and "draining" in said and "yes" in said
                await upgrading.promote(desk.settings("two"), "one", None, 0, wait=20)  # rolled back
                assert await desk.stepped_by(case) == "one"


async def test_a_share_of_the_cases(desk: Desk) -> None:
    async with desk.worker("one"), desk.worker("two"):
        await desk.promote("one", histories=0)
        cases = [await desk.open() for _ in range(24)]
        await desk.promote("two", percent=50)
        given = promoting.routing(await promoting.deployment(desk.client))
        assert given.ramping_version_percentage == 50 and given.current_deployment_version.build_id == "one"
        assert {await desk.stepped_by(case) for case in cases} == {"one", "two"}  # all on one side: 1 in 8 million


async def test_a_build_that_does_not_fit_open_cases_is_not_promoted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk.worker("one"), desk.worker("broken"):
        await desk.promote("one", histories=0)
        cases = [await desk.open() for _ in range(3)]
        await upgrading.replay(desk.settings("one"), 10, None, [])  # honest histories pass
        assert "do not fit" in capsys.readouterr().out
        monkeypatch.setattr(replaying, "WORKFLOWS", [Broken, *worker.WORKFLOWS[1:]])
        with pytest.raises(CannotPromote, match="broken is not promoted"):
            await desk.promote("broken")
        said = capsys.readouterr().out
        assert all(case in said for case in cases) and WHO not in said and "LocalActivity" in said, said
        assert await desk.stepped_by(cases[0]) == "one"
        with pytest.raises(typer.Exit) as ended:
            await upgrading.replay(desk.settings("one"), 10, None, [cases[0]])
        assert ended.value.exit_code == 1
        await desk.promote("broken", histories=0)  # overruled
        assert (
            promoting.routing(await promoting.deployment(desk.client)).current_deployment_version.build_id == "broken"
        )


async def test_what_cannot_be_done_is_said_in_a_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        CannotPromote, match="no worker of build nobody has ever asked for work; known are: unversioned"
    ):
        await upgrading.promote(desk.settings("nobody"), None, None, 0, wait=0)
    with pytest.raises(CannotPromote, match="promote other from its own files, or add --without-replay"):
        await upgrading.promote(desk.settings("own"), "other", None, 50, wait=0)
    async with desk.worker("one"):
        await promoting.wait_for_workers(desk.client, "one", 20)
    monkeypatch.setattr(promoting, "ASKS_WITHIN", timedelta(0))
    with pytest.raises(CannotPromote, match="no worker of build one asks for work now"):
        await upgrading.promote(desk.settings("one"), None, None, 0, wait=0)
    with pytest.raises(RuntimeError, match="connect"):
        await upgrading.show(desk.settings(temporal_address=f"127.0.0.1:{free_port()}"))
    with pytest.raises(typer.Exit) as nothing:
        await upgrading.replay(desk.settings(), 10, None, ["CMP-2026-999999"])
    assert nothing.value.exit_code == 2


async def test_workers_of_another_build_are_at_work_and_are_given_nothing(desk: Desk) -> None:
    async def seen() -> tuple[bool, int | None]:
        return (await process_side(desk.client, TASK_QUEUE))[1], await current_workers(desk.client, TASK_QUEUE)

    async with desk.worker("one"):
        await promoting.wait_for_workers(desk.client, "one", 20)
        assert await seen() == (True, 0)
        await desk.promote("one", histories=0)
        assert await seen() == (True, 1)
        async with desk.worker("two"):
            await promoting.wait_for_workers(desk.client, "two", 20)
            assert await seen() == (True, 1)
            await promoting.ramp(desk.client, "two", 10)
            assert await seen() == (True, 2)
    nowhere = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)
    assert await current_workers(nowhere, TASK_QUEUE) is None


async def test_the_only_worker_there_is_gets_all_cases_whichever_way_it_is_started(desk: Desk) -> None:
    async with desk.worker("one"):
        await promoting.only_one(desk.settings().temporal_address or "", desk.settings("one"))
        case = await desk.open()
    async with desk.worker(None):  # AMENDS_VERSIONING=false
        await promoting.only_one(desk.settings().temporal_address or "", desk.settings(versioning=False))
        assert await desk.stepped_by(case) == UNVERSIONED


async def test_without_versioning_there_is_nothing_to_promote_and_nothing_fails(desk: Desk, capsys: Any) -> None:
    await upgrading.promote(desk.settings(versioning=False), None, None, 50, wait=0)
    assert "have all cases" in capsys.readouterr().out


def test_another_file_is_another_build(tmp_path: Path) -> None:
    for name in ("here", "there"):
        for package in ("workflows", "policies"):
            shutil.copytree(
                builds.ROOT / package, tmp_path / name / package, ignore=shutil.ignore_patterns("__pycache__")
            )
    (tmp_path / "there/workflows/__pycache__").mkdir()
    (tmp_path / "there/workflows/__pycache__/x.pyc").write_text("compiled")
    assert builds.digest(tmp_path / "here") == builds.digest(tmp_path / "there")
    rules = next((tmp_path / "there/policies").rglob("targets.yaml"))
    rules.write_text(rules.read_text() + "\n")
    builds.digest.cache_clear()
    assert builds.digest(tmp_path / "here") != builds.digest(tmp_path / "there")


def test_the_settings_have_the_last_word_on_the_build() -> None:
    assert builds.build_id(Settings(build_id="spring-2")) == "spring-2"
    assert builds.build_id(Settings()).endswith(builds.digest(builds.ROOT))
    assert builds.deployment(Settings(versioning=False)) is None
    with pytest.raises(ValueError, match="build_id"):
        Settings(build_id="no spaces")
