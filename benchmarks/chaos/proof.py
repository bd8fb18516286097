"""`make chaos-proof`: the checker proven. Each break in a throw-away copy, a short fault run, and what was found.

An untouched copy must come out clean. `ONLY=3,7` does those alone. Ends with code 1 if a break was not seen.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.__main__ import ROOT, stop_in_order
from benchmarks.chaos.breaks import BREAKS, Break, apply

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "var", "build", "__pycache__", "*.egg-info", ".*_cache")
COMPLAINTS, MINUTES, AT_MOST = 24, (1, 2.5), 900


@dataclass(frozen=True)
class Proven:
    """What one run of a copy came to."""

    name: str
    expected: str
    found: str
    good: bool


def tried(broken: Break | None, seed: int) -> Proven:
    """Copy, break, run, read the findings; what was not met with in one run may be in a longer one."""
    one = Proven("", "", "", False)
    for minutes in MINUTES:
        one = _tried(broken, seed, minutes)
        if one.good or broken is None:
            break
    return one


def _tried(broken: Break | None, seed: int, minutes: float) -> Proven:
    name = broken.name if broken else "nothing: an untouched copy"
    with tempfile.TemporaryDirectory(prefix="amends-broken-", ignore_cleanup_errors=True) as folder:
        copy, said = Path(folder) / "checkout", Path(folder) / "findings.json"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        if broken:
            apply(broken, copy)
        failed = _run(copy, said, seed, minutes)
        if not said.exists():
            return Proven(name, "", f"the run could not be done: {failed}", False)
        findings = json.loads(said.read_text("utf-8"))
    counts = Counter(f"{one['kind']}: {one['rule']}" for one in findings)
    found = "; ".join(f"{times}x {kind}" for kind, times in sorted(counts.items())) or "nothing"
    if broken is None:
        return Proven(name, "nothing", found, not findings)
    seen = [one for one in findings if one["kind"] == broken.kind and one["rule"] in broken.rules]
    first = f"; first: {seen[0]['of']}, {seen[0]['says']}" if seen else ""
    return Proven(name, f"{broken.kind}: {' or '.join(broken.rules)}", found + first[:160], bool(seen))


def _run(copy: Path, said: Path, seed: int, minutes: float) -> str:
    """The short fault run, with the copy's own code, checker and all; gives the end of what it complained of."""
    command = [
        sys.executable, "-m", "benchmarks.chaos", "-n", str(COMPLAINTS), "--minutes", str(minutes), "--each",
        "--seed", str(seed), "--findings", str(said),
    ]  # fmt: skip
    path = os.pathsep.join((str(copy), str(copy / "tests" / "support")))
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            return process.communicate(timeout=AT_MOST)[1].strip()[-400:]
        except (subprocess.TimeoutExpired, KeyboardInterrupt, SystemExit):
            process.terminate()  # it ends its parts by itself
            process.wait(60)
            raise


def main() -> int:
    """All of them, or those named."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--only", default="", help="numbers of breaks, 0 for the untouched copy")
    said.add_argument("--seed", type=int, default=1)
    said.add_argument("--report", type=Path)
    asked = said.parse_args()
    stop_in_order()
    all_of = dict(enumerate((None, *BREAKS)))
    wanted = [int(n) for n in asked.only.split(",") if n] or list(all_of)
    lines = ["| | break | must be found | found | |", "| --- | --- | --- | --- | --- |"]
    print(*lines, sep="\n", flush=True)
    good = True
    for number in wanted:
        one = tried(all_of[number], asked.seed)
        lines.append(
            f"| {number} | {one.name} | {one.expected} | {one.found} | {'seen' if one.good else '**NOT SEEN**'} |"
        )
        print(lines[-1], flush=True)
        good = good and one.good
    if asked.report:
        asked.report.write_text("\n".join(lines) + "\n", "utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
