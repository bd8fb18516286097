"""What was measured as tables in Markdown, one function a part. A missed goal is said as plainly as one met."""

import statistics
from typing import Any

from spread import slope

Json = dict[str, Any]
MISSING = "Not measured yet."
CACHED = 1000
"""Complaints that a worker keeps in its cache (`max_cached_workflows`, the SDK's own default)."""
GOALS = {
    "ratio": 0.6, "per core": 5.0, "opening": 1.5, "at rest": 1.0, "crowd": 60.0, "outage": 120.0, "idle": 0.02,
    "events": 60, "grown": 0.9,
}  # fmt: skip


def table(heads: list[str], rows: list[list[Any]]) -> str:
    """A table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def verdict(value: float, goal: float, *, most: bool) -> str:
    """Whether a goal is met: at most that, or at least."""
    met = value <= goal if most else value >= goal
    return f"{'met' if met else '**missed**'} ({'≤' if most else '≥'} {goal:g})"


def spanned(found: Json) -> str:
    """A median with its spread."""
    return f"{found['median']:g} ({found['smallest']:g} to {found['largest']:g}, {found['n']})"


def lives(found: Json) -> str:
    """Lifecycles a second against the floor, by size of the register."""
    empty = found["sizes"].get("0") or next(iter(found["sizes"].values()))
    heads = ["complaints there", "lives/s", "floor/s", "ratio", "goal", "lives/s per core", "goal"]
    heads += ["ratio to that of the first line", "goal"]
    kept = {size: round(one["ratio"]["median"] / empty["ratio"]["median"], 2) for size, one in found["sizes"].items()}
    rows = [
        [
            f"{int(size):,}", spanned(one["lives"]), spanned(one["floor"]), spanned(one["ratio"]),
            verdict(one["ratio"]["median"], GOALS["ratio"], most=False), f"{one['per core']['median']:g}",
            verdict(one["per core"]["median"], GOALS["per core"], most=False),
            *(["", ""] if one is empty else [kept[size], verdict(kept[size], GOALS["grown"], most=False)]),
        ]
        for size, one in found["sizes"].items()
    ]  # fmt: skip
    share = table(list(empty["cpu share"]), [[f"{s:.0%}" for s in empty["cpu share"].values()]])
    heads_of = ["act", "p50 s", "p95 s", "p99 s", "largest s"]
    waits = table(heads_of, [[w, t["p50"], t["p95"], t["p99"], t["largest"]] for w, t in empty["latency"].items()])
    said = f"{found['lanes']} complaints at once, {found['seconds']:g} s a round, {found['updates']} acts a life."
    used = f"{said} Who used the processor:\n\n{share}"
    return f"{table(heads, rows)}\n\n{used}\n\nHow long an act took meanwhile:\n\n{waits}"


def opening(found: Json) -> str:
    """Openings against a bare start."""
    heads = ["complaints there", "opening p50 ms", "p95", "p99", "bare p50 ms", "p95", "ratio of the medians", "goal"]
    rows = []
    for size, one in found["sizes"].items():
        ours, bare, ratio = one["open ms"], one["bare ms"], one["ratio of medians"]
        goal = verdict(ratio, GOALS["opening"], most=True)
        rows.append([f"{int(size):,}", ours["p50"], ours["p95"], ours["p99"], bare["p50"], bare["p95"], ratio, goal])
    return table(heads, rows)


def lateness(found: Json) -> str:
    """How late deadlines are heard."""
    heads = ["when", "deadlines", "p50 s", "p99 s", "largest s", "goal"]
    told = {"at rest": ("at rest", "p99"), "crowd": ("all in one minute", "largest")}
    told["outage"] = (f"after {found.get('outage', {}).get('minutes', 0):g} minutes without Temporal", "largest")
    rows = [
        [words, found[n]["n"], found[n]["p50"], found[n]["p99"], found[n]["largest"],
         verdict(found[n][which], GOALS[n], most=True)]
        for n, (words, which) in told.items() if n in found
    ]  # fmt: skip
    return table(heads, rows)


def holding(found: Json) -> str:
    """Memory, idleness and waking."""
    points, idle, woken = found["memory MB"], found["idle share of a core"], found["woken"]
    some = points[:: max(len(points) // 5, 1)]
    heads, names = ["open", "worker MB", "web MB", "Temporal MB"], ("open", "worker", "web", "temporal")
    memory = table(heads, [[p[name] for name in names] for p in some])
    shares = [
        [part, f"{share:.2%}", verdict(share, GOALS["idle"], most=True)]
        for part, share in idle.items()
        if part != "load"
    ]
    rest = table(["part", "idle, of one core", "goal"], shares)
    said = f"All {found['number']:,} took an act {woken['seconds']:g} s after a worker that knew none of them began, "
    said += f"{woken['a second']:g} a second; the worker then had {woken['worker MB after']} MB. "
    said += f"On disk: histories {found['histories MB']} MB, register {found['register MB']} MB. "
    said += "Compared by hand then, and again: " + ", ".join(
        f"{one['compared']:,} cases of which {one['asked']:,} were asked in {one['seconds']:g} s, "
        f"{sum(one['found'].values())} differences"
        for one in found["comparisons"]
    )
    return f"{memory}\n\n{rest}\n\n{said}."


def histories(found: Json) -> str:
    """Events, bytes and Actions by kind."""
    heads = ["kind", "events", "kB", "Actions", "made of"]
    rows = [
        [kind.replace("_", " "), one["events"], round(one["bytes"] / 1000, 1), one["actions"],
         ", ".join(f"{n} {name}" for name, n in one["by"].items())]
        for kind, one in found["kinds"].items()
    ]  # fmt: skip
    plain = found["kinds"].get("plain")
    goal = f"\n\nPlain: {verdict(plain['events'], GOALS['events'], most=True)} events." if plain else ""
    return table(heads, rows) + goal


def peers(found: Json) -> str:
    """The process written in other ways."""
    heads = ["", "lives/s", "Amends to it", "deadline late p50 s", "p99 s", "largest s"]
    rows, killed = [], []
    for name in ("amends", "ordinary", "on_dbos"):
        one, late = found[name], found[name]["late"]
        ratio = spanned(one["amends to it"]) if "amends to it" in one else ""
        rows.append([name, spanned(one["lives"]), ratio, late["p50"], late["p99"], late["largest"]])
        if "killed" in one:
            killed.append([name, *one["killed"].values()])
    heads_of = ["after kill -9", *found["ordinary"]["killed"]]
    said = f"The ordinary way looks for deadlines every {found['sweep']:g} s."
    return f"{table(heads, rows)}\n\n{said}\n\n{table(heads_of, killed)}"


def scaling(found: Json) -> str:
    """Throughput by number, and what was full."""
    parts = [p for p in found["by number"][0]["cores"] if p not in ("floor", "run")]
    heads = ["workers", "webs", "lives/s", *(f"{p}, cores" for p in parts)]
    rows = [[o["workers"], o["webs"], o["lives"], *(o["cores"].get(p, 0) for p in parts)] for o in found["by number"]]
    return table(heads, rows)


def settled(points: list[Json]) -> list[Json]:
    """The points from when more complaints were begun than the worker keeps in its cache: until then it may grow."""
    return [p for p in points if p["begun"] > CACHED] or points


def soak(found: Json) -> str:
    """First third against last, of the time after the cache was full."""
    points = settled(found["points"])
    third, rows = max(len(points) // 3, 1), []
    for name in points[0]:
        if name not in ("minute", "begun"):
            values = [(p["minute"] / 60, p.get(name, 0)) for p in points]
            first, last = (statistics.median(v for _, v in part) for part in (values[:third], values[-third:]))
            rows.append([name, round(first, 1), round(last, 1), round(slope(values), 1) if len(values) > 1 else "-"])
    said = f"{found['minutes']:g} minutes at {found['rate']:.2f} lives a second: "
    said += f"{found['begun']} begun, {found['failed']} failed. "
    said += f"From minute {points[0]['minute']:.0f} on, when {CACHED:,} complaints had filled the worker's cache:"
    return f"{said}\n\n{table(['figure', 'first third', 'last third', 'slope an hour'], rows)}"


def profile(found: Json) -> str:
    """Top functions."""
    said = []
    for part in ("worker", "web"):
        own = list(found[part]["own"].items())[:12]
        total = [t for t in found[part]["total"].items() if "_click" not in t[0] and "typer" not in t[0]][:30]
        for kind, rows in (("own time", own), ("with what it calls", total)):
            said.append(table([f"{part}, {kind}", "share"], [[f"`{name or '?'}`", f"{s:.1%}"] for name, s in rows]))
    return "\n\n".join(said)
