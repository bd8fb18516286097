"""What the figures cost at a size, and how PostgreSQL finds them: `python benchmarks/figures.py 200000 [--plans]`.

The rows are made in a database of their own by one statement a table; they have no keys and nothing sealed.
"""

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from complaints.targets import Targets
from policies.load import load
from register import measuring
from register.connect import engine as engine_of
from register.measuring import Period
from run import local_postgres
from run.drill import servers
from vault.keyring import Keyring
from vault.master import LocalMaster

MASTER = LocalMaster.parse(LocalMaster.new("benchmark"))
ZONE = "Asia/Shanghai"
ROWS = """
INSERT INTO complaint (reference, number, seq, stage, outcome, nature, kinds, department, handler, channel, product,
  language, received_at, opened_at, opened_by, closed_at, due_at, breached, round, root_cause_index, satisfaction, nps,
  policy, customer_number_index, form, state)
SELECT 'CMP-2026-' || lpad(n::text, 7, '0'), n, 9,
  CASE WHEN n > :open THEN 'closed' ELSE
    (ARRAY['assigned','in_progress','awaiting_approval','callback'])[1 + n % 4] END,
  CASE WHEN n > :open THEN (ARRAY['satisfied','satisfied','satisfied','not_reached','withdrawn'])[1 + n % 5] END,
  (ARRAY['service','product','operation','violation'])[1 + n % 4], '{}',
  (ARRAY['card_centre','legal','it_channels','wealth_management','personal_finance'])[1 + n % 5], 'h' || n % 300,
  (ARRAY['telephone','email','online','counter'])[1 + (n / 3) % 4],
  (ARRAY['credit_card','wealth','mobile_banking','mortgage'])[1 + (n / 7) % 4], 'zh-CN', at, at, 'agent',
  CASE WHEN n > :open THEN least(at + interval '1 day' * (1 + n % 5), now()) END,
  CASE WHEN n <= :open THEN now() + interval '1 hour' * (n % 120 - 10) END,
  n % 17 = 0, 1 + (n % 11 = 0)::int, md5((n % 12)::text), 1 + n % 5, n % 11, 'cn-2026-11-20',
  md5((n % :customers)::text),
  decode(repeat(md5(n::text), 40), 'hex'), decode(repeat(md5(n::text), 80), 'hex')
FROM (SELECT n, now() - interval '730 days' * (n::float / :rows) AS at FROM generate_series(1, :rows) n) x
"""
CLOCKS = """
INSERT INTO slaclock (reference, name, started_at, due_at, breached_at, stopped_at, level, provisional)
SELECT reference, name, received_at, received_at + interval '5 days',
  CASE WHEN number % 17 = length(name) % 5 THEN received_at + interval '5 days' END, closed_at,
  CASE WHEN number % 17 = length(name) % 5 THEN 1 ELSE 0 END, false
FROM complaint, unnest(ARRAY['registration','first_response','resolution','callback','acceptance']) name
"""
TRANSFERS = """
INSERT INTO casetransfer (reference, number, at, by, from_department, to_department, answer, handled)
SELECT reference, 1, received_at, 'h1', 'legal', 'card_centre', 'accepted', number % 3 > 0
FROM complaint WHERE number % 10 = 0
"""


def fill(url: str, rows: int) -> None:
    """So many complaints of two years, one in fifty open, with five clocks each."""
    from sqlalchemy import create_engine

    engine = create_engine(url)
    values = {"rows": rows, "open": rows // 50, "customers": max(rows // 3, 1)}
    with engine.begin() as db:
        for statement in (ROWS, CLOCKS, TRANSFERS):
            db.execute(text(statement), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))
    engine.dispose()


async def measure(engine: AsyncEngine, days: int, rules: Targets) -> None:
    """The cost of each part, for the last so many days."""
    now = datetime.now(UTC)
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    period = Period(since, since + timedelta(days=days), ZONE, "day")
    for name, ask in (
        ("this moment", lambda db: measuring.standings(engine, now, now + timedelta(hours=8), None)),
        ("figures", lambda db: measuring.figures(db, period, None, rules)),
        ("figures of a department", lambda db: measuring.figures(db, period, "legal", rules)),
        ("trend", lambda db: measuring.trend(db, period, None)),
        ("about", lambda db: measuring.about(db, period, None)),
    ):
        took = []
        for _ in range(5):
            async with engine.connect() as db:
                began = time.perf_counter()
                await ask(db)
                took.append(time.perf_counter() - began)
        print(f"{days:4} days  {name:28} {1000 * sorted(took)[2]:8.1f} ms (median of 5)")


async def plans(engine: AsyncEngine, rules: Targets) -> None:
    """Every statement of the figures of thirty days, with its plan."""
    asked: list[tuple[str, object]] = []

    def keep(conn: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.lstrip().startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", keep)
    await measure(engine, 30, rules)
    event.remove(engine.sync_engine, "before_cursor_execute", keep)
    shown = set()
    async with engine.connect() as db:
        for statement, parameters in asked:
            if statement not in shown:
                shown.add(statement)
                print("\n" + statement)
                explained = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) " + statement
                for line in await db.run_sync(lambda c, e=explained, p=parameters: list(c.exec_driver_sql(e, p))):
                    print("   ", line[0])


async def main(rows: int, with_plans: bool) -> None:
    """Fill a database, and measure."""
    rules = load().targets
    assert rules is not None
    with tempfile.TemporaryDirectory() as folder, servers.postgres(Path(folder) / "data") as url:
        address = local_postgres.prepared(url("postgres"), MASTER)
        began = time.perf_counter()
        fill(url("postgres"), rows)
        print(f"{rows} complaints made in {time.perf_counter() - began:.0f} s")
        engine = engine_of(address, Keyring(MASTER))
        for days in (30, 365):
            await measure(engine, days, rules)
        if with_plans:
            await plans(engine, rules)
        await engine.dispose()


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:] if a.isdecimal()]
    asyncio.run(main(numbers[0] if numbers else 200_000, "--plans" in sys.argv))
