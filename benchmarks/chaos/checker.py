"""The independent checker: every rule over what was seen of a run, and the table of what was found."""

from collections import Counter

from benchmarks.chaos import rules_kept, rules_letters, rules_same, rules_time
from benchmarks.chaos.seen import Finding, Seen

RULES = (
    rules_kept.openings, rules_kept.acts, rules_kept.answers,
    rules_letters.sent_once, rules_letters.digests, rules_letters.one_for_each_occasion, rules_letters.dates,
    rules_time.clocks, rules_time.next_alarms, rules_time.late, rules_time.begun,
    rules_same.processes, rules_same.register, rules_same.histories,
)  # fmt: skip
KINDS = {
    "lost": "answered, and then not there",
    "doubled": "there twice",
    "late": "done later than the faults excuse",
    "missed": "a limit over, and nobody said so",
    "wrong": "the four sides do not agree",
}


def check(seen: Seen) -> list[Finding]:
    """Everything that must not be."""
    return [finding for rule in RULES for finding in rule(seen)]


def table(findings: list[Finding]) -> list[str]:
    """The counts, as a Markdown table."""
    counts = Counter(f.kind for f in findings)
    rows = [f"| {kind} | {means} | **{counts[kind]}** |" for kind, means in KINDS.items()]
    return ["| | means | found |", "| --- | --- | ---: |", *rows]
