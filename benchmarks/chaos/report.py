"""What a run was and what the checker found, as Markdown."""

import platform
from collections import Counter
from datetime import timedelta

from benchmarks.chaos import rules_time
from benchmarks.chaos.checker import table
from benchmarks.chaos.seen import Finding, Seen

SHOWN = 40


def lines(seen: Seen, findings: list[Finding], title: str) -> list[str]:
    """The whole report."""
    faults = Counter(f.what for f in seen.faults)
    disturbed = sum((f.end - f.begin for f in seen.faults), timedelta(0))
    return [
        f"# {title}",
        "",
        f"{seen.began:%Y-%m-%d %H:%M} UTC, {platform.machine()}, Python {platform.python_version()}; "
        f"{(seen.quiet - seen.began).total_seconds() / 60:.1f} minutes until all was quiet.",
        "",
        *table(findings),
        "",
        "| figure | |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in figures(seen).items()),
        f"| faults | {len(seen.faults)}: {_counted(faults)} |",
        f"| time disturbed, faults added up | {disturbed.total_seconds() / 60:.1f} minutes |",
        "",
        *(f"- **{f.kind}** · {f.rule} · {f.of} · {f.says}" for f in findings[:SHOWN]),
        *([f"- … and {len(findings) - SHOWN} more"] if len(findings) > SHOWN else []),
    ]


def figures(seen: Seen) -> dict[str, object]:
    """What happened, in numbers."""
    opens = [a for a in seen.asked if a.act == "open"]
    acts = [a for a in seen.asked if a.act != "open"]
    tries = [s for a in seen.asked for s in a.statuses]
    events = Counter(e["kind"] for case in seen.cases.values() for e in case.events)
    letters = Counter(letter["state"] for case in seen.cases.values() for letter in case.letters)
    waited = [(k.started_at - k.recorded_at).total_seconds() for k in seen.kept if k.started_at]
    failed = Counter(cause for p in seen.processes.values() for cause in p.failed_tasks)
    return {
        "complaints sent, answered, kept, cases": f"{len(opens)}, {sum(a.ok for a in opens)}, {len(seen.kept)}, "
        f"{len(seen.cases)}",
        "of them kept first (202), started later": sum(202 in a.statuses for a in opens),
        "acts asked, done, refused, never answered": f"{len(acts)}, {sum(a.ok for a in acts)}, "
        f"{sum(not a.ok and not a.unknown for a in acts)}, {sum(a.unknown for a in acts)}",
        "requests, repeats, without an answer, 503": f"{len(tries)}, {len(tries) - len(seen.asked)}, "
        f"{tries.count(None)}, {tries.count(503)}",
        "stages at the end": _counted(Counter(case.row["stage"] for case in seen.cases.values())),
        "letters": _counted(letters),
        "taken outside": _counted(Counter(m.kind for m in seen.mail)),
        "reminders, breaches, escalations": f"{events['reminded']}, {events['breached']}, {events['escalated']}",
        **rules_time.figures(seen),
        "seconds from kept to started": rules_time.spread(waited),
        "events in the histories of the cases": sum(events.values()),
        "workflow tasks failed": _counted(failed) or "none",
    }


def _counted(counts: "Counter[str]") -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
