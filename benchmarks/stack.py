"""`amends run` as its user starts it, on free ports and a folder of its own; and people who use it over HTTP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from run.settings import Settings
from run.stack import free_port

PASSWORD = "demo-password-of-the-run"
Json = dict[str, Any]


@dataclass
class Running:
    """A stack that runs, its data, and every answer it gave."""

    data: Path
    port: int
    process: "subprocess.Popen[bytes]"
    http: httpx.Client
    temporal_port: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    def call(self, user: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request in that person's name; signs in when it has to."""
        for _ in range(2):
            if user not in self.tokens:
                sent = self.http.post("/auth/token", data={"username": user, "password": PASSWORD})
                self.tokens[user] = sent.json()["access_token"]
            answer = self.http.request(
                method, path, json=body, headers={"Authorization": f"Bearer {self.tokens[user]}"}
            )
            if answer.status_code != 401:
                break
            del self.tokens[user]
        self.answers.append(answer.text)
        return answer

    def settings(self) -> Settings:
        """Those of a command beside it."""
        os.environ["AMENDS_DATA"] = str(self.data)
        return Settings(_env_file=self.data / "environment")


@contextmanager
def running(data: Path, **environment: str) -> Iterator[Running]:
    """Start it, wait until it is ready, stop it."""
    port = free_port()
    ports = {"API": port, "TEMPORAL": free_port(), "TEMPORAL_UI": free_port(), "MAIL": free_port()}
    named = {f"AMENDS_{name}_PORT": str(number) for name, number in ports.items()}
    named |= {"AMENDS_DATA": str(data), "AMENDS_DEMO_PASSWORD": PASSWORD} | environment
    with (data.parent / f"{data.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "run.cli", "run"], env=os.environ | named, stdout=log, stderr=log
        )
    try:
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        _ready(process, http)
        yield Running(data, port, process, http, ports["TEMPORAL"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _ready(process: "subprocess.Popen[bytes]", http: httpx.Client) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"amends run ended ({process.returncode})")
        try:
            if http.get("/readyz").json().get("status") == "ready":
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)  # a probe of another process; there is nothing to wait on
    raise RuntimeError("amends run was not ready within two minutes")
