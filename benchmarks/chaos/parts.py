"""One part of the stack as a service manager keeps it: started, killed, frozen, and started again whenever it ends."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from run.stack import clean_environment, die_with_parent

LOOK_EVERY, FIRST_WAIT = 0.2, 0.5


@dataclass
class Part:
    """A program, how to tell that it works, and its process while it has one."""

    name: str
    command: list[str]
    works: Callable[[], bool]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    folder: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    held_until: float = 0.0
    starts: int = 0
    said_from: int = 0

    def start(self) -> None:
        """Start it, as a child that ends with this process."""
        self.said_from = self.log.stat().st_size if self.log.exists() else 0
        groups = {"user": self.user, "extra_groups": []} if self.user else {}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**clean_environment(), **self.environment},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
                **groups,  # type: ignore[call-overload]  # user and group, or neither
            )
        self.starts += 1

    def said(self, words: str) -> bool:
        """Whether its log has these words since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self.said_from)
            return words.encode() in log.read()

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self, down_for: float) -> None:
        """SIGKILL, with all its children (of PostgreSQL: every backend); it stays down at least so long."""
        self.held_until = time.monotonic() + down_for
        if self.process is None or not self.alive():
            return
        try:
            family = [own := psutil.Process(self.process.pid), *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for one in family:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)
        self.process.poll()

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.alive():
            self.process.send_signal(number)

    def end(self) -> None:
        """Ask it to stop; make it, when it does not."""
        self.held_until = float("inf")
        if self.process is not None and self.alive():
            self.process.terminate()
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                self.kill(float("inf"))


class Manager:
    """Starts again what has ended, a little later each time it ends at once, as a service manager does."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts, self.stopping = parts, threading.Event()
        self.quick = dict.fromkeys((p.name for p in parts), 0)
        self.begun = dict.fromkeys((p.name for p in parts), 0.0)
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """Watch from now on; the thread is the parent of what it starts, so it stays until `end`."""
        self.thread.start()

    def _watch(self) -> None:
        while not self.stopping.wait(LOOK_EVERY):
            for part in self.parts:
                now = time.monotonic()
                if part.alive() or now < part.held_until:
                    continue
                if part.starts and now < self.begun[part.name] + min(FIRST_WAIT * 2 ** self.quick[part.name], 5):
                    continue
                self.quick[part.name] = self.quick[part.name] + 1 if now < self.begun[part.name] + 10 else 0
                self.begun[part.name] = now
                part.start()
        for part in reversed(self.parts):
            part.end()

    def end(self) -> None:
        """Stop all, the last first."""
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join(90)


def wait_until(works: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    """Whether it came true within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if works():
            return True
        time.sleep(every)  # a probe of another process; there is nothing to wait on
    return False
