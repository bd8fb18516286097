"""`make soak MINUTES=40`: half of the measured capacity for as long as an afternoon allows; nothing may grow.

Each half minute: memory by part, open requests, backlog of task queues and letters, connections, latency, and the time
of a fixed piece of work, which tells the machine's growing slow from the system's. RATE= lives a second; else half of
what build/bench/lives.json says.
"""

import asyncio
import hashlib
import json
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import tables
from clerks import UNLIMITED, Clerks, at_work
from lateness import address
from results import Json, keep, kept
from spread import percentile
from stack import Running, running
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from watching import memory

from complaints.names import TASK_QUEUE

WAITING = """
SELECT (SELECT count(*) FROM sending WHERE state IN ('ready', 'handing_over')),
       (SELECT count(*) FROM intake WHERE started_at IS NULL),
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
"""
MOST_AT_ONCE = 200


FIXED = [{"number": i, "text": str(i) * 3} for i in range(300)]


def fixed_work() -> float:
    """Processor time, in ms, of a piece of work that is always the same: the shortest of five."""
    took = list[int]()
    for _ in range(5):
        began = time.thread_time_ns()
        for _ in range(10):
            json.loads(json.dumps(FIXED))
        digest = b""
        for _ in range(2000):
            digest = hashlib.sha256(digest).digest()
        took.append(time.thread_time_ns() - began)
    return round(min(took) / 1e6, 2)


async def looked(here: Running, clerks: Clerks, client: Client, under_way: int) -> Json:
    """One point of the soak; the latencies since the last one."""
    with psycopg.connect(address(here.settings()), autocommit=True) as db:
        letters, intake, connections = db.execute(WAITING).fetchone() or (0, 0, 0)
    backlog = 0
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        asked = DescribeTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=TASK_QUEUE), task_queue_type=kind, report_stats=True
        )
        backlog += (await client.workflow_service.describe_task_queue(asked)).stats.approximate_backlog_count
    taken, clerks.latencies = clerks.latencies, {}
    point = {f"{what} p50 ms": round(1000 * percentile(times, 0.5), 1) for what, times in taken.items()}
    point |= {f"{part} MB": size for part, size in memory(here).items()}
    return point | {"lives": len(taken.get("call back", [])), "task backlog": backlog, "letters waiting": letters,
                    "not started": intake, "connections": connections, "under way": under_way,
                    "fixed work ms": fixed_work()}  # fmt: skip


async def soaked(here: Running, per_second: float, wanted: Namespace) -> Json:
    """Lives at an even pace, however long each takes; a point now and then."""
    points, failed, under_way = list[Json](), list[str](), set[asyncio.Task[None]]()
    client = await Client.connect(f"127.0.0.1:{here.temporal_port}")
    async with at_work(here.port) as clerks:

        async def life() -> None:
            try:
                await clerks.life()
            except Exception as error:  # whatever it is, it is counted and the soak goes on
                failed.append(f"{type(error).__name__}: {error}")
                print(failed[-1], flush=True)

        began, number, next_look = time.monotonic(), 0, wanted.every
        while (now := time.monotonic() - began) < wanted.minutes * 60:
            if len(under_way) < MOST_AT_ONCE:
                task = asyncio.create_task(life())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            if now >= next_look:
                point = await looked(here, clerks, client, len(under_way))
                points.append({"minute": round(now / 60, 2), "begun": number} | point)
                print(points[-1], flush=True)
                next_look += wanted.every
            number += 1
            await asyncio.sleep(max(began + number / per_second - time.monotonic(), 0))
        if under_way:
            await asyncio.wait(under_way, timeout=120)
    said: Json = {"rate": per_second, "minutes": wanted.minutes, "begun": number, "failed": len(failed)}
    return said | {"points": points}


def main() -> int:
    """The whole soak."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--rate", type=float, help="lives a second")
    parser.add_argument("--every", type=float, default=30, help="seconds between two looks")
    wanted = parser.parse_args()
    capacity = kept("lives")
    if wanted.rate is None and capacity is None:
        raise SystemExit("how fast? run `make bench PART=lives` first, or say RATE=")
    per_second = wanted.rate or capacity["sizes"]["0"]["lives"]["median"] / 2
    with (
        TemporaryDirectory(prefix="amends-soak-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", **UNLIMITED) as here,
    ):
        found = asyncio.run(soaked(here, per_second, wanted))
    keep("soak", found)
    print(tables.soak(found))
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
