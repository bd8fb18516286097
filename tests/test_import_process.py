"""`amends import` on real servers: nothing opens twice, and what was stopped goes on."""

import asyncio
import csv
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cfpb_rows import ROW, form, text_of
from keys import MASTER_KEYS
from office import Office
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.testing import WorkflowEnvironment

from activities.channels import Post
from api import opening
from complaints import cfpb
from complaints.names import TASK_QUEUE
from register.tables import Complaint, Intake
from run import importing, worker
from run.import_rows import Import, Pace
from run.settings import Settings


def fresh(count: int, **columns: str) -> list[dict[str, str]]:
    """So many rows with numbers no test has used."""
    first = uuid4().int % 10**11
    return [ROW | columns | {"Complaint ID": str(first + n)} for n in range(count)]


def records_of(rows: list[dict[str, str]]) -> Iterator[cfpb.Record]:
    return cfpb.records(text_of(*rows).splitlines(keepends=True))


def importer(office: Office, **more: Any) -> Import:
    given: dict[str, Any] = {
        "engine": office.engine, "temporal": office.env.client, "task_queue": office.queue, "agent": "agent",
        "file": "some.csv", "as_is": False, "pace": Pace(1000), "refuse": lambda record, why: None,
    }  # fmt: skip
    return Import(**given | more)


async def cases(engine: AsyncEngine, rows: list[dict[str, str]]) -> list[str]:
    """The references of the cases that these rows have become."""
    keys = [cfpb.key(r) for r in rows]
    query = select(col(Complaint.reference)).join(Intake, col(Intake.reference) == col(Complaint.reference))
    async with engine.connect() as db:
        return list(await db.scalars(query.where(col(Intake.idempotency_key).in_(keys))))


async def test_the_second_import_opens_none(office: Office) -> None:
    rows = fresh(12)
    first, second, other = importer(office), importer(office), importer(office, agent="agent.lin", others=["agent"])
    await first.bring_in(records_of(rows))
    await second.bring_in(records_of(rows))
    await other.bring_in(records_of(rows))
    assert first.counts == {"read": 12, "opened": 12}
    assert second.counts == other.counts == {"read": 12, "already open": 12}
    assert len(await cases(office.engine, rows)) == 12


async def test_a_changed_row_is_refused_not_opened_again(office: Office) -> None:
    (row,) = rows = fresh(1)
    refused: list[str] = []
    await importer(office).bring_in(records_of(rows))
    changed = importer(office, refuse=lambda record, why: refused.append(why))
    await changed.bring_in(records_of([row | {"Consumer complaint narrative": "other words"}]))
    assert refused == ["this complaint was opened before, and the row has changed since"]


async def test_stopped_anywhere_it_goes_on_from_there(office: Office) -> None:
    rows = fresh(20)
    first = importer(office)

    def enough() -> None:
        if first.counts["opened"] >= 5:
            first.stopped = "stopped as asked"

    await first.bring_in(records_of(rows), enough)
    second = importer(office)
    await second.bring_in(records_of(rows))
    assert 5 <= first.counts["opened"] < 20
    assert first.counts["opened"] + second.counts["opened"] == 20
    assert len(await cases(office.engine, rows)) == 20


async def test_what_was_kept_when_the_import_was_killed_is_started(office: Office) -> None:
    (row,) = rows = fresh(1)
    await opening.keep(office.engine, form(**row), "agent", cfpb.key(row), cfpb.digest(row))
    again = importer(office)
    await again.bring_in(records_of(rows))
    assert again.counts["opened"] == 1
    assert len(await cases(office.engine, rows)) == 1


async def test_a_backlog_is_late_at_once(office: Office) -> None:
    rows = fresh(1)
    await importer(office, as_is=True).bring_in(records_of(rows))
    (reference,) = await cases(office.engine, rows)
    case = await office.case(reference)
    assert datetime.fromisoformat(case["received_at"]) == datetime(2017, 5, 2, 4, tzinfo=UTC)
    assert {c["name"]: c["state"] for c in case["clocks"]}["resolution"] == "breached"


async def test_the_pace_is_kept() -> None:
    pace, loop = Pace(50), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(pace.turn() for _ in range(11)))
    assert loop.time() - began >= 0.2


async def test_the_command_tells_what_came_of_it(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, database_url: str, tmp_path: Path, capsys: Any
) -> None:
    rows, wrong = fresh(5), fresh(25, **{"Submitted via": "Pigeon"})
    file = tmp_path / "some.csv"
    file.write_text(text_of(*rows, *wrong), "utf-8")
    settings = Settings(
        database_url=SecretStr(database_url),
        master_keys=SecretStr(MASTER_KEYS),
        temporal_address=temporal.client.service_client.config.target_host,
        data=tmp_path / "var",
    )
    async with worker.build(temporal.client, register, post, TASK_QUEUE):
        await importing.import_file(settings, file, limit=None, as_is=False, agent="agent", per_second=500)
    said = capsys.readouterr().out
    assert "read 30, opened 5, already open 0, refused 25, kept, not started 0;" in said
    assert said.count("Pigeon") == 20
    assert "nature: " in said and "special kind: " in said and "department: " in said
    rejected = settings.data / "some.csv.rejected.csv"
    assert stat.S_IMODE(rejected.stat().st_mode) == 0o600
    kept = list(csv.DictReader(rejected.open(encoding="utf-8", newline="")))
    assert [r["Complaint ID"] for r in kept] == [r["Complaint ID"] for r in wrong]
    assert kept[0]["Line"] == "17" and kept[0]["Refused because"].startswith("Submitted via: unknown")

    mended = tmp_path / "mended.csv"
    mended.write_text(rejected.read_text("utf-8").replace("Pigeon,", "Fax,"), "utf-8")
    async with worker.build(temporal.client, register, post, TASK_QUEUE):
        await importing.import_file(settings, mended, limit=3, as_is=False, agent="agent", per_second=500)
    assert "read 3, opened 3, already open 0, refused 0," in capsys.readouterr().out


@pytest.mark.parametrize("agent", ["nobody", "auditor"])
async def test_only_an_agent_opens_cases(
    temporal: WorkflowEnvironment, register: AsyncEngine, database_url: str, tmp_path: Path, agent: str
) -> None:
    file = tmp_path / "some.csv"
    file.write_text(text_of(*fresh(1)), "utf-8")
    address = temporal.client.service_client.config.target_host
    settings = Settings(
        database_url=SecretStr(database_url),
        master_keys=SecretStr(MASTER_KEYS),
        temporal_address=address,
        data=tmp_path,
    )
    with pytest.raises(importing.CannotImport, match=f"'{agent}' is no member of staff with the role agent"):
        await importing.import_file(settings, file, limit=None, as_is=False, agent=agent)


async def test_without_a_worker_it_stops_and_keeps_what_it_has(office: Office, monkeypatch: Any) -> None:
    async def unanswered(*_: Any) -> bool:
        return False

    monkeypatch.setattr(opening, "start", unanswered)
    rows = fresh(34)
    idle = importer(office)
    await idle.bring_in(records_of(rows))
    assert idle.stopped == "Temporal or the worker does not answer"
    assert idle.counts["kept, not started"] < 33
    monkeypatch.undo()
    again = importer(office)
    await again.bring_in(records_of(rows))
    assert again.counts == {"read": 34, "opened": 34}
    async with office.engine.connect() as db:
        kept = await db.scalar(select(func.count()).where(col(Intake.idempotency_key).in_([cfpb.key(r) for r in rows])))
    assert kept == 34
