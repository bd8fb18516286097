"""A seeded plan of faults, and doing them: what hits which parts, when, for how long; each is noted with its end."""

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from benchmarks.chaos.notes import Notes
from benchmarks.chaos.parts import wait_until
from benchmarks.chaos.sink import TAKEN
from benchmarks.chaos.stand import Stand

LINKS = ("database", "temporal", "web", "smtp", "http")
TOGETHER = (
    ("temporal", "postgres"),
    ("worker-1", "worker-2"),
    ("web", "worker-1", "worker-2"),
    ("postgres", "sink"),
    ("postgres", "temporal", "web", "worker-1", "worker-2", "sink"),
)
KINDS = {
    "kill": 40,
    "kill together": 12,
    "freeze": 16,
    "slow": 10,
    "cut": 8,
    "stall": 6,
    "lost answer": 5,
    "full disk": 3,
}
"""How often each is drawn, of a hundred."""
KILLED = {"worker-1": 5, "worker-2": 5, "web": 6, "postgres": 5, "temporal": 5, "sink": 3}
RECOVERS_WITHIN = 60.0


@dataclass(frozen=True)
class Fault:
    """One fault: `seconds` is how long a part is down or frozen, or a link or disk disturbed."""

    at: float
    what: str
    parts: tuple[str, ...]
    seconds: float
    strength: float


def plan(seed: int, count: int, begin: float, end: float) -> list[Fault]:
    """So many faults at random moments between these seconds of the run, the same for the same seed."""
    dice = Random(f"faults {seed}")
    return [_draw(dice, at) for at in sorted(dice.uniform(begin, end) for _ in range(count))]


def each(begin: float, end: float) -> list[Fault]:
    """One of every sort, one after the other, the same for everybody; beside them, receipts of letters get lost."""
    sorts = [
        ("kill", ("web",), 0.5), ("lost answer", ("web",), 4.0), ("kill", ("worker-1", "worker-2"), 2.0),
        ("kill", ("web",), 0.5), ("kill", ("temporal",), 2.0), ("kill", ("postgres",), 1.0), ("kill", ("web",), 0.5),
        ("freeze", ("worker-1",), 3.0), ("kill", ("sink",), 1.0), ("cut", ("database",), 1.0),
    ]  # fmt: skip
    step = (end - begin) / len(sorts)
    one_by_one = [Fault(begin + n * step, what, parts, seconds, 0.2) for n, (what, parts, seconds) in enumerate(sorts)]
    beside = Fault(begin + 2 * step, "lost answer", ("smtp",), 6 * step, 0.2)
    return sorted([*one_by_one, beside], key=lambda fault: fault.at)


def _draw(dice: Random, at: float) -> Fault:
    [what] = dice.choices(list(KINDS), list(KINDS.values()))
    [part] = dice.choices(list(KILLED), list(KILLED.values()))
    frozen = dice.choice(("worker-1", "worker-2", "web"))
    parts: dict[str, tuple[str, ...]] = {
        "kill": (part,),
        "kill together": dice.choice(TOGETHER),
        "freeze": dice.choice([(frozen,), ("worker-1", "worker-2")]),
        "lost answer": (dice.choice(("smtp", "web")),),
        "full disk": (dice.choice(("postgres", "temporal")),),
    }
    seconds = {"kill": dice.uniform(0.2, 4), "kill together": dice.uniform(0.2, 6), "freeze": dice.uniform(1, 15)}
    return Fault(
        at=round(at, 2),
        what=what,
        parts=parts.get(what, (dice.choice(LINKS),)),
        seconds=round(seconds.get(what, dice.uniform(1, 8)), 2),
        strength=round(dice.uniform(0.05, 0.4), 2),
    )


class Faults:
    """Does the planned faults at their moments, side by side where they overlap."""

    def __init__(self, stand: Stand, planned: list[Fault], notes: Notes) -> None:
        self.stand, self.planned, self.notes = stand, planned, notes
        self.pool, self.stopping = ThreadPoolExecutor(16), threading.Event()
        self.ways: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill, "kill together": self._kill, "freeze": self._freeze, "slow": self._link,
            "cut": self._link, "stall": self._link, "lost answer": self._link, "full disk": self._disk,
        }  # fmt: skip

    def run(self) -> None:
        """All of them, from now; returns when the last has ended."""
        began = time.monotonic()
        done = []
        for fault in self.planned:
            if self.stopping.wait(max(began + fault.at - time.monotonic(), 0)):
                break
            done.append(self.pool.submit(self._do, fault))
        for one in done:
            one.result()
        self.pool.shutdown()

    def _do(self, fault: Fault) -> None:
        name = f"{fault.what} {' '.join(fault.parts)} {fault.seconds}"
        self.notes.add(fault=name, what=fault.what, parts=fault.parts, phase="begins")
        try:
            self.ways[fault.what](fault)
        finally:
            up = wait_until(lambda: all(self._works(p) for p in fault.parts), RECOVERS_WITHIN)
            self.notes.add(fault=name, what=fault.what, parts=fault.parts, phase="over", works=up)

    def _works(self, name: str) -> bool:
        part = self.stand.parts.get(name)
        return part is None or part.works()

    def _kill(self, fault: Fault) -> None:
        for name in fault.parts:
            self.stand.parts[name].kill(fault.seconds)
        self.stopping.wait(fault.seconds)

    def _freeze(self, fault: Fault) -> None:
        for name in fault.parts:
            self.stand.parts[name].signal(signal.SIGSTOP)
        self.stopping.wait(fault.seconds)
        for name in fault.parts:
            self.stand.parts[name].signal(signal.SIGCONT)

    def _link(self, fault: Fault) -> None:
        do = self.stand.proxies.do
        [link] = fault.parts
        match fault.what:
            case "slow":
                do(link, lambda p: p.slow(fault.strength))
            case "cut":
                do(link, lambda p: p.cut())
            case "stall":
                do(link, lambda p: p.stall())
            case "lost answer":
                do(link, lambda p: p.lose(*((30, TAKEN.encode()) if link == "smtp" else (3, b"HTTP/1.1 20"))))
        self.stopping.wait(fault.seconds)
        do(link, lambda p: p.open())

    def _disk(self, fault: Fault) -> None:
        """Where no disk can be mounted, the part is killed instead, and the note says so."""
        [name] = fault.parts
        disk = self.stand.disks.get(name)
        if disk is None or not disk.mounted:
            self.notes.add(fault="no disk to fill", what="not done", parts=fault.parts, phase="instead: kill")
            self._kill(fault)
            return
        disk.fill()
        self.stopping.wait(fault.seconds)
        disk.free()
