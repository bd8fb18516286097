"""The command `amends drill`: what it answers, and that it leaves nothing running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from typer.testing import CliRunner

from run.cli import app
from run.drill.load import SHIPPED

ORDINARY = (SHIPPED / "ordinary.yaml").read_text()
WRONG = ORDINARY.replace("outcome: satisfied", "outcome: withdrawn")


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
    process = subprocess.Popen(
        call,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores it
    )
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
