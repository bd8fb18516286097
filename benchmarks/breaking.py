"""A stack in this process, whose parts can be killed and started again; `amends run` would end with the first."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from clerks import UNLIMITED
from pydantic import SecretStr
from stack import PASSWORD, Running

from run.settings import Settings
from run.stack import Stack, clean_environment, die_with_parent, free_port


@contextmanager
def breakable(data: Path) -> Iterator[tuple[Stack, Running]]:
    """Started, and stopped at the end with whatever runs of it then."""
    ports = {name: free_port() for name in ("api_port", "temporal_port", "temporal_ui_port", "mail_port")}
    os.environ |= UNLIMITED | {"AMENDS_API_PORT": str(ports["api_port"])}  # the parts read it, too
    stack = Stack(Settings(data=data, demo_password=SecretStr(PASSWORD), **ports))
    try:
        stack.start()
        http = httpx.Client(base_url=f"http://127.0.0.1:{ports['api_port']}", timeout=60)
        yield stack, Running(data, ports["api_port"], psutil.Process(), http, ports["temporal_port"])
    finally:
        for process in stack.processes.values():
            process.terminate()
        stack.stop()


def stopped(stack: Stack, part: str, *, kill: bool) -> dict[str, str]:
    """End a part, at once or in good order; the environment to start it with again."""
    process = stack.processes[part]
    environment = psutil.Process(process.pid).environ()
    process.kill() if kill else process.terminate()
    process.wait(60)
    return environment


def started(stack: Stack, part: str, environment: dict[str, str]) -> None:
    """Start it again as it was started before."""
    with (stack.data / "logs" / f"{part}.log").open("ab") as log:
        command = stack.processes[part].args
        stack.processes[part] = subprocess.Popen(
            command, env=clean_environment() | environment, stdout=log, stderr=log, preexec_fn=die_with_parent
        )


def answers(port: int, within: float = 180) -> None:
    """Wait until something listens at that port."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            httpx.get(f"http://127.0.0.1:{port}", timeout=1)
        except httpx.ConnectError:
            time.sleep(0.05)  # a probe of another process; there is nothing to wait on
        except httpx.HTTPError:
            return
        else:
            return
    raise RuntimeError(f"nothing listens at {port}")
