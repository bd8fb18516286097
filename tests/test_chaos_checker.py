"""The checker of `make chaos` on made-up runs: a clean one, and the same with one thing wrong in it each."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flow import Flow, almanac
from oracle_clocks import rules_as_data
from random_moves import Try

from benchmarks.chaos.breaks import BREAKS, apply
from benchmarks.chaos.checker import RULES, check
from benchmarks.chaos.notes import Notes, read
from benchmarks.chaos.rules_time import Clocks
from benchmarks.chaos.seen import Asked, Case, Fault, Kept, Mail, Process, Seen, moment
from complaints import procedure
from complaints.case import Case as OfProcess
from complaints.classify import classify
from complaints.detours import mass
from complaints.form import ComplaintForm
from complaints.names import Kind, Outcome
from complaints.records import PROCESS, Letter
from policies.load import by_version

OPENED = datetime(2026, 12, 1, 2, tzinfo=UTC)
RECEIVED = OPENED - timedelta(hours=47)
NOW = OPENED + timedelta(hours=2)
REFERENCE, NOTE = "CMP-2026-000001", "k1-0-1"
Plant = Callable[[Seen], Any]


def lived() -> Flow:
    """A complaint keyed in late, whose first response is broken within the run, with a note and an acknowledgement."""
    policy = by_version("cn-2026-11-20")
    form = ComplaintForm.model_validate(
        {
            "channel": "email",
            "received_at": RECEIVED,
            "complainant": {"name": "测试客户", "email": "customer@example.com"},
            "matter": "信用卡年费被重复扣收，要求退回多收的300元年费。 (chaos-1-00000)",
            "product": "credit_card",
        }
    )
    found = classify(form, policy.classification, policy.version)
    flow = Flow(form, found, policy.for_case(RECEIVED.date()), OPENED)
    letter = Letter(number=1, kind="acknowledgement", way="email", ordered_at=OPENED, state="sent", done_at=OPENED)
    flow.case.letters.append(letter)
    flow.now = OPENED + timedelta(minutes=5)
    assert flow.act(Try("note", "agent", "/complaints/x/notes", {"text": "补充"}), 1)
    flow.forward(NOW)
    flow.step()
    flow.case.done_requests = {f"agent:{NOTE}": "digest"}
    return flow


def clean() -> Seen:
    """A run of one complaint in which nothing is wrong."""
    case = lived().case
    flow = lived()
    state = case.model_dump(mode="json", exclude={"policy"})
    events = [e.model_dump(mode="json", exclude={"tell"}) for e in flow.events]
    row = {name: state[name] for name in ("stage", "outcome", "seq", "round")}
    clocks = {name: clock.model_dump() for name, clock in case.clocks.items()}
    letters = [
        {"message_id": f"{REFERENCE}-1", "number": 1, "kind": "acknowledgement", "way": "email", "state": "sent"}
    ]
    said = {"received_at": RECEIVED.isoformat(), "channel": "email", "ways": ["email"], "anonymous": False}
    digest = {"id": "digest-agent-1", "mail": "sent", "webhook": "sent", "done_at": NOW}
    seen = Seen(1, OPENED, NOW, NOW)
    seen.asked = [
        Asked("k1-open-0", "open", "agent", 0, said, [None, 201], {REFERENCE}),
        Asked(NOTE, "note", "agent", 0, {}, [200], {REFERENCE}),
    ]
    seen.kept = [Kept(REFERENCE, "k1-open-0", OPENED, OPENED + timedelta(seconds=1))]
    seen.cases = {REFERENCE: Case(REFERENCE, row, copy.deepcopy(state), events, clocks, letters)}
    seen.processes = {REFERENCE: Process("RUNNING", state=state)}
    due = case.clocks["resolution"].due_at
    seen.mail = [
        Mail(OPENED, "email", f"{REFERENCE}-1", f"预计于 {due.year}年{due.month}月{due.day}日 {due:%H:%M} 前答复"),
        Mail(OPENED, "email", "digest-agent-1", "1"),
        Mail(OPENED, "staff", "digest-agent-1", "1"),
    ]
    seen.digests = [digest]
    return seen


def the_case(seen: Seen) -> Case:
    return seen.cases[REFERENCE]


def vanish(seen: Seen) -> None:
    seen.cases, seen.processes, seen.kept = {}, {}, []


def again_under(seen: Seen, reference: str, text: str = "(chaos-1-00000)") -> None:
    twin = copy.deepcopy(the_case(seen))
    twin.reference, twin.letters = reference, []
    twin.state["form"]["matter"] = text
    seen.cases[reference] = twin
    seen.processes[reference] = copy.deepcopy(seen.processes[REFERENCE])
    seen.kept.append(Kept(reference, "other", OPENED, OPENED))


def without(seen: Seen, kind: str) -> None:
    """The event is nowhere: neither in the register nor in the process."""
    case = the_case(seen)
    case.events = [e for e in case.events if e["kind"] != kind]
    for number, event in enumerate(case.events, start=1):
        event["seq"] = number
    for state in (case.state, case.row, seen.processes[REFERENCE].state or {}):
        state["seq"] = len(case.events)


def add(seen: Seen, kind: str, by: str, data: dict[str, Any]) -> None:
    case = the_case(seen)
    case.events.append({"seq": len(case.events) + 1, "at": NOW.isoformat(), "kind": kind, "by": by, "data": data})
    for state in (case.state, case.row, seen.processes[REFERENCE].state or {}):
        state["seq"] = len(case.events)


def broken_late(seen: Seen) -> None:
    broken = [e for e in the_case(seen).events if e["kind"] == "breached"]
    event = next(e for e in broken if e["data"]["clock"] == "first_response")
    event["at"] = (moment(event["at"]) + timedelta(minutes=10)).isoformat()
    event["data"]["late_by_seconds"] += 600


def of_the_case(seen: Seen, what: str, value: Any) -> None:
    the_case(seen).row[what] = value


def of_the_letter(seen: Seen, what: str, value: Any) -> None:
    the_case(seen).letters[0][what] = value


def of_the_clock(seen: Seen, name: str, what: str, value: Any) -> None:
    for state in (the_case(seen).state, seen.processes[REFERENCE].state or {}):
        state["clocks"][name][what] = value.isoformat()
    the_case(seen).clocks[name][what] = value


PLANTED: list[tuple[str, str, Plant]] = [
    ("lost", "complaint answered, then lost", vanish),
    ("lost", "answered, but not in the inbox", lambda s: s.kept.clear()),
    ("lost", "a case without a process", lambda s: s.processes.clear()),
    ("lost", "a process the register does not know", lambda s: s.cases.clear()),
    ("lost", "act answered, the process does not know it", lambda s: s.processes[REFERENCE].state["done_requests"].clear()),
    ("lost", "act answered, not in the history", lambda s: without(s, "noted")),
    ("lost", "letter noted as sent, never taken", lambda s: s.mail.clear()),
    ("lost", "letter ordered, not kept", lambda s: the_case(s).letters.clear()),
    ("lost", "nobody was told that it came", lambda s: the_case(s).state["letters"].clear()),
    ("lost", "digest noted as sent, never taken", lambda s: s.mail.pop()),
    ("doubled", "one key, two cases", lambda s: again_under(s, "CMP-2026-000002")),
    ("doubled", "one act, two events", lambda s: add(s, "noted", "agent", {"number": 2, "contact": False})),
    ("doubled", "one letter, taken twice", lambda s: s.mail.append(s.mail[0])),
    ("doubled", "one occasion, two letters", lambda s: the_case(s).state["letters"].append(the_case(s).state["letters"][0])),
    ("late", "an alarm came late", broken_late),
    ("late", "letter still waits", lambda s: of_the_letter(s, "state", "ready")),
    ("late", "digest still waits", lambda s: s.digests[0].update(done_at=None)),
    ("late", "kept, and never started", lambda s: setattr(s.kept[0], "started_at", None)),
    ("late", "kept, and started late", lambda s: setattr(s.kept[0], "started_at", OPENED + timedelta(minutes=2))),
    ("missed", "a limit was broken, and nobody said so", lambda s: without(s, "breached")),
    ("missed", "an alarm was not heard", lambda s: setattr(s, "now", NOW + timedelta(days=3))),
    ("wrong", "a case nobody asked for", lambda s: again_under(s, "CMP-2026-000003", "x")),
    ("wrong", "received at another time", lambda s: s.asked[0].said.update(received_at=OPENED.isoformat())),
    ("wrong", "answered 500", lambda s: s.asked[1].statuses.append(500)),
    ("wrong", "a letter nobody keeps", lambda s: s.mail.append(Mail(NOW, "sms", "CMP-2026-000009-1", ""))),
    ("wrong", "letter noted as failed, and taken", lambda s: of_the_letter(s, "state", "failed")),
    ("wrong", "told a date that is not the case's", lambda s: setattr(s.mail[0], "text", "2030年1月1日 17:30")),
    ("wrong", "a clock that is not as its events say", lambda s: of_the_clock(s, "resolution", "started_at", OPENED)),
    ("wrong", "a history that cannot be", lambda s: add(s, "breached", "process", {"clock": "resolution", "late_by_seconds": 0})),
    ("wrong", "set aside", lambda s: setattr(s.kept[0], "set_aside", "no answer")),
    ("wrong", "a process that ended otherwise", lambda s: setattr(s.processes[REFERENCE], "status", "TERMINATED")),
    ("wrong", "a process that does not get on", lambda s: s.standing.update(reconcile="its workflow task, try 12")),
    ("wrong", "a history that does not replay", lambda s: setattr(s.processes[REFERENCE], "broken", "nondeterminism")),
    ("wrong", "workflow task failed", lambda s: s.processes[REFERENCE].failed_tasks.update(NON_DETERMINISTIC_ERROR=1)),
    ("wrong", "the audit log", lambda s: setattr(s, "audit", "line 7: changed")),
    ("wrong", "the register says otherwise", lambda s: of_the_case(s, "stage", "callback")),
    ("wrong", "an order that cannot be", lambda s: add(s, "result_told", "agent", {})),
]  # fmt: skip


def test_a_clean_run_is_clean() -> None:
    assert check(clean()) == []


@pytest.mark.parametrize(("kind", "rule", "plant"), PLANTED, ids=[f"{kind}: {rule}" for kind, rule, _ in PLANTED])
def test_what_is_wrong_is_found(kind: str, rule: str, plant: Plant) -> None:
    seen = clean()
    plant(seen)
    assert (kind, rule) in {(f.kind, f.rule) for f in check(seen)}


def test_every_rule_finds_something() -> None:
    """A rule that none of the planted faults wakes is a rule nobody has seen at work."""
    awake = set()
    for _, _, plant in PLANTED:
        seen = clean()
        plant(seen)
        awake |= {rule for rule in RULES if list(rule(seen))}
    assert awake == set(RULES)


def test_what_a_fault_was_in_the_way_of_may_come_late() -> None:
    seen = clean()
    broken_late(seen)
    due = RECEIVED + timedelta(hours=48)
    seen.faults = [Fault(due - timedelta(minutes=1), due + timedelta(minutes=9, seconds=30), "kill")]
    assert [f for f in check(seen) if f.kind == "late"] == []
    seen.faults = [Fault(due - timedelta(minutes=1), due + timedelta(minutes=2), "kill")]
    assert [f.rule for f in check(seen) if f.kind == "late"] == ["an alarm came late"]


@pytest.mark.parametrize("of_another", [True, False])
def test_the_clocks_of_a_major_complaint_that_is_closed_before_anybody_responds(of_another: bool) -> None:
    """Its own response outlives it; one of another's incident ends with it. Once the checker took both for the first."""
    policy = by_version("cn-2026-11-20")
    form, withdrawn = lived().case.form, OPENED + timedelta(minutes=5)
    case = OfProcess(reference=REFERENCE, form=form, opened_by="agent", opened_at=OPENED)
    procedure.receive(case, policy.for_case(RECEIVED.date()), OPENED)
    if of_another:
        mass.belong(case, "CMP-2026-000009", PROCESS, "text 1.00 like it", OPENED)
    found = classify(form, policy.classification, policy.version)
    procedure.classify(case, found.model_copy(update={"kinds": [Kind.major]}), OPENED)
    procedure.close(case, Outcome.withdrawn, withdrawn)
    events = [e.model_dump() for e in case.unsaved]
    shown = {"received_at": RECEIVED, "classification": found.model_dump()}
    wanted = Clocks(shown, almanac(), rules_as_data()).read(events, withdrawn)
    assert wanted["major_response"].stopped == case.clocks["major_response"].stopped_at
    assert (wanted["major_response"].stopped == withdrawn) is of_another


def test_an_act_nobody_answered_may_have_been_done_or_not() -> None:
    for plant in (lambda s: None, lambda s: without(s, "noted")):
        seen = clean()
        plant(seen)
        seen.asked[1].statuses = [None]
        assert [f for f in check(seen) if f.kind in ("lost", "doubled")] == []


@pytest.mark.parametrize("broken", BREAKS, ids=[b.name for b in BREAKS])
def test_every_break_of_the_proof_still_applies(broken: Any, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    for change in broken.changes:
        (tmp_path / change.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / change.file).write_text((pytestconfig.rootpath / change.file).read_text("utf-8"), "utf-8")
    apply(broken, tmp_path)
    for file in {change.file for change in broken.changes}:
        compile((tmp_path / file).read_text("utf-8"), file, "exec")


def test_the_rules_of_the_breaks_are_rules_of_the_checker() -> None:
    known = {(kind, rule) for kind, rule, _ in PLANTED}
    assert {(b.kind, rule) for b in BREAKS for rule in b.rules} <= known


def test_a_note_cut_short_by_a_kill_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    Notes(path).add(number=1)
    with path.open("a") as file:
        file.write('{"at": "2026-12-0')
    Notes(path).add(number=2)
    assert [note["number"] for note in read(path)] == [1, 2]
