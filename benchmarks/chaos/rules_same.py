"""The register says what the process says, column by column, and the histories are ones that can be."""

from collections.abc import Iterator
from itertools import pairwise

from benchmarks.chaos.seen import Case, Finding, Process, Seen, moment

NEEDS = {
    "classified": {"received"},
    "assigned": {"classified"},
    "accepted": {"assigned"},
    "resolved": {"accepted", "transfer_accepted"},
    "approval_asked": {"assigned"},
    "result_told": {"resolved", "answered_publicly"},
    "published": {"resolved", "answered_publicly"},
    "callback_due": {"result_told"},
    "called_back": {"callback_due"},
    "not_reached": {"callback_due"},
}
"""What must have happened before, in the same round."""
OF_A_ROUND = {
    "assigned",
    "accepted",
    "transfer_accepted",
    "resolved",
    "answered_publicly",
    "result_told",
    "callback_due",
}
NOT_WHEN_CLOSED = {*NEEDS, "paused", "extended", "extension_asked", "transfer_asked", "noted"} - {"approval_asked"}
ENDED = ("RUNNING", "COMPLETED")


def processes(seen: Seen) -> Iterator[Finding]:
    """Each process runs or has ended by itself, and replays; a task that failed was not for what it did."""
    for reference, process in seen.processes.items():
        if process.status not in ENDED:
            yield Finding("wrong", "a process that ended otherwise", reference, process.status)
        if process.broken:
            yield Finding("wrong", "a history that does not replay", reference, process.broken)
        for cause, times in process.failed_tasks.items():
            if "NON_DETERMINISTIC" in cause:
                yield Finding("wrong", "workflow task failed", reference, f"{cause} x{times}")
    for workflow, what in seen.standing.items():
        yield Finding("wrong", "a process that does not get on", workflow, what)
    if seen.audit:
        yield Finding("wrong", "the audit log", "audit", seen.audit)


def register(seen: Seen) -> Iterator[Finding]:
    """Sealed state, columns and clock rows against the state that the process has by its history."""
    for reference, process in seen.processes.items():
        case = seen.cases.get(reference)
        if case is None or process.state is None:
            if process.state is not None:
                yield Finding("lost", "a process the register does not know", reference, "no row")
            continue
        yield from (
            Finding("wrong", "the register says otherwise", reference, said) for said in _differs(case, process)
        )


def _differs(case: Case, process: Process) -> Iterator[str]:
    state = process.state or {}
    for name in state:
        if name not in ("done_requests", "unsaved", "wanted", "errands") and case.state.get(name) != state[name]:
            yield f"{name} of the sealed state"
    if state["unsaved"] or state["wanted"]:
        yield "the process has something it did not save"
    for name in ("seq", "stage", "outcome", "round"):
        if case.row[name] != state[name]:
            yield f"{name} is {case.row[name]}, the process has {state[name]}"
    if len(case.events) != state["seq"]:
        yield f"{len(case.events)} events, the process has {state['seq']}"
    if set(case.clocks) != set(state["clocks"]):
        yield "other clocks"
    for name, row in case.clocks.items():
        own = state["clocks"].get(name, {})
        for what in ("started_at", "due_at", "warned_at", "breached_at", "stopped_at"):
            if own and row[what] != (moment(own[what]) if own[what] else None):
                yield f"{name} {what} is {row[what]}, the process has {own[what]}"


def histories(seen: Seen) -> Iterator[Finding]:
    """Events are numbered without a gap, in order of time, and follow from each other."""
    for case in seen.cases.values():
        yield from (Finding("wrong", "an order that cannot be", case.reference, said) for said in _order(case))


def _order(case: Case) -> Iterator[str]:
    events = case.events
    if [e["seq"] for e in events] != list(range(1, len(events) + 1)):
        yield f"events are numbered {[e['seq'] for e in events]}"
    if any(moment(a["at"]) > moment(b["at"]) for a, b in pairwise(events)):
        yield "an event is older than the one before it"
    happened: set[str] = set()
    closed = False
    for event in events:
        kind = event["kind"]
        if kind in NEEDS and not NEEDS[kind] & happened:
            yield f"{kind} (event {event['seq']}) without {' or '.join(sorted(NEEDS[kind]))}"
        if closed and kind in NOT_WHEN_CLOSED:
            yield f"{kind} (event {event['seq']}) after it was closed"
        if kind in ("round_begun", "reopened"):
            happened -= OF_A_ROUND
        closed = kind == "closed" or (closed and kind != "reopened")
        happened.add(kind)
    last = next((e for e in reversed(events) if e["kind"] in ("closed", "reopened")), None)
    if (last is not None and last["kind"] == "closed") != (case.row["stage"] == "closed"):
        yield f"its stage is {case.row['stage']}, its history says otherwise"
    if last and last["kind"] == "closed" and last["data"]["outcome"] != case.row["outcome"]:
        yield f"its outcome is {case.row['outcome']}, its history says {last['data']['outcome']}"
