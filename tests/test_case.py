"""The pure rules of a case: alarms, approvals, who is told, and every act in every stage. Milliseconds."""

import ast
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from given import AGENT, HANDLER, MANAGER, NOW, SUPERVISOR, opened

from activities.wording import EVENTS
from complaints import acts, alarms, procedure, sla
from complaints import messages as m
from complaints.approving import needed
from complaints.case import Case
from complaints.checks import POSSIBLE, possible
from complaints.detours import extension, incident, pause, rounds
from complaints.errors import Refused
from complaints.form import ComplaintForm, Money
from complaints.names import Channel, Kind, Nature, Outcome, Role, Stage
from complaints.policy import LETTER_KINDS
from complaints.records import Feedback, Redress, Resolution
from complaints.sla import Happens

ROOT = Path(__file__).parents[1]


def resolve(case: Case, amount: str | None, currency: str = "CNY") -> None:
    money = Money(value=Decimal(amount), currency=currency) if amount else None
    redress = Redress(kind="compensation" if amount else "none", amount=money)
    case.resolutions.append(
        Resolution(at=NOW, by="han", findings="f", responsibility="r", measures="m", redress=redress, root_cause="c")
    )


def test_the_alarms_of_the_resolution_clock() -> None:
    clock = opened().clocks["resolution"]
    assert [(a.at.strftime("%m-%d %H:%M"), a.what, a.tell, a.letter) for a in clock.alarms] == [
        ("03-13 17:30", Happens.reminder, ["handler"], "progress"),
        ("03-16 17:30", Happens.reminder, ["handler", "supervisor"], None),
        ("03-17 17:30", Happens.breach, ["supervisor"], "apology"),
        ("03-18 17:30", Happens.escalation, ["manager"], None),
        ("03-20 17:30", Happens.escalation, ["head_office"], None),
    ]


def test_an_alarm_sounds_once_and_a_reminder_overtaken_by_the_breach_tells_nobody() -> None:
    clock = opened().clocks["resolution"]
    assert sla.fire(clock, clock.due_at - timedelta(days=30)) == []
    late = clock.due_at + timedelta(hours=1)
    assert [a.what for a in sla.fire(clock, late)] == [Happens.breach]
    assert clock.warned_at is not None and clock.breached_at == clock.due_at
    assert sla.fire(clock, late) == []


@pytest.mark.parametrize(
    ("offset", "state"), [(timedelta(seconds=-1), "met"), (timedelta(0), "met"), (timedelta(seconds=1), "breached")]
)
def test_a_clock_stopped_at_its_end_is_met_and_after_it_broken(offset: timedelta, state: str) -> None:
    clock = opened().clocks["resolution"]
    sla.stop(clock, clock.due_at + offset)
    assert clock.state() == state
    assert clock.lateness(NOW) == max(offset, timedelta(0))
    assert clock.next_alarm() is None


def test_clocks_run_from_receipt_however_late_it_is_keyed() -> None:
    case = opened(received=NOW - timedelta(days=3))
    alarms.sound(case, NOW)
    assert case.clocks["registration"].started_at == NOW - timedelta(days=3)


def test_a_late_ladder_is_climbed_all_at_once_and_each_level_is_told() -> None:
    case = opened()
    alarms.sound(case, NOW + timedelta(days=40))
    told = [(e.data["clock"], e.data["level"]) for e in case.unsaved if e.kind in ("breached", "escalated")]
    assert [level for name, level in told if name == "resolution"] == [1, 2, 3]
    assert [letter.kind for letter in case.wanted] == ["apology"]
    assert case.breached() and case.next_alarm_at() is None


@pytest.mark.parametrize(
    ("nature", "kinds", "amount", "currency", "level"),
    [
        (Nature.product, [], None, "CNY", None),
        (Nature.product, [], "500.00", "CNY", None),
        (Nature.product, [], "500.01", "CNY", "supervisor"),
        (Nature.product, [], "10000.00", "CNY", "supervisor"),
        (Nature.product, [], "10000.01", "CNY", "manager"),
        (Nature.product, [], "200000.01", "CNY", "head_office"),
        (Nature.product, [], "70.00", "USD", None),
        (Nature.product, [], "0.01", "JPY", "head_office"),
        (Nature.violation, [], None, "CNY", "supervisor"),
        (Nature.violation, [], "20000.00", "CNY", "manager"),
        (Nature.service, [Kind.major], None, "CNY", "manager"),
        (Nature.violation, [Kind.major], "300000.00", "CNY", "head_office"),
        (Nature.service, [Kind.anonymous], None, "CNY", None),
    ],
)
def test_who_must_approve(
    nature: Nature, kinds: list[Kind], amount: str | None, currency: str, level: str | None
) -> None:
    case = opened()
    assert case.classification
    case.classification = case.classification.model_copy(update={"nature": nature, "kinds": kinds})
    resolve(case, amount, currency)
    found = needed(case)
    assert (found[0] if found else None) == level
    assert found is None or found[1], "says why"


def test_nobody_approves_their_own_work() -> None:
    case = opened(nature=Nature.violation)
    acts.accept(case, m.Accept(by=HANDLER, request_id="1"), NOW)
    both = HANDLER.model_copy(update={"roles": [Role.handler, Role.supervisor]})
    body = {"findings": "f", "responsibility": "r", "measures": "m", "root_cause": "c"}
    acts.resolve(case, m.Resolve(by=both, request_id="2", **body), NOW)
    decision = {"approval_id": case.approvals[0].id, "decision": "approve", "reason": "fine"}
    with pytest.raises(Refused, match="own work"):
        acts.decide(case, m.Decide(by=both, request_id="3", **decision), NOW)
    acts.decide(case, m.Decide(by=SUPERVISOR, request_id="4", **decision), NOW)
    assert case.stage is Stage.feedback


ACTS: dict[str, tuple[Any, Any]] = {
    "classification": (acts.correct, m.Correct(by=SUPERVISOR, request_id="x", reason="r")),
    "assignment": (acts.assign, m.Assign(by=SUPERVISOR, request_id="x", department="legal", reason="r")),
    "acceptance": (acts.accept, m.Accept(by=HANDLER, request_id="x")),
    "resolution": (
        acts.resolve,
        m.Resolve(by=HANDLER, request_id="x", findings="f", responsibility="r", measures="m", root_cause="c"),
    ),
    "decision": (
        acts.decide,
        m.Decide(by=MANAGER, request_id="x", approval_id="CMP-2026-900001-A1", decision="approve", reason="r"),
    ),
    "feedback": (acts.tell_result, m.TellResult(by=HANDLER, request_id="x")),
    "callback": (acts.call_back, m.CallBack(by=AGENT, request_id="x", reached=True, satisfaction=5)),
    "withdrawal": (acts.withdraw, m.Withdraw(by=AGENT, request_id="x", reason="r")),
    "note": (acts.add_note, m.AddNote(by=AGENT, request_id="x", text="t")),
}


def in_stage(stage: Stage) -> Case:
    case = opened()
    if stage in (Stage.in_progress, Stage.awaiting_approval, Stage.feedback, Stage.callback, Stage.closed):
        acts.accept(case, m.Accept(by=HANDLER, request_id="1"), NOW)
    if stage is Stage.awaiting_approval:
        resolve(case, "900.00")
        procedure.ask_approval(case, NOW)
    if stage is Stage.closed:
        procedure.close(case, Outcome.satisfied, NOW)
    if stage is Stage.callback:
        procedure.begin_callback(case, NOW)
    case.stage = stage
    return case


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("act", ACTS)
def test_every_act_in_every_stage(act: str, stage: Stage) -> None:
    """Done where it makes sense; elsewhere refused with what is possible, and the case untouched."""
    case, (do, message) = in_stage(stage), ACTS[act]
    before = case.model_dump_json()
    if stage in POSSIBLE[act]:
        do(case, message, NOW)
        assert case.model_dump_json() != before
        return
    with pytest.raises(Refused) as refused:
        do(case, message, NOW)
    assert refused.value.code in ("wrong_stage", "unknown")
    assert refused.value.code == "unknown" or refused.value.possible == possible(stage)
    assert case.model_dump_json() == before


def test_recipients() -> None:
    case = opened()
    told = case.recipients(["handler", "supervisor", "manager", "head_office", "agent"])
    assert [(r.username, r.role, r.department) for r in told] == [
        ("han", None, None),
        (None, Role.supervisor, "card_centre"),
        (None, Role.manager, None),
        (None, Role.manager, "head_office"),
        ("agent", None, None),
    ]


def test_every_event_has_words_in_both_languages() -> None:
    """If this fails: give the event its words in activities/wording.py."""
    code = [p for room in ("complaints", "workflows") for p in (ROOT / room).rglob("*.py")]
    calls = [c for p in code for c in ast.walk(ast.parse(p.read_text())) if isinstance(c, ast.Call) and c.args]
    told = [c.args[0] for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "note"]
    said = [side for one in told for side in ((one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,))]
    noted = {one.value for one in said if isinstance(one, ast.Constant)}
    noted |= {f"letter_{state}" for state in ("sent", "failed", "uncertain")} | {"reminded", "breached", "escalated"}
    assert noted <= set(EVENTS), noted - set(EVENTS)
    assert set(EVENTS) <= noted, f"words for what never happens: {set(EVENTS) - noted}"
    assert all(zh and en for zh, en in EVENTS.values())


def test_every_kind_of_letter_is_sent_by_something() -> None:
    """If this fails: a letter was added that no step sends, or a step lost its letter."""
    senders = [ROOT / "workflows/complaint.py", ROOT / "policies/cn/2026-01-01/clocks.yaml"]
    said = "".join(p.read_text() for p in [*senders, *(ROOT / "complaints/detours").glob("*.py")])
    assert {kind for kind in LETTER_KINDS if not re.search(rf"\b{kind}\b", said)} == set()


def test_the_time_is_always_aware() -> None:
    with pytest.raises(ValueError, match="timezone"):
        ComplaintForm(channel=Channel.email, received_at=datetime(2026, 3, 10), complainant=None, matter="x")
    assert opened().clocks["resolution"].due_at.tzinfo is not None
    assert opened(received=NOW.astimezone(UTC)).clocks["resolution"].due_at == opened().clocks["resolution"].due_at


def in_hand(kinds: list[Kind] | None = None) -> Case:
    case = opened(*(kinds or []))
    acts.accept(case, m.Accept(by=HANDLER, request_id="1"), NOW)
    return case


def test_a_case_is_closed_while_its_complainant_is_waited_for() -> None:
    case = in_hand()
    pause.begin(case, pause.Pause(by=HANDLER, request_id="2", question="q", reason="r"), NOW)
    procedure.close(case, Outcome.withdrawn, NOW)
    assert case.pause is None and case.pauses[0].resumed_why == "closed"
    assert case.clocks["resolution"].state() == "met"


def asked_for_more(at: datetime) -> Case:
    case = in_hand()
    extension.ask(case, extension.AskExtension(by=HANDLER, request_id="2", amount=2, reason="r"), at)
    return case


def test_an_extension_lapses_when_its_clock_stops() -> None:
    case = asked_for_more(NOW)
    procedure.result_told(case, Feedback(at=NOW, way="spoken", by="agent"), NOW)
    assert case.extensions[0].state == "lapsed" and case.clocks["approval_1"].state() == "met"
    case = asked_for_more(NOW)
    procedure.close(case, Outcome.withdrawn, NOW)
    assert case.extensions[0].state == "lapsed" and case.approvals[0].decision == "lapsed"


@pytest.mark.parametrize(("asked", "state"), [("03-16T16:00", "breached"), ("03-17T16:00", "met")])
def test_what_fell_due_while_nobody_worked_is_told_as_if_somebody_had(asked: str, state: str) -> None:
    """Its approval ran out a day before, or was still running when the deadline passed and it lapsed."""
    case = asked_for_more(datetime.fromisoformat(f"2026-{asked}+08:00"))
    alarms.sound(case, NOW + timedelta(days=20))
    told = [e.data["clock"] for e in case.unsaved if e.kind == "breached"]
    assert case.clocks["approval_1"].state() == state
    assert ("approval_1" in told) == (state == "breached")
    assert case.extensions[0].state == "lapsed"


def test_who_was_reached_need_not_be_called_while_the_next_round_is_handled() -> None:
    case = in_hand()
    procedure.begin_callback(case, NOW)
    acts.call_back(case, m.CallBack(by=AGENT, request_id="2", reached=True, satisfaction=1), NOW)
    assert rounds.another(case, Outcome.dissatisfied_exhausted, NOW)
    assert case.clocks["callback"].state() == "met" and case.clocks["resolution_2"].state() == "running"


@pytest.mark.parametrize("led", [False, True])
def test_a_response_declared_again_leaves_the_first_clock_as_it_ended(led: bool) -> None:
    case = in_hand([Kind.major])
    if led:
        incident.acknowledge(case, m.Acknowledge(by=MANAGER, request_id="2"), NOW)
    for kinds in ([], [Kind.major]):
        acts.correct(case, m.Correct(by=SUPERVISOR, request_id="3", kinds=kinds, reason="r"), NOW)
    assert case.clocks["major_response"].state() == "met"
    assert ("major_response_2" in case.clocks) == (not led)
    if not led:
        incident.acknowledge(case, m.Acknowledge(by=MANAGER, request_id="4"), NOW)
    assert procedure.response_clock(case).stopped_at is not None


def test_an_act_that_is_tried_leaves_the_case_as_it_was() -> None:
    case = opened()
    before, trial = case.model_copy(deep=True), case.trial()
    acts.accept(trial, m.Accept(by=HANDLER, request_id="1"), NOW)
    assert trial.rules is case.rules and trial.form is case.form
    assert case == before != trial
