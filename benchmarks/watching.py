"""What each part of a running stack costs: processor time and memory, by part."""

from dataclasses import dataclass
from pathlib import Path

import psutil
from stack import Running

PARTS = {"worker": "run.cli worker", "web": "run.cli web", "temporal": "server start-dev", "floor": "floor.py"}


def parts(here: Running) -> dict[str, list[psutil.Process]]:
    """The processes of the stack, by part; `load` is this one, which asks."""
    found = {"load": [psutil.Process()]}
    if here.process.pid != psutil.Process().pid:
        found["run"] = [psutil.Process(here.process.pid)]
    for process in [*psutil.Process(here.process.pid).children(), *psutil.Process().children(recursive=True)]:
        line = " ".join(process.cmdline())
        for part, said in PARTS.items():
            if said in line and process not in found.get(part, []):
                found.setdefault(part, []).append(process)
    postmaster = psutil.Process(int((here.data / "postgres/postmaster.pid").read_text().split()[0]))
    found["postgres"] = [postmaster, *postmaster.children()]
    return found


@dataclass
class Meter:
    """Processor seconds by part since the last look."""

    here: Running
    before: dict[str, float] | None = None

    def look(self) -> dict[str, float]:
        """Since the last look; what has ended meanwhile is not in it, but PostgreSQL's backends are."""
        now = {part: sum(_seconds(p) for p in some) for part, some in parts(self.here).items()}
        spent = {part: value - (self.before or {}).get(part, 0.0) for part, value in now.items()}
        self.before = now
        return spent


def _seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    # The postmaster counts its children that have ended; other parts start none.
    ended = used.children_user + used.children_system if "postgres" in process.name() else 0.0
    return float(used.user + used.system + ended)


def memory(here: Running) -> dict[str, float]:
    """Resident megabytes by part; PostgreSQL's shared pages are counted once (proportionally)."""
    return {part: round(sum(_megabytes(p, part) for p in some), 1) for part, some in parts(here).items()}


def _megabytes(process: psutil.Process, part: str) -> float:
    try:
        full = process.memory_full_info() if part == "postgres" else process.memory_info()
    except psutil.NoSuchProcess:
        return 0.0
    return float(getattr(full, "pss", full.rss)) / 2**20


def folder_size(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
