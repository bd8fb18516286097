"""Nothing that was answered may be lost, and nothing may be there twice: complaints and acts."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from benchmarks.chaos.seen import Asked, Finding, Seen, moment

SAYS = {
    "correct": ("classification_corrected", "classification_confirmed"),
    "assign": ("assigned",),
    "accept": ("accepted",),
    "resolve": ("resolved",),
    "decide": ("approved", "rejected"),
    "note": ("noted",),
    "contact": ("noted",),
    "extend": ("extension_asked",),
    "pause": ("paused",),
    "resume": ("resumed",),
    "transfer": ("transfer_asked",),
    "answer_transfer": ("transfer_accepted", "transfer_rejected"),
    "plan": ("plan_filed", "plan_changed"),
    "duty": ("duty_answered",),
    "tell": ("result_told",),
    "call": ("called_back", "not_reached"),
    "withdraw": ("withdrawn",),
    "reopen": ("reopened",),
    "acknowledge": ("major_acknowledged",),
    "log": ("major_logged",),
    "task": ("major_task_given",),
    "done": ("major_task_done",),
    "report": ("major_reported",),
}
"""What each act leaves in the history, under the name of who did it."""
BESIDE = {("resolve", "resumed"), ("withdraw", "resumed")}


def _marks(seen: Seen) -> dict[int, list[str]]:
    """The references under which the complaint of each number is in the register."""
    found: dict[int, list[str]] = defaultdict(list)
    for reference, case in seen.cases.items():
        if mark := re.search(rf"\(chaos-{seen.seed}-(\d{{5}})\)", case.state["form"]["matter"]):
            found[int(mark[1])].append(reference)
    return found


def openings(seen: Seen) -> Iterator[Finding]:
    """Each complaint that was answered is one case, with what was said of it, and one process."""
    marks, kept = _marks(seen), {k.reference: k for k in seen.kept}
    asked_for = set()
    for asked in (a for a in seen.asked if a.act == "open"):
        references = sorted({*asked.references, *marks[asked.number]})
        asked_for.update(references)
        if len(references) > 1:
            yield Finding("doubled", "one key, two cases", asked.key, f"is {', '.join(references)}")
        if asked.ok and not marks[asked.number]:
            where = "kept, but no case" if any(r in kept for r in asked.references) else "nowhere"
            yield Finding("lost", "complaint answered, then lost", ", ".join(references) or asked.key, where)
        for reference in references:
            yield from _opening(seen, asked, reference, reference in kept)
    for reference in sorted({*seen.cases, *kept, *seen.processes} - asked_for):
        known = any(a.act == "open" and a.unknown for a in seen.asked)
        if not (known and reference in kept and reference not in seen.cases):
            yield Finding("wrong", "a case nobody asked for", reference, "no request of the client's belongs to it")


def _opening(seen: Seen, asked: Asked, reference: str, kept: bool) -> Iterator[Finding]:
    if asked.ok and not kept:
        yield Finding("lost", "answered, but not in the inbox", reference, f"{asked.key} was answered")
    if reference in seen.cases and reference not in seen.processes:
        yield Finding("lost", "a case without a process", reference, "Temporal does not know it")
    if (case := seen.cases.get(reference)) is not None:
        received = moment(asked.said["received_at"])
        if moment(case.state["form"]["received_at"]) != received:
            yield Finding("wrong", "received at another time", reference, f"was {received}")


def acts(seen: Seen) -> Iterator[Finding]:
    """Each act that was answered as done is in the process and once in the history; none is there that nobody did."""
    reference_of = {n: refs[0] for n, refs in _marks(seen).items()}
    said: dict[tuple[str, str, tuple[str, ...]], list[Asked]] = defaultdict(list)
    for asked in (a for a in seen.asked if a.act != "open"):
        reference = reference_of.get(asked.number, "")
        if asked.act in SAYS:
            said[reference, asked.user, SAYS[asked.act]].append(asked)
        process = seen.processes.get(reference)
        known = process.state["done_requests"] if process and process.state else {}
        if asked.ok and f"{asked.user}:{asked.key}" not in known:
            yield Finding("lost", "act answered, the process does not know it", reference, f"{asked.act} {asked.key}")
    events = {r: Counter((e["by"], e["kind"]) for e in case.events) for r, case in seen.cases.items()}
    kinds_done = {(r, user): {a.act for a in some if a.ok or a.unknown} for (r, user, _), some in said.items()}
    for (reference, user, kinds), some in said.items():
        there = sum(events.get(reference, Counter())[user, kind] for kind in kinds)
        done, perhaps = sum(a.ok for a in some), sum(a.unknown for a in some)
        if there < done:
            yield Finding(
                "lost", "act answered, not in the history", reference, f"{kinds[0]} by {user}: {there} of {done}"
            )
        own_side = any(act in kinds_done.get((reference, user), ()) for act, k in BESIDE if k in kinds)
        if there > done + perhaps and not own_side:
            yield Finding("doubled", "one act, two events", reference, f"{kinds[0]} by {user}: {there} for {done}")


def answers(seen: Seen) -> Iterator[Finding]:
    """A part that is away is answered with 503, never with a fault of our own; one key gets one case."""
    for asked in seen.asked:
        if any(s is not None and s >= 500 and s != 503 for s in asked.statuses):
            yield Finding("wrong", "answered 500", asked.key, f"{asked.act}: {asked.statuses}")
