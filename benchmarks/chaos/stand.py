"""The whole stack for fault runs: every part a process of its own on loopback, with a proxy on each link."""

import asyncio
import secrets
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import httpx
import psycopg
from sqlalchemy import make_url

from benchmarks.chaos.disk import Disk, own_mounts
from benchmarks.chaos.parts import Manager, Part, wait_until
from benchmarks.chaos.proxy import Proxies
from register.connect import engine
from run import demo, local_postgres, promoting
from run.drill.office import QUICK
from run.settings import Settings
from run.stack import ATTRIBUTE_TYPES, free_port, temporal_binary
from vault.keyring import Keyring
from vault.master import LocalMaster
from workflows.search_attributes import ALL

PASSWORD = "demo-password-of-the-run"
WORKERS = 2
MEMORY_DISK = {"postgres": 700, "temporal": 500}
"""MiB of the disks that can be filled."""


class Stand:
    """Parts, links, disks and settings of one run; `code` is the checkout whose code the parts run."""

    def __init__(self, data: Path, code: Path, *, small_disks: bool = True) -> None:
        self.data, self.code = data.resolve(), code
        self.proxies, self.keys = Proxies(), LocalMaster.new("chaos-1")
        self.master = LocalMaster.parse(self.keys)
        self.sockets = Path(tempfile.mkdtemp(prefix="amends-pg-"))
        self.disks = {name: Disk(self.data / name, size) for name, size in MEMORY_DISK.items()} if small_disks else {}
        self.parts: dict[str, Part] = {}
        self.port: dict[str, int] = {}
        self.owner = self.register_url = ""

    def start(self) -> None:
        """Make the data, start everything, wait until it takes complaints."""
        for folder in ("postgres", "temporal", "logs", "print"):
            (self.data / folder).mkdir(parents=True, exist_ok=True)
        for disk in self.disks.values() if self.disks and own_mounts() else ():
            disk.mount()
        self._links()
        self._postgres()
        self._temporal()
        self._sink()
        environment = self.environment()
        for number in range(1, WORKERS + 1):
            self._add(f"worker-{number}", [sys.executable, "-m", "run.cli", "worker"], environment)
        web = environment | {"AMENDS_API_PORT": str(self.port["web"])}
        self._add("web", [sys.executable, "-m", "run.cli", "web"], web)
        self.manager = Manager(list(self.parts.values()))
        self.manager.begin()
        if not wait_until(self.ready, 90):
            raise RuntimeError(f"the stack was not ready within 90 s; see {self.data / 'logs'}")
        settings = self.settings()
        asyncio.run(promoting.only_one(str(settings.temporal_address), settings))

    def stop(self) -> None:
        """End every part, every link and every mount."""
        if hasattr(self, "manager"):
            self.manager.end()
        self.proxies.stop()
        for disk in self.disks.values():
            disk.unmount()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def environment(self, *, direct: bool = False) -> dict[str, str]:
        """What worker and web are told; `direct`: past the proxies, for who looks on."""
        temporal = self.port["temporal" if direct else "temporal link"]
        return {
            "AMENDS_DATABASE_URL": self.register_url if direct else self.linked_url,
            "AMENDS_TEMPORAL_ADDRESS": f"127.0.0.1:{temporal}",
            "AMENDS_MASTER_KEYS": self.keys,
            "AMENDS_SECRET_KEY": self.secret,
            "AMENDS_SMTP_HOST": "127.0.0.1",
            "AMENDS_SMTP_PORT": str(self.port["smtp link"]),
            "AMENDS_SMTP_TLS": "none",
            "AMENDS_SMS_URL": f"http://127.0.0.1:{self.port['http link']}/sms",
            "AMENDS_WEBHOOK_URL": f"http://127.0.0.1:{self.port['http link']}/staff",
            "AMENDS_PRINT_QUEUE": str(self.data / "print"),
            "AMENDS_BUILD_ID": "chaos",  # whatever the checkout
            "PYTHONPATH": str(self.code),
        }

    def settings(self) -> Settings:
        """Those of who looks on, past the proxies."""
        told = self.environment(direct=True)
        return Settings.model_validate(
            {k.removeprefix("AMENDS_").lower(): v for k, v in told.items() if k.startswith("AMENDS_")}
        )

    def ready(self) -> bool:
        """Whether web says that every part is up, and every process runs."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port['web']}/readyz", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return False
        return answer.get("status") == "ready" and all(part.works() for part in self.parts.values())

    # -- the parts ---------------------------------------------------------------------------------------------------

    def _add(self, name: str, command: list[str], environment: dict[str, str], user: str | None = None) -> None:
        log = self.data / "logs" / f"{name}.log"
        probes = {"postgres": self._postgres_works, "web": lambda: self._answers("web")}
        works = probes.get(name) or (lambda: self._begun(name) if "worker" in name else self._listens(name))
        folder = None if user else self.code
        self.parts[name] = Part(name, command, works, log, environment, user, folder)

    def _links(self) -> None:
        self.secret = secrets.token_urlsafe(48)
        for name in ("web", "temporal", "smtp", "http"):
            self.port[name] = free_port()
            self.port[f"{name} link"] = self.proxies.add(name, free_port(), self.port[name])
        self.port["database link"] = self.proxies.add("database", free_port(), self.sockets / ".s.PGSQL.5432")

    def _postgres(self) -> None:
        """Made by the wheel's own start and furnished; from then on a process of ours, so that it can be killed."""
        folder = self.data / "postgres" / "data"
        server = local_postgres.start(folder)
        try:
            address = local_postgres.url(server)
            self.register_url = local_postgres.prepared(address, self.master)
            asyncio.run(self._furnish())
        finally:
            server.stop()
        user = server.system_user
        self.sockets.chmod(0o777)
        command = [
            str(server.bin_path / "postgres"), "-D", str(folder), "-h", "", "-k", str(self.sockets),
            "-c", "max_wal_size=96MB", "-c", "min_wal_size=64MB", "-c", "max_connections=150",
        ]  # fmt: skip
        url = make_url(self.register_url).set(query={"host": str(self.sockets)})
        linked = url.set(query={}, host="127.0.0.1", port=self.port["database link"])
        self.register_url, self.linked_url = (u.render_as_string(hide_password=False) for u in (url, linked))
        self.owner = url.set(drivername="postgresql", username="postgres").render_as_string(hide_password=False)
        self._add("postgres", command, {}, user)

    async def _furnish(self) -> None:
        register = engine(self.register_url, Keyring(self.master))
        await demo.furnish(register, PASSWORD, fixed=True, hasher=QUICK)
        await register.dispose()

    def _temporal(self) -> None:
        known = [f"--search-attribute={key.name}={ATTRIBUTE_TYPES[key.indexed_value_type.name]}" for key in ALL]
        command = [
            temporal_binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
            "--port", str(self.port["temporal"]), "--db-filename", str(self.data / "temporal" / "temporal.db"),
            "--log-level", "error", "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal",
            *known,
        ]  # fmt: skip
        self._add("temporal", command, {})

    def _sink(self) -> None:
        ports = [str(self.port["smtp"]), str(self.port["http"])]
        notes = str(self.data / "sink.jsonl")
        self._add(
            "sink", [sys.executable, "-m", "benchmarks.chaos.sink", notes, *ports], {"PYTHONPATH": str(self.code)}
        )

    # -- how to tell that they work ------------------------------------------------------------------------------------

    def _postgres_works(self) -> bool:
        try:
            with psycopg.connect(self.owner, connect_timeout=2) as db:
                return db.execute("select 1").fetchone() is not None
        except psycopg.Error:
            return False

    def _answers(self, name: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port[name]}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def _begun(self, name: str) -> bool:
        part = self.parts[name]
        return part.alive() and part.said("worker.ready")

    def _listens(self, name: str) -> bool:
        ports = [self.port["smtp"], self.port["http"]] if name == "sink" else [self.port[name]]
        for port in ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return self.parts[name].alive()
