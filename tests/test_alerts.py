"""The alert rules, their pages, and the dashboard, as files."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from watch_files import ALERTS, DASHBOARD, PANELS, PROMETHEUS, ROOT, metrics_of

from run.cli import app

RUNBOOKS = ROOT / "docs/runbooks"
SECTIONS = ("## What it means", "## Look at", "## Do", "## Over when")
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def call(*words: object) -> str:
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@promtool
def test_every_alert_fires_when_it_should_and_sleeps_otherwise() -> None:
    assert f"{len(ALERTS)} rules found" in call("check", "rules", PROMETHEUS / "alerts.yaml")
    call("test", "rules", PROMETHEUS / "alerts_test.yaml")
    call("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yaml")


def test_every_alert_is_tested_to_fire_and_to_sleep() -> None:
    tests = (PROMETHEUS / "alerts_test.yaml").read_text()
    names = {alert["alert"] for alert in ALERTS}
    assert len(names) == len(ALERTS) > 20
    assert set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:", tests)) == names
    assert set(re.findall(r"eval_time: \w+, alertname: (\w+)\}", tests)) == names


@each_alert
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: dict[str, dict[str, str]]) -> None:
    assert alert["labels"]["severity"] in ("level1", "level2")
    page = ROOT / alert["annotations"]["runbook_url"]
    assert page == RUNBOOKS / f"{alert['alert']}.md"
    text = page.read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)
    assert alert["labels"]["severity"].replace("level", "level ") in text.lower()
    assert len(text.splitlines()) < 40


def test_no_page_is_about_an_alert_that_is_gone() -> None:
    assert {page.stem for page in RUNBOOKS.glob("Amends*.md")} == {alert["alert"] for alert in ALERTS}


def test_commands_of_the_pages_exist() -> None:
    names = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # it is a group
    used = {w for page in RUNBOOKS.glob("*.md") for w in re.findall(r"`amends (\w+)", page.read_text())}
    assert len(used) > 4
    assert used <= names, used - names


def test_the_dashboard_has_the_shape_that_grafana_reads() -> None:
    assert {"uid", "title", "schemaVersion", "templating", "panels", "time"} <= set(DASHBOARD)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) and len(PANELS) > 20
    for panel in PANELS:
        assert panel["type"] == "timeseries" and panel["title"] and panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"] in ("short", "s", "reqps", "bool")
        refs = [target["refId"] for target in panel["targets"]]
        assert refs and len(set(refs)) == len(refs)
        for target in panel["targets"]:
            assert metrics_of(target["expr"]) and target["legendFormat"]
            assert target["expr"].count("(") == target["expr"].count(")")


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@promtool
def test_the_expressions_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    """By the program that will: as rules, for promtool reads an expression nowhere else without a server."""
    rules = [
        {"record": f"panel:{panel['id']}:{target['refId']}", "expr": target["expr"].replace("$__rate_interval", "5m")}
        for panel in PANELS
        for target in panel["targets"]
    ]
    file = tmp_path / "panels.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in call("check", "rules", file)
