"""What /metrics says: this process as it is, and the office as the register has it, counted not too often."""

import asyncio
from datetime import datetime
from time import monotonic

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from api import processes
from api.metrics import OURS
from api.parts import Parts
from api.periods import tomorrow
from api.up import current_workers, parts_up
from complaints.names import Stage
from complaints.records import PROCESS
from complaints.standing import Kind
from register import health, measuring, query_log, reconciling
from register.connect import REGISTER_AWAY, pool_use

LETTER_STATES = ("ready", "handing_over", "failed", "uncertain")

WITHIN = 5.0
"""Seconds in which a register that is up has counted."""


class Counted:
    """The register's figures for Prometheus; counted once for all who ask within `parts.counted_for`."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.turn = parts, asyncio.Lock()
        self.office, self.good_until = CollectorRegistry(), 0.0

    async def exposition(self) -> bytes:
        """All figures in Prometheus' text format."""
        async with self.turn:
            if monotonic() >= self.good_until:
                self.office = await _office(self.parts)
                self.good_until = monotonic() + self.parts.counted_for.total_seconds()
        return generate_latest(OURS) + generate_latest(self.office) + generate_latest(_pool(self.parts))


def _pool(here: Parts) -> CollectorRegistry:
    registry = CollectorRegistry()
    pool = Gauge("amends_register_pool", "connections of this web server to the register", ["state"], registry=registry)
    for state, number in pool_use(here.engine).items():
        pool.labels(state).set(number)
    return registry


async def _office(here: Parts) -> CollectorRegistry:
    """Which parts answer; and what the register says, if it does."""
    registry = CollectorRegistry()
    up = await parts_up(here)
    if up["database"]:
        try:
            async with asyncio.timeout(WITHIN):
                await _register(here, registry)
        except (*REGISTER_AWAY, OSError):
            registry, up["database"] = CollectorRegistry(), False
    if up["temporal"]:
        await _temporal(here, registry)
    answers = Gauge("amends_part_up", "whether it answers; worker: asks for work", ["part"], registry=registry)
    for part, able in up.items():
        answers.labels(part).set(able)
    return registry


async def _temporal(here: Parts, registry: CollectorRegistry) -> None:
    """What Temporal says of the workers and the processes; nothing of what it does not answer."""
    workers, failing, night = await asyncio.gather(
        current_workers(here.temporal, here.task_queue), processes.failing_number(here), processes.last_night(here)
    )
    said = [
        ("amends_workers_given_work", "workers of the build that is given steps", workers),
        ("amends_processes_failing", "processes whose step fails again and again", failing),
        (
            "amends_erasing_last_success_timestamp_seconds",
            "when a night's erasing last came to its end, or was set up",
            night.timestamp() if night else None,
        ),
    ]
    for name, meaning, value in said:
        if value is not None:
            Gauge(name, meaning, registry=registry).set(value)


async def _register(here: Parts, registry: CollectorRegistry) -> None:
    now = here.clock()

    def gauge(name: str, meaning: str, value: float) -> None:
        Gauge(name, meaning, registry=registry).set(value)

    office = await measuring.standings(here.engine, now, tomorrow(now), None)
    cases = Gauge("amends_open_complaints", "open complaints", ["stage"], registry=registry)
    for stage in Stage:
        if stage is not Stage.closed:
            cases.labels(stage).set(office["stages"].get(stage, 0))
    gauge("amends_complaints_overdue", "open complaints with a running limit that is past", office["overdue"])
    gauge("amends_complaints_breached", "open complaints of which some limit was broken", office["breached_open"])
    gauge("amends_incidents_under_way", "major incidents whose response is not closed", office["incidents"])

    kept = await health.backlog(here.engine)
    gauge("amends_relay_backlog", "kept complaints whose process is to be started", kept["waiting"])
    gauge("amends_relay_backlog_oldest_seconds", "how long the oldest of them waits", _age(kept["oldest"], now))
    gauge("amends_relay_set_aside", "kept complaints that are not tried any more", kept["set_aside"])

    found = await health.letters(here.engine, now)
    letters = Gauge("amends_letters_not_out", "letters that have not gone out, by state", ["state"], registry=registry)
    for state in LETTER_STATES:
        letters.labels(state).set(found[state]["letters"] if state in found else 0)
    waiting = [found[s] for s in ("ready", "handing_over") if s in found]
    gauge("amends_letters_waiting", "letters not out yet", sum(row["letters"] for row in waiting))
    oldest = min((row["oldest"] for row in waiting), default=None)
    gauge("amends_letters_waiting_oldest_seconds", "how long the oldest of them waits", _age(oldest, now))
    digests = await health.digests(here.engine)
    gauge("amends_digests_waiting", "staff digests with something left to send", digests["number"])
    gauge("amends_digests_waiting_oldest_seconds", "how long the oldest of them waits", _age(digests["oldest"], now))
    alarms = await query_log.alarms(here.engine)
    gauge("amends_disclosure_alarms", "alarms that one person showed many customers' data", alarms)
    await _compared(here, registry)


async def _compared(here: Parts, registry: CollectorRegistry) -> None:
    """What the last comparison of register and processes came to; nothing before there was one."""
    last = await reconciling.last(here.engine, by=PROCESS)  # by hand, nothing may have been mended
    if last is None:
        return
    what = "differences of register and processes"
    found = Gauge("amends_reconcile_differences", f"{what} that the last comparison found", ["kind"], registry=registry)
    left = Gauge("amends_reconcile_left", f"{what} that it could not mend", ["kind"], registry=registry)
    for kind in Kind:
        found.labels(kind).set(last.found.get(kind, 0))
        left.labels(kind).set(last.found.get(kind, 0) - last.mended.get(kind, 0))
    compared = Gauge("amends_reconcile_compared", "cases that it compared", registry=registry)
    compared.set(last.compared)
    success = "amends_reconcile_last_success_timestamp_seconds"
    Gauge(success, "when the last comparison began that came to its end", registry=registry).set(last.at.timestamp())


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0) if since else 0
