"""Real servers for an hour: PostgreSQL, Temporal with a clock that can skip, a mail peer and an HTTP gateway.

All listen on loopback (PostgreSQL on a socket file) and are stopped when their block ends.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.channels import JsonPost, Mail, Post, PrintQueue, Sms, Webhook
from run import local_postgres, sink
from run.stack import ATTRIBUTE_TYPES, clean_environment, die_with_parent, end, free_port, temporal_binary
from vault.codec import data_converter
from workflows.search_attributes import ALL

SKIPPING = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
LOOPBACK = "127.0.0.1"
PATIENCE = 30.0
Url = Callable[[str], str]


@contextmanager
def postgres(folder: Path) -> Iterator[Url]:
    """A PostgreSQL of its own; gives the address of a database by its name."""
    server = local_postgres.start(folder)
    try:
        yield lambda name: local_postgres.url(server, name)
    finally:
        server.stop()


@asynccontextmanager
async def temporal(log: Path, namespaces: list[str]) -> AsyncIterator[str]:
    """Temporal's dev server, everything in memory, with these namespaces; gives its address."""
    port = free_port()
    command = [
        temporal_binary(), "server", "start-dev", "--headless", "--ip", LOOPBACK, "--port", str(port),
        "--log-level", "error", *SKIPPING,
        *(word for name in namespaces for word in ("--namespace", name)),
        *(f"--search-attribute={key.name}={ATTRIBUTE_TYPES[key.indexed_value_type.name]}" for key in ALL),
    ]  # fmt: skip
    process = _spawn(command, log)
    address = f"{LOOPBACK}:{port}"
    try:
        await _up(process, address)
        yield address
    finally:
        await asyncio.to_thread(end, process)


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(  # nosec B603: our own programs, no shell
            command,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us; the server stops after its workers
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )


async def _up(process: subprocess.Popen[bytes], address: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while process.poll() is None:
            try:
                await Client.connect(address)
                return
            except RuntimeError:
                await asyncio.sleep(0.05)  # a probe of another process; there is nothing to wait on
    raise RuntimeError(f"Temporal did not start ({process.returncode})")


async def connect(address: str, namespace: str, register: AsyncEngine) -> Client:
    """A client of that namespace, which seals with the keys of that register."""
    return await Client.connect(address, namespace=namespace, data_converter=data_converter(register, namespace))


@contextmanager
def gateway(mailbox: sink.Mailbox) -> Iterator[str]:
    """The HTTP gateway that takes SMS and staff messages; gives its address."""
    port = free_port()
    config = uvicorn.Config(sink.pages(mailbox), host=LOOPBACK, port=port, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def ways_out(mailbox: sink.Mailbox, gateway_url: str, prints: Path, register: AsyncEngine) -> Iterator[Post]:
    """Every way out of the house: a mail peer of its own, the gateway, and a print queue."""
    port = free_port()
    controller = sink.smtp(mailbox, port)
    controller.start()
    try:
        yield Post(
            mail=Mail(host=LOOPBACK, port=port, sender="complaints@bank.example", tls="none"),
            sms=Sms(gateway=JsonPost(url=f"{gateway_url}/sms")),
            webhook=Webhook(target=JsonPost(url=f"{gateway_url}/staff")),
            print_queue=PrintQueue(folder=prints, engine=register),
        )
    finally:
        controller.stop()
