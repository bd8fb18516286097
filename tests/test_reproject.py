"""`amends policy reproject`: a holiday announced late reaches running cases, on record; a case keeps its rules else."""

from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import yaml
from keys import MASTER, MASTER_KEYS, register_at
from moves import LATER
from office import PASSWORD, PLAIN, office_at
from pydantic import SecretStr
from sqlalchemy import make_url
from temporalio.testing import TimeSkipper, TimeSkippingConfig, WorkflowEnvironment

from activities.channels import Post
from policies import load as loading
from run import demo, local_postgres
from run.drill import servers
from run.reprojecting import reproject
from run.settings import Settings


@pytest.fixture
def own_database(owner_url: str) -> str:
    """A register of its own, for the command looks at every open case; its numbers are free in the one Temporal."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("CREATE DATABASE reproject")
    url = make_url(owner_url).set(database="reproject").render_as_string(hide_password=False)
    as_app = local_postgres.prepared(url, MASTER)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as register:
        register.execute("ALTER SEQUENCE complaint_number RESTART WITH 700001")
    return as_app


def announce(rules: Path, holiday: date) -> None:
    """The calendar says so, and the workers have been restarted."""
    path = next(rules.glob("*/calendars/cn.yaml"))
    announced = yaml.safe_load(path.read_text())
    announced["extra_days_off"].append(holiday)
    path.write_text(yaml.safe_dump(announced))
    loading.calendar.cache_clear()
    loading._version.cache_clear()


async def test_a_holiday_announced_late_reaches_running_cases(
    temporal: WorkflowEnvironment, own_database: str, post: Post, tmp_path: Path
) -> None:
    address = temporal.client.service_client.config.target_host
    settings = Settings(
        database_url=SecretStr(own_database), temporal_address=address, master_keys=SecretStr(MASTER_KEYS)
    )
    register = register_at(own_database)
    client = await servers.connect(address, "default", register)
    env = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
    await demo.furnish(register, PASSWORD, fixed=True)
    async with office_at(datetime(2026, 3, 10, 10), env, register, post, tmp_path, None, "mass") as office:
        late, running = [await office.open(PLAIN) for _ in range(2)]
        await office.forward(late["reference"], timedelta(days=20))
        handler = running["assignment"]["handler"]
        await office.act(handler, running["reference"], "acceptance")
        case = await office.act(handler, running["reference"], "extension", LATER)
        decision = {"decision": "approve", "reason": "同意"}
        await office.post("supervisor", f"/approvals/{case['approvals'][-1]['id']}/decision", decision)
        await office.forward(running["reference"], timedelta(seconds=1))

        announce(tmp_path, date(2026, 3, 13) + office.day)
        await office.act("agent", running["reference"], "notes", {"text": "备注"})
        with pytest.raises(RuntimeError, match="no rules cn-2031-01-01"):
            await reproject(settings, "cn", None, "cn-2031-01-01", "x", "ops", dry=False)
        await reproject(settings, "cn", None, None, "x", "ops", dry=True)
        case = await office.case(running["reference"])
        ends = {c["name"]: c["due_at"] for c in case["clocks"]}
        assert office.borrowed(ends["resolution"]) == datetime(2026, 3, 20, 17, 30), "nothing moves by itself"

        for _ in range(2):  # again, it changes nothing
            await reproject(settings, "cn", None, None, "临时公布放假", "ops", dry=False)
        await office.forward(running["reference"], timedelta(seconds=1))
        case = await office.case(running["reference"])
        clock = next(c for c in case["clocks"] if c["name"] == "resolution")
        assert office.borrowed(clock["due_at"]) == datetime(2026, 3, 23, 17, 30)
        assert [c["why"] for c in clock["changes"]] == ["extended", "reprojected"]
        moved = [e for e in await office.events(running["reference"]) if e["kind"] == "reprojected"]
        assert "resolution" in moved[0]["data"]["moved"] and moved[0]["data"]["why"] == "临时公布放假"
        assert moved[1]["data"]["moved"] == {}
        assert [le["kind"] for le in await office.letters(running["reference"])].count("progress") == 1
        broken = next(c for c in (await office.case(late["reference"]))["clocks"] if c["name"] == "resolution")
        assert (broken["state"], broken["changes"]) == ("breached", [])
    await register.dispose()
