"""What a run of `make upgrade` says: on the screen as it goes, and as a page in Markdown at its end."""

import os
import platform
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from balancer import Balancer
from caseload import Caseload
from checkout import ROOT
from upgrade_check import Findings

MOST = 20
ASKED_AGAIN = "UNHANDLED_COMMAND"
"""Why a workflow task fails without anything being wrong: a signal or an update came in as the process was to end."""


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False).stdout.strip()


@dataclass
class Said:
    """Everything that was seen."""

    number: int
    revision: str
    rate: float
    began: float = field(default_factory=time.monotonic)
    steps: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    gate: str = ""
    builds: str = ""
    found: Findings = field(default_factory=Findings)
    differences: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def step(self, what: str, seconds: float, failed: int, seen: str) -> None:
        """A step of the upgrade."""
        self.steps.append(f"| {what} | {seconds:.1f} | {failed} | {seen} |")
        print(f"{time.monotonic() - self.began:7.1f} s  {what}: {seconds:.1f} s, {failed} failed. {seen}", flush=True)

    def line(self, what: str, value: object) -> None:
        """A figure."""
        self.lines.append(f"| {what} | {value} |")
        print(f"{time.monotonic() - self.began:7.1f} s  {what}: {value}", flush=True)

    def opened(self, cases: Caseload) -> None:
        """Before the upgrade begins."""
        self.line("open cases before the upgrade", len(cases.open_cases()))
        self.line("their stages", _counted(Counter(cases.stages.values())))
        self.line("their kinds", _counted(Counter(cases.kinds.values())))

    def under_load(self, cases: Caseload, at: Balancer) -> None:
        """When the last part was replaced."""
        self.line("requests while it was upgraded and before", sum(at.statuses.values()) + len(at.failed))
        self.line("cases opened by then", len(cases.kinds))

    def finished(self, cases: Caseload, at: Balancer) -> bool:
        """All figures of the end; whether they are as they should be."""
        stages, found = Counter(cases.stages.values()), self.found
        self.line("requests in all, answers by status", f"{sum(at.statuses.values())}: {_counted(at.statuses)}")
        self.line("**failed requests**", len(at.failed))
        self.line("connections refused before anything was sent, and taken to the next server", at.refused)
        self.line("complaints answered 202 (kept, started later)", cases.later)
        median, p99 = statistics.median(at.seconds), statistics.quantiles(at.seconds, n=100, method="inclusive")[-1]
        self.line("an answer takes: median, p99, longest", f"{median:.2f} s, {p99:.2f} s, {max(at.seconds):.2f} s")
        self.line("cases by stage at the end", _counted(stages))
        self.line("histories read", found.histories)
        self.line("**failed workflow tasks**, by cause", _counted(found.failures) or 0)
        self.line("processes whose step is tried again and again", len(found.stuck))
        self.line("steps by build", _counted(found.steps))
        self.line("processes that went on from one build to another", found.moved)
        self.line("differences between register, processes and what clients were told", len(self.differences))
        closed, stopped = set(stages) == {"closed"}, "not promoted" in self.gate
        good = not (at.failed or found.failures.keys() - {ASKED_AGAIN} or found.stuck or self.differences)
        return good and closed and stopped and found.moved > 0

    def write(self, path: Path) -> None:
        """The page."""
        head, took = _git("describe", "--always", "--dirty"), time.monotonic() - self.began
        gate = [line.strip() for line in self.gate.split("; ")]
        gate = [*gate[:4], "…", gate[-1]] if len(gate) > 6 else gate
        call = f"make upgrade N={self.number} FROM={self.revision} RATE={self.rate:g}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([
            "# An upgrade under load", "",
            f"`{call}`: from `{self.revision}` to `{head}`, {took:.0f} s in all;"
            f" {os.cpu_count()} cores, Python {platform.python_version()}.", "",
            "A request has failed when it got no answer or one of 400 and more; it goes to another server only if the"
            " connection was refused, before any of it was sent. A workflow task that failed for UNHANDLED_COMMAND is"
            " no error: something new came in as a process was about to end, and Temporal has the task done again.", "",
            "| step | seconds | failed requests | seen |", "| --- | --- | --- | --- |", *self.steps, "",
            "| figure | value |", "| --- | --- |", *self.lines, "",
            *(f"- {what}" for what in self.failed[:MOST] + self.differences[:MOST]), "",
            "A copy of these files with a step that nobody guarded, at the gate:", "", "```", *gate, "```", "",
        ]))  # fmt: skip
        print(f"written to {path}")


def _counted(counter: Counter[str] | Counter[int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counter.items(), key=lambda x: -x[1]))
