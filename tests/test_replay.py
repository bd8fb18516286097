"""Recorded histories of every landed version replay under this code: a change that breaks running cases cannot land."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverterWithEncodedAttributes
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from run.worker import SANDBOX
from workflows.absence import StaffAbsence
from workflows.complaint import Complaint
from workflows.digest import StaffDigest

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*/*.json.gz"))


def replayer() -> Replayer:
    return Replayer(
        workflows=[Complaint, StaffDigest, StaffAbsence],
        data_converter=replace(
            pydantic_data_converter, failure_converter_class=DefaultFailureConverterWithEncodedAttributes
        ),
        workflow_runner=SANDBOX,
    )


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json("CMP-2026-000001", gzip.decompress(path.read_bytes()).decode())


@pytest.mark.parametrize("path", HISTORIES, ids=lambda p: f"{p.parent.name}-{p.name.removesuffix('.json.gz')}")
async def test_a_recorded_history_replays(path: Path) -> None:
    await replayer().replay_workflow(history(path))


def test_there_are_histories_of_every_kind() -> None:
    """If this fails: `make histories NAME=<version>` and commit what it wrote."""
    assert len(HISTORIES) >= 33


async def test_a_history_that_does_not_fit_is_noticed() -> None:
    """The gate can fail: a history whose third step is another one is refused."""
    path = next(p for p in HISTORIES if p.name.startswith("plain"))
    told = json.loads(gzip.decompress(path.read_bytes()))
    scheduled = next(e for e in told["events"] if e["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED")
    scheduled["activityTaskScheduledEventAttributes"]["activityType"]["name"] = "send_pigeons"
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json("CMP-2026-000001", json.dumps(told)))
