"""Drills on real servers: every shipped script, what befalls an office, what a report holds, what the command answers."""

import json
import os
import signal
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import psutil
import pytest
from rich.console import Console
from typer.testing import CliRunner

from run.cli import app
from run.drill import command
from run.drill.load import SHIPPED, shipped
from run.drill.report import Report

ORDINARY = (SHIPPED / "ordinary.yaml").read_text()
MISHAPS = """
name: mishaps
title: {zh-CN: 意外, en: Mishaps}
begin: "2026-03-10 10:05"
until: "+1 hour"
cast: {boss: supervisor.qian}
complaints:
  first: &fee
    channel: email
    complainant: {name: 演示客户, email: customer@example.com}
    matter: 信用卡年费被重复扣收，要求退回多收的300元年费。
    product: credit_card
  second: *fee
  late: *fee
moves:
  - {at: +0, who: agent, opens: first}
  - {at: +0, letters: refuse}
  - {at: +10 minutes, who: agent, opens: second}
  - {at: +10 minutes, letters: accept}
  - {at: +0, staff: {who: handler.card_centre, now: leave}}
  - {at: +0, worker: stops}
  - {at: +6 hours, waits: nobody looks}
  - {at: +0, worker: starts}
  - {at: next working day 11:00, who: agent, opens: late, mark: third}
  - {at: +1 hour after third, who: boss, does: assigns, on: late, with: {department: card_centre, handler: handler.card_centre, reason: "{first}"}, refused: invalid}
  - {at: +0, who: handler, does: accepts, on: late}
  - {at: +0, who: agent, does: notes, on: late, with: {text: "同一客户：{first}，{handler}，{at +2 working days 17:30}"}}
expect:
  first:
    stage: assigned
    letters: [acknowledgement]
    clocks: {acceptance: met, acceptance_2: breached, resolution: running}
    told: {assigned: [handler.card_centre, handler.card_centre.2]}
    events: [assigned, breached]
    due: {resolution: "2026-03-17 17:30"}
  second:
    letters: []
    undelivered: [acknowledgement]
    events: [letter_failed]
    told: {letter_failed: [agent]}
    due: {acceptance: "2026-03-10 14:15"}
  late:
    stage: in_progress
    letters: [acknowledgement]
    due: {acceptance: "2026-03-11 15:00", resolution: "2026-03-18 17:30"}
    events: [received, accepted, noted]
    never: [breached]
"""
WRONG = ORDINARY.replace("name: ordinary", "name: wrong").replace("outcome: satisfied", "outcome: withdrawn")
WRONG = WRONG.replace("letters: [acknowledgement, ", "letters: [apology, ").replace(
    '"2026-03-17 17:30"', '"2026-03-16 17:30"'
)
WRONG = WRONG.replace("who: agent\n    does: calls_back", "who: supervisor\n    does: calls_back")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drills")


@pytest.fixture(scope="session")
async def played(folder: Path) -> dict[str, Report]:
    """Every shipped script and two of ours, all on one set of servers."""
    own = {"mishaps": MISHAPS, "wrong": WRONG}
    for name, text in own.items():
        (folder / f"{name}.yaml").write_text(text)
    drills = command.read([*shipped(), *(folder / f"{name}.yaml" for name in own)])
    found = await command.play_all(drills, folder / "reports", Console(quiet=True))
    return {report.name: report for report in found}


@pytest.mark.parametrize("name", [path.stem for path in shipped()])
async def test_a_shipped_script_goes_as_scripted(played: dict[str, Report], name: str) -> None:
    assert played[name].ok, "\n".join(played[name].otherwise)
    assert played[name].findings and all(line.ok for line in played[name].moves)


async def test_what_befalls_the_office_is_played_too(played: dict[str, Report]) -> None:
    found = played["mishaps"]
    assert found.ok, "\n".join(found.otherwise)
    late = next(one for one in found.complaints if one.label == "late")
    assert late.events[0]["at"].replace(second=0) in (datetime(2026, 3, 11, 11), datetime(2026, 3, 11, 11, 1))
    note = late.case["notes"][0]["text"]
    assert note == f"同一客户：{found.complaints[0].reference}，{late.holder}，2026-03-13 17:30"


async def test_what_differs_is_said(played: dict[str, Report]) -> None:
    found = played["wrong"]
    assert not found.ok and found.broken is None
    assert found.otherwise[0].startswith("move 3 (calls back): expected done, happened not_allowed")
    assert "fee: outcome: expected withdrawn, happened –" in found.otherwise
    assert "fee: due resolution: expected 2026-03-16 17:30, happened 2026-03-17 17:30" in found.otherwise
    assert [line for line in found.otherwise if "letters: expected apology" in line]


async def test_a_report_has_everything_a_debriefing_needs(played: dict[str, Report], folder: Path) -> None:
    page = next((folder / "reports").glob("*-nobody_answers.html")).read_text()
    for piece in (
        "与剧本一致",
        "Expected and happened",
        "Person by person",
        "2026年7月13日 17:30",
        "supervisor.card_centre",
        "Lessons",
    ):
        assert piece in page, piece
    assert "http://" not in page and "https://" not in page and "<script" not in page  # nothing from outside
    data = json.loads(next((folder / "reports").glob("*-major_at_night_over_a_holiday.json")).read_text())
    assert data["ok"] and data["begin"] == "2026-09-30T22:10:00"
    clock = next(c for c in data["complaints"][0]["clocks"] if c["name"] == "resolution")
    assert clock["due_at"] == "2026-10-13T17:30:00" and "2026-10-10 Sat 3 make-up working day" in clock["counted"]
    at = [date.fromisoformat(line["at"][:10]) for line in data["timeline"]]
    assert at == sorted(at) and at[0] == date(2026, 9, 30)


def drill(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "run.cli", "drill", *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, env=os.environ | environment, check=False)


def test_the_command_says_how_it_went(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    bad = drill(tmp_path / "wrong.yaml", "--reports", tmp_path / "reports")
    assert bad.returncode == 1, bad.stderr
    assert "outcome: expected withdrawn" in bad.stderr
    assert sorted(path.suffix for path in (tmp_path / "reports").iterdir()) == [".html", ".json"]


def test_a_script_at_fault_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(ORDINARY.replace("does: accepts", "does: nods"))
    found = drill(tmp_path / "mine.yaml", "--reports", tmp_path / "reports")
    assert found.returncode == 2 and "mine.yaml:" in found.stderr and "no move 'nods'" in found.stderr
    assert not (tmp_path / "reports").exists()


def test_the_command_wants_a_script_or_all() -> None:
    assert CliRunner().invoke(app, ["drill"]).exit_code == 2
    assert CliRunner().invoke(app, ["drill", "--all", "mine.yaml"]).exit_code == 2


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "run.cli", "drill", "--all", "--reports", str(tmp_path / "reports")]
    process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    try:
        assert process.stderr and "to play" in process.stderr.readline()
        while not list(tmp_path.glob("amends-drill-*/temporal.log")):  # PostgreSQL is up, Temporal is starting
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, process.stderr.read()
    finally:
        process.kill()
    assert not list(tmp_path.glob("amends-drill-*"))
    running = [
        p.info["cmdline"]
        for p in psutil.process_iter(["cmdline"])
        if str(tmp_path) in " ".join(p.info["cmdline"] or [])
    ]
    assert running == []
