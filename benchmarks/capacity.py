"""`make capacity`: what a year needs at a thousand, a hundred thousand and ten million complaints a day.

Computed from figures that were measured (build/bench, else docs/performance; and the bytes of a complaint in a register
of a million); what was not measured is asked for, not guessed. Prints a table for docs/capacity.md.
"""

import math
import sys
from argparse import ArgumentParser
from pathlib import Path

from performance import merged
from results import Json, known
from tables import MISSING, table

PAGE, DAYS = Path("docs/capacity.md"), (1_000, 100_000, 10_000_000)
BUSY_HOURS, PEAK = 10, 3.0
"""A day's complaints come in ten hours, and at the busiest three times as fast as on average."""
HEADROOM = 0.5
"""Of what was measured at full load: no part is to be busier than half at the peak."""
REGISTER_BYTES = 13_400
"""Of one complaint in a register of a million seeded ones, indexes and keys included (docs/seeding.md)."""
SHARD_PER_SECOND = 10.0
"""Lives a second that one history shard is planned for: a rule of thumb, not a measurement."""


def needs(day: int, measured: Json) -> Json:
    """What so many complaints a day need, from lives a second, Actions, bytes and cores of one complaint."""
    average = day / 86_400
    peak = day / (BUSY_HOURS * 3600) * PEAK
    cores = peak * measured["core seconds"] / HEADROOM
    return {
        "complaints a day": f"{day:,}",
        "lives/s, average": round(average, 2),
        "lives/s, peak": round(peak, 1),
        "cores, all parts": math.ceil(cores),
        "workers of one core": math.ceil(peak * measured["worker seconds"] / HEADROOM),
        "webs of one core": math.ceil(peak * measured["web seconds"] / HEADROOM),
        "register a year": size(day * 365 * measured["register bytes"]),
        "open histories": size(day * measured["days open"] * measured["history bytes"]),
        "closed histories": size(day * measured["days kept"] * measured["history bytes"]),
        "shards": shards(peak),
        "Cloud Actions/s, peak": round(peak * measured["actions"], 1),
        "Cloud Actions a month": f"{day * 30 * measured['actions'] / 1e6:,.1f} million",
    }


def shards(peak: float) -> int:
    """A power of two; it cannot be changed later, so never less than Temporal's usual 512 for production."""
    return max(512, 2 ** math.ceil(math.log2(max(peak / SHARD_PER_SECOND, 1))))


def size(number: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} PB"


def measured_here(days_open: float, days_kept: float) -> Json | None:
    """The figures of one plain complaint; None while they were not measured."""
    lives, histories = known("lives"), known("histories")
    if lives is None or histories is None or "plain" not in histories["kinds"]:
        return None
    one, plain = lives["sizes"]["0"], histories["kinds"]["plain"]
    # The stack had all cores of its machine; who drove it, and the floor, are no part of it.
    busy = one["core seconds a life"]
    return {
        "core seconds": sum(s for part, s in busy.items() if part not in ("load", "floor", "run")),
        "worker seconds": busy["worker"], "web seconds": busy["web"], "register bytes": REGISTER_BYTES,
        "history bytes": plain["bytes"], "actions": plain["actions"], "days open": days_open, "days kept": days_kept,
    }  # fmt: skip


def main() -> int:
    """Compute, and put it into the page."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--days-open", type=float, default=20, help="how long a case lives, its reopening window too")
    parser.add_argument("--days-kept", type=float, default=30, help="retention of closed histories")
    wanted = parser.parse_args()
    measured = measured_here(wanted.days_open, wanted.days_kept)
    said = MISSING
    if measured is not None:
        columns = [needs(day, measured) for day in DAYS]
        heads = ["", *(c["complaints a day"] for c in columns)]
        said = table(heads, [[name, *(c[name] for c in columns)] for name in list(columns[0])[1:]])
        said += "\n\nFrom, of one plain complaint: " + ", ".join(f"{n} {v:.4g}" for n, v in measured.items()) + "."
    PAGE.write_text(merged(PAGE.read_text(), "capacity", said))
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
