"""`make outage MINUTES=10 RATE=5`: Temporal is stopped under intake; all is kept, then all is started in order.

Before it, some complaints are open whose limits fall due while Temporal is away; half of those that come meanwhile were
received earlier, too. At the end the checker of `make chaos` reads everything. Ends with code 1 on any finding.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from api.opening import ANSWER_WITHIN
from benchmarks.chaos import checker, observe, report, rules_time
from benchmarks.chaos.__main__ import ROOT, folder, stop_in_order
from benchmarks.chaos.client import Client, Request
from benchmarks.chaos.notes import Notes
from benchmarks.chaos.office import Length, form
from benchmarks.chaos.parts import wait_until
from benchmarks.chaos.quiet import at_rest
from benchmarks.chaos.seen import Finding, Json, Seen, moment
from benchmarks.chaos.stand import Stand

BEFORE, HANDS = 20, 24
FOREVER = 1e9


def arguments() -> argparse.Namespace:
    """What was asked for."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--minutes", type=float, default=10)
    said.add_argument("--rate", type=float, default=5, help="complaints a second")
    said.add_argument("--seed", type=int, default=1)
    said.add_argument("--keep", type=Path)
    said.add_argument("--report", type=Path)
    return said.parse_args()


class Intake:
    """Complaints at a steady rate, whatever becomes of them."""

    def __init__(self, client: Client, seed: int, length: Length) -> None:
        self.client, self.seed, self.length, self.begun = client, seed, length, datetime.now(UTC)
        self.hands = ThreadPoolExecutor(HANDS)

    def open(self, number: int) -> int:
        """One complaint; gives the status of its answer."""
        body = form(number, self.seed, self.length, self.begun)
        asked = Request("open", "agent", "/complaints", body, f"k{self.seed}-open-{number}", number)
        answer = self.client.insist(asked, time.monotonic() + 120)
        return answer.status_code if answer is not None else 0

    def steady(self, first: int, count: int, rate: float) -> "Counter[int]":
        """So many, so many a second; gives how they were answered."""
        began, sent = time.monotonic(), []
        for number in range(count):
            time.sleep(max(began + number / rate - time.monotonic(), 0))  # the rate asked for
            sent.append(self.hands.submit(self.open, first + number))
        return Counter(one.result() for one in sent)


def run(data: Path, said: argparse.Namespace) -> tuple[Seen, Json]:
    """The whole run: what was seen, and its figures."""
    stand = Stand(data, ROOT, small_disks=False)
    seconds, count = said.minutes * 60, int(said.minutes * 60 * said.rate)
    faults, temporal = Notes(data / "faults.jsonl"), "temporal"
    try:
        stand.start()
        client = Client(stand.port["web link"], data / "client.jsonl")
        intake = Intake(client, said.seed, Length(arrive=seconds, end=seconds))
        began = datetime.now(UTC)
        before = intake.steady(0, BEFORE, 2)
        faults.add(fault="outage", what="Temporal stopped", parts=[temporal], phase="begins")
        stopped = time.monotonic()
        stand.parts[temporal].kill(FOREVER)
        answered = intake.steady(BEFORE, count, said.rate)
        time.sleep(max(stopped + seconds - time.monotonic(), 0))  # the length asked for
        stand.parts[temporal].held_until = 0
        if not wait_until(stand.parts[temporal].works, 120):
            raise RuntimeError("Temporal did not come back")
        back, returned = datetime.now(UTC), time.monotonic()
        wait_until(stand.ready, 120)
        faults.add(fault="outage", what="Temporal stopped", parts=[temporal], phase="over")
        client.close()
        print(f"back after {returned - stopped:.0f} s; catching up", flush=True)
        quiet = asyncio.run(at_rest(stand, patience=120 + count))
        seen = asyncio.run(observe.look(data, stand.settings(), said.seed, began, quiet))
        return seen, figures(seen, back, before, answered)
    finally:
        stand.stop()


def figures(seen: Seen, back: datetime, before: "Counter[int]", answered: "Counter[int]") -> Json:
    """What became of what came meanwhile."""
    stopped = seen.faults[0].begin
    came = sorted((k for k in seen.kept if k.recorded_at >= stopped), key=lambda k: k.reference)
    processes = {k.reference: seen.processes[k.reference].begun for k in came if k.reference in seen.processes}
    started = [at for at in processes.values() if at]
    by_relay = [at for k in came if (at := processes.get(k.reference)) and at - k.recorded_at >= 2 * ANSWER_WITHIN]
    running, inbox = due_meanwhile(seen, stopped, back)
    return {
        "answered before the outage": _counted(before),
        "answered in the outage": _counted(answered),
        "kept in the outage": len(came),
        "of them started": len(started),
        "of them by the relay, not by their own request as Temporal came back": len(by_relay),
        "begun by the relay out of order": sum(a > b for a, b in pairwise(by_relay)),
        "seconds from return until the last was started": f"{(max(started) - back).total_seconds():.0f}"
        if started
        else "-",
        "alarms due in the outage: of running cases, of kept ones": f"{len(running)}, {len(inbox)}",
        "seconds from return until heard, running cases": rules_time.spread(running),
        "seconds from return until heard, kept ones": rules_time.spread(inbox),
        "heard later than 2 minutes after return": sum(s > 120 for s in [*running, *inbox]),
    }


def due_meanwhile(seen: Seen, stopped: datetime, back: datetime) -> tuple[list[float], list[float]]:
    """How long after the return each alarm was heard that fell due between: of cases that ran before, of kept ones."""
    running, inbox = list[float](), list[float]()
    for case in seen.cases.values():
        for event in (e for e in case.events if e["kind"] in rules_time.ALARMS):
            at = moment(event["at"])
            if stopped <= at - timedelta(seconds=event["data"]["late_by_seconds"]) <= back:
                ran = moment(case.events[0]["at"]) < stopped
                (running if ran else inbox).append((at - back).total_seconds())
    return running, inbox


def _counted(counts: "Counter[int]") -> str:
    return ", ".join(f"{number}x {status or 'none'}" for status, number in sorted(counts.items()))


def misses(seen: Seen) -> list[Finding]:
    """What the checker finds, but that catching up a long inbox takes its time: the figures say how long."""
    return [f for f in checker.check(seen) if f.rule != "kept, and started late"]


def main() -> int:
    """Run, check, say."""
    said = arguments()
    stop_in_order()
    with ExitStack() as stack:
        seen, numbers = run(folder(stack, said.keep), said)
    findings = misses(seen)
    text = report.lines(seen, findings, f"make outage MINUTES={said.minutes:g} RATE={said.rate:g}")
    text[-1:] = [
        "",
        "| of the outage | |",
        "| --- | --- |",
        *(f"| {k} | {v} |" for k, v in numbers.items()),
        *text[-1:],
    ]
    print("\n".join(text))
    if said.report:
        said.report.write_text("\n".join(text) + "\n", "utf-8")
    return 1 if findings or numbers["begun by the relay out of order"] else 0


if __name__ == "__main__":
    sys.exit(main())
