"""`make chaos N=500 FAULTS=100 MINUTES=25 SEED=1`: a bounded fault run with the real parts, then the checker.

Ends with code 1 if anything was lost, doubled, late, missed or wrong; with 2 if the run itself could not be done.
"""

import argparse
import asyncio
import json
import signal
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.chaos import checker, observe, report
from benchmarks.chaos.client import Client
from benchmarks.chaos.faults import Faults, each, plan
from benchmarks.chaos.notes import Notes
from benchmarks.chaos.office import Length, Office
from benchmarks.chaos.quiet import at_rest
from benchmarks.chaos.seen import Seen
from benchmarks.chaos.stand import Stand

ROOT = Path(__file__).parents[2]


def arguments() -> argparse.Namespace:
    """What was asked for."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("-n", "--complaints", type=int, default=500)
    said.add_argument("--faults", type=int, default=100)
    said.add_argument("--each", action="store_true", help="one fault of every sort instead of drawn ones")
    said.add_argument("--minutes", type=float, default=25)
    said.add_argument("--seed", type=int, default=1)
    said.add_argument("--keep", type=Path, help="an empty folder; what was seen stays there")
    said.add_argument("--report", type=Path, help="the report as Markdown")
    said.add_argument("--findings", type=Path, help="what the checker found as JSON")
    said.add_argument("--code", type=Path, default=ROOT, help="the checkout whose code the parts run")
    return said.parse_args()


def folder(stack: ExitStack, keep: Path | None) -> Path:
    """Where a run keeps what it makes."""
    if keep is None:
        return Path(stack.enter_context(TemporaryDirectory(prefix="amends-chaos-", ignore_cleanup_errors=True)))
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise SystemExit(f"{keep} is not empty")
    return keep


def run(data: Path, said: argparse.Namespace) -> Seen:
    """The whole run; gives what was seen of it."""
    seconds = said.minutes * 60
    stand = Stand(data, said.code.resolve())
    try:
        stand.start()
        mounted = [name for name, disk in stand.disks.items() if disk.mounted]
        print(f"parts up; disks that can be filled: {', '.join(mounted) or 'none (no right to mount)'}", flush=True)
        began = datetime.now(UTC)
        client = Client(stand.port["web link"], data / "client.jsonl")
        office = Office(client, said.seed, said.complaints, Length(arrive=seconds * 0.75, end=seconds))
        first, last = seconds * 0.04, seconds * 0.95
        planned = each(first, last) if said.each else plan(said.seed, said.faults, first, last)
        faults = Faults(stand, planned, Notes(data / "faults.jsonl"))
        beside = threading.Thread(target=faults.run, daemon=True)
        beside.start()
        watch = threading.Timer(seconds + 120, client.stopping.set)
        watch.daemon = True
        watch.start()
        office.run()
        faults.stopping.set()
        beside.join(90)
        client.close()
        print(f"acted for {time.monotonic() - office.began:.0f} s; waiting until all is quiet", flush=True)
        quiet = asyncio.run(at_rest(stand))
        return asyncio.run(observe.look(data, stand.settings(), said.seed, began, quiet))
    finally:
        stand.stop()


def stop_in_order() -> None:
    """SIGTERM ends a run as Ctrl-C does: parts, links and mounts go with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def main() -> int:
    """Run, check, say."""
    said = arguments()
    stop_in_order()
    with ExitStack() as stack:
        data = folder(stack, said.keep)
        seen = run(data, said)
    findings = checker.check(seen)
    title = f"make chaos N={said.complaints} FAULTS={said.faults} MINUTES={said.minutes:g} SEED={said.seed}"
    text = "\n".join(report.lines(seen, findings, title)) + "\n"
    print(text)
    if said.report:
        said.report.write_text(text, "utf-8")
    if said.findings:
        said.findings.write_text(json.dumps([vars(f) for f in findings], ensure_ascii=False, indent=1), "utf-8")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
