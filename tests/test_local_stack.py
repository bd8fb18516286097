"""`amends run` as its user has it: ready, killed hard, started again, looked at as ops, stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from office import MAJOR, PASSWORD, PLAIN, free_port

from run.stack import temporal_binary

PATIENCE = 90
CHROMIUM = shutil.which("chromium")


@dataclass
class Local:
    """One `amends run` in a folder of its own."""

    folder: Path
    api: int = field(default_factory=free_port)
    temporal: int = field(default_factory=free_port)
    ui: int = field(default_factory=free_port)
    mail: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "AMENDS_API_PORT": str(self.api),
            "AMENDS_TEMPORAL_PORT": str(self.temporal),
            "AMENDS_TEMPORAL_UI_PORT": str(self.ui),
            "AMENDS_MAIL_PORT": str(self.mail),
            "AMENDS_DATA": str(self.folder / "var"),
            "AMENDS_DEMO_PASSWORD": PASSWORD,
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "run.cli", *words]

    def start(self) -> float:
        """Start it and wait until it can take complaints, and says so; gives the seconds that took."""
        began = time.monotonic()
        out = (self.folder / "out").open("a")
        before = out.tell()
        self.process = subprocess.Popen(self.command("run"), env=self.environment, stdout=out, stderr=out, text=True)
        while self.ready() != "ready" or "Amends is ready" not in self.said()[before:]:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() - began < PATIENCE, self.said()
        return time.monotonic() - began

    def said(self) -> str:
        return (self.folder / "out").read_text("latin-1")  # a character a byte

    def ready(self) -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{self.api}/readyz", timeout=5).json()["status"])
        except httpx.HTTPError:
            return "away"

    def tree(self) -> list[psutil.Process]:
        """Every process of it, PostgreSQL too."""
        assert self.process
        own = psutil.Process(self.process.pid)
        database = int((self.folder / "var/postgres/postmaster.pid").read_text().split()[0])
        return [own, *own.children(recursive=True), psutil.Process(database), *psutil.Process(database).children()]

    def kill(self) -> None:
        """Pull the plug on all of them at once."""
        tree = self.tree()
        for process in tree:
            if process.is_running():
                process.kill()
        psutil.wait_procs(tree, 20)

    def call(self, user: str, method: str, path: str, body: Any = None) -> Any:
        base = f"http://127.0.0.1:{self.api}"
        token = httpx.post(f"{base}/auth/token", data={"username": user, "password": PASSWORD}, timeout=30).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        answer = httpx.request(method, base + path, json=body, headers=headers, timeout=30)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def temporal_cli(self, *words: str) -> str:
        address = f"127.0.0.1:{self.temporal}"
        done = subprocess.run(
            [temporal_binary(), *words, "--address", address], capture_output=True, text=True, check=True
        )
        return done.stdout

    def until(self, reference: str, kind: str) -> dict[str, Any]:
        """Wait for that event of a case, and give it."""
        end = time.monotonic() + PATIENCE
        while True:
            events = self.call("auditor", "GET", f"/complaints/{reference}/timeline")["events"]
            if found := [e for e in events if e["kind"] == kind]:
                return found[0]
            assert time.monotonic() < end, events


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    stack = Local(tmp_path_factory.mktemp("local"))
    try:
        stack.start()
        yield stack
    finally:  # also where it did not come up
        if stack.process and stack.process.poll() is None:
            stack.process.send_signal(signal.SIGINT)
            stack.process.wait(60)


def test_killed_hard_every_open_complaint_goes_on_and_passed_deadlines_fire_with_their_true_lateness(
    local: Local,
) -> None:
    plain = local.call("agent", "POST", "/complaints", PLAIN)
    soon = datetime.now(UTC) - timedelta(hours=2) + timedelta(seconds=6)
    major = local.call("agent", "POST", "/complaints", MAJOR | {"received_at": soon.isoformat()})
    assert "major_response" in [c["name"] for c in major["clocks"]]
    due = soon + timedelta(hours=2)
    local.kill()
    while datetime.now(UTC) < due + timedelta(seconds=2):
        time.sleep(0.1)  # the deadline passes while nothing runs: that is the case under test
    local.start()
    breach = local.until(major["reference"], "breached")
    assert datetime.fromisoformat(breach["data"]["due_at"]) == due
    late = datetime.fromisoformat(breach["at"]) - due
    assert timedelta(seconds=2) < late < timedelta(seconds=PATIENCE)
    assert breach["data"]["late_by_seconds"] == int(late.total_seconds())
    case = local.call(plain["assignment"]["handler"], "POST", f"/complaints/{plain['reference']}/acceptance")
    assert case["stage"] == "in_progress"


def test_ops_find_it_in_temporals_own_command_line(local: Local) -> None:
    case = local.call("agent", "POST", "/complaints", MAJOR | {"received_at": "2026-03-10T10:00:00+08:00"})
    local.until(case["reference"], "breached")
    end = time.monotonic() + PATIENCE
    listed: list[str] = []
    while case["reference"] not in listed:  # Temporal's visibility is eventually consistent
        rows = json.loads(local.temporal_cli("workflow", "list", "--query", "AmendsBreached = true", "-o", "json"))
        listed = [r["execution"]["workflowId"] for r in rows]
        assert time.monotonic() < end, listed
    shown = local.temporal_cli("workflow", "show", "--workflow-id", case["reference"])
    assert "WorkflowExecutionUpdateAccepted" in shown


@pytest.mark.parametrize(("words", "says"), [(["show"], "resolution"), (["timeline", "--language", "en"], "received")])
def test_a_case_on_the_command_line(local: Local, words: list[str], says: str) -> None:
    case = local.call("agent", "POST", "/complaints", PLAIN | {"matter": f"{PLAIN['matter']}（{words[0]}）"})
    done = subprocess.run(
        local.command(words[0], case["reference"], *words[1:]), env=local.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert PLAIN["complainant"]["name"] not in done.stdout
    gone = subprocess.run(
        local.command(words[0], "CMP-2026-999999"), env=local.environment, capture_output=True, text=True
    )
    assert gone.returncode == 1 and "no complaint" in gone.stderr


def test_a_taken_port_is_a_clear_error(local: Local, tmp_path: Path) -> None:
    environment = local.environment | {"AMENDS_DATA": str(tmp_path / "var")}
    done = subprocess.run(local.command("run"), env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"port {local.api}" in done.stderr and "AMENDS_API_PORT" in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed, Temporal's UI was not looked at")
def test_ops_and_letters_in_a_real_browser(local: Local) -> None:
    from playwright.sync_api import sync_playwright

    case = local.call("agent", "POST", "/complaints", PLAIN | {"matter": f"{PLAIN['matter']}（浏览器）"})
    reference = case["reference"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        decoded = {
            user: history_in_the_ui(browser.new_context(locale="en-GB"), local, user, reference) for user in USERS
        }
        page = decoded["ops"]
        page.get_by_text("acknowledgement by email").or_(page.get_by_text("acceptance: ")).first.wait_for(
            timeout=30_000
        )
        sealed = decoded["agent"]
        sealed.get_by_text(reference).first.wait_for()
        sealed.locator("text=Codec Server could not connect >> visible=true").first.wait_for(timeout=30_000)
        for word in ("acknowledgement by email", "acceptance: ", "complaint by email"):
            assert word not in sealed.content(), "the codec server opens nothing for an agent"
        page.goto(f"http://127.0.0.1:{local.mail}/")
        letters = page.get_by_role("row").filter(has_text="e-mail").filter(has_text="customer@example.com")
        letters.get_by_role("link", name=reference).first.click()
        frame = page.frame_locator("iframe")
        frame.get_by_text(reference).first.wait_for()
        browser.close()


USERS = ("agent", "ops")


def history_in_the_ui(context: Any, local: Local, user: str, reference: str) -> Any:
    """Temporal's Web UI on that case, in the browser of somebody who has signed in here, asking the codec server."""
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{local.api}/sign-in")
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form button").first.click()
    page.wait_for_url("**/desk/**")
    codec = {"endpoint": f"http://127.0.0.1:{local.api}/codec", "includeCredentials": True}
    chosen = codec | {"overrideRemoteCodecConfiguration": True}
    page.goto(f"http://127.0.0.1:{local.ui}/namespaces/default/workflows")
    for name, value in chosen.items():
        page.evaluate("([name, value]) => localStorage.setItem(name, JSON.stringify(value))", [name, value])
    page.goto(f"http://127.0.0.1:{local.ui}/namespaces/default/workflows/{reference}")
    return page


def test_it_stops_cleanly(local: Local) -> None:
    assert local.process
    tree = local.tree()
    local.process.send_signal(signal.SIGINT)
    assert local.process.wait(60) == 0, (local.folder / "out").read_text()
    _, alive = psutil.wait_procs(tree, 20)
    assert not alive, alive


def test_it_does_not_go_on_without_its_postgresql(tmp_path: Path) -> None:
    here = Local(tmp_path)
    try:
        here.start()
        assert here.process
        tree = here.tree()
        os.kill(int((tmp_path / "var/postgres/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert here.process.wait(60) == 1
        assert "PostgreSQL ended by itself" in (tmp_path / "out").read_text()
        _, alive = psutil.wait_procs(tree, 20)
        assert not alive, alive
    finally:
        if here.process and here.process.poll() is None:
            here.kill()


def test_a_register_whose_master_key_is_gone_is_not_given_another(tmp_path: Path) -> None:
    here = Local(tmp_path)
    (tmp_path / "var/postgres").mkdir(parents=True)
    done = subprocess.run(here.command("run"), env=here.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "master_keys is gone" in done.stdout + done.stderr, done.stdout + done.stderr
    assert not (tmp_path / "var/master_keys").exists()
