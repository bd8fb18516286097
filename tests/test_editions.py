"""What the procedure does since edition 3, and that cases of an earlier edition go on as they began."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from given import AGENT, HANDLER, MANAGER, NOW, SECOND, body, opened

from complaints import acts, alarms, procedure
from complaints import messages as m
from complaints.case import Case
from complaints.detours import incident, merging
from complaints.duplicates import one_answer
from complaints.errors import Refused
from complaints.form import Complainant
from complaints.names import Kind, Stage
from complaints.records import Recipient
from complaints.turns import News

HOUR = timedelta(hours=1)


def earlier(case: Case) -> Case:
    """The same case, begun in edition 2."""
    case.policy = case.rules.model_copy(update={"edition": 2})
    return case


def taken(*kinds: Kind) -> Case:
    """A case in the hands of `han`."""
    case = opened(*kinds)
    acts.accept(case, m.Accept(by=HANDLER, request_id="a"), NOW)
    return case


# -- merging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "edition", "answer"),
    [
        (Stage.assigned, 3, "merge_taken"),
        (Stage.awaiting_approval, 3, "merge_taken"),
        (Stage.feedback, 3, "merge_refused"),
        (Stage.callback, 3, "merge_refused"),
        (Stage.closed, 3, "merge_refused"),
        (Stage.callback, 2, "merge_taken"),  # it goes on as it began
    ],
)
def test_a_complaint_whose_answer_is_out_takes_no_other_one_up(stage: Stage, edition: int, answer: str) -> None:
    case = taken() if edition == 3 else earlier(taken())
    case.stage = stage
    later = (NOW + HOUR).isoformat()
    merging.hear(case, News(kind="merge_asked", reference="CMP-2026-900002", by="agent", text=later), NOW)
    assert [e.news.kind for e in case.errands] == [answer]
    assert bool(case.links) == (answer == "merge_taken")


def test_one_answer_reaches_the_same_customer_or_two_whom_nobody_names() -> None:
    one, same, other = (
        Complainant(name="张伟", phone=phone) for phone in ("13800000001", "+8613800000001", "13900000002")
    )
    assert one_answer(one, same) and one_answer(None, None)
    assert not any(one_answer(*pair) for pair in ((one, other), (one, None), (None, one)))


# -- the response to a major complaint --------------------------------------------------------------------------------


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_response_that_was_stood_down_is_not_taken_up_and_who_was_called_is_told(acknowledged: bool) -> None:
    case = taken(Kind.major)
    called = case.recipients(["manager"])
    assert next(e for e in case.unsaved if e.kind == "major_declared").tell == called
    if acknowledged:
        incident.acknowledge(case, m.Acknowledge(by=MANAGER, request_id="k"), NOW)
    acts.correct(case, m.Correct(by=AGENT, request_id="c", kinds=[], reason="x"), NOW)
    assert case.incident is not None and case.incident.stood_down_at == NOW
    [ended] = [e for e in case.unsaved if e.kind == "major_stood_down"]
    assert ended.tell == ([Recipient(username="man")] if acknowledged else called)
    tries: list[tuple[Any, m.Act]] = [
        (incident.acknowledge, m.Acknowledge(by=SECOND, request_id="k2")),
        (incident.log_action, m.LogAction(by=MANAGER, request_id="l", text="x")),
        (incident.report, m.Report(by=MANAGER, request_id="r", text="x")),
    ]
    before = case.model_dump_json()
    for do, act in tries if acknowledged else tries[:1]:
        with pytest.raises(Refused) as refused:
            do(case, act, NOW)
        assert refused.value.code == "wrong_stage"
        assert refused.value.message == (
            "acknowledged by man before" if acknowledged and do is incident.acknowledge else "the response has ended"
        )
    assert case.model_dump_json() == before


def test_a_response_of_an_earlier_edition_can_be_taken_up_again() -> None:
    case = earlier(taken(Kind.major))
    acts.correct(case, m.Correct(by=AGENT, request_id="c", kinds=[], reason="x"), NOW)
    incident.acknowledge(case, m.Acknowledge(by=MANAGER, request_id="k"), NOW)
    assert case.incident is not None and case.incident.leader == "man"


def test_what_is_learnt_after_the_report_can_be_logged() -> None:
    case = taken(Kind.major)
    incident.acknowledge(case, m.Acknowledge(by=MANAGER, request_id="k"), NOW)
    incident.report(case, m.Report(by=MANAGER, request_id="e", text="x"), NOW)
    incident.log_action(case, m.LogAction(by=MANAGER, request_id="l", text="x"), NOW)
    assert case.incident is not None and len(case.incident.log) == 1


# -- approvals nobody gives --------------------------------------------------------------------------------------------


TOLD = [
    ("supervisor", [["supervisor"], ["manager"], ["head_office"]], "head_office"),
    ("manager", [["manager"], ["manager"], ["head_office"]], "head_office"),
    ("head_office", [["head_office"], ["head_office"], ["head_office"]], "head_office"),
]
"""The level that was asked; whom the reminder, the breach and the next rung tell; the level asked in the end."""


@pytest.mark.parametrize("by_name", [None, "somebody"])
@pytest.mark.parametrize(("level", "told", "last"), TOLD)
def test_a_late_approval_is_told_to_those_who_may_give_it(
    level: Any, told: list[list[Any]], last: str, by_name: str | None
) -> None:
    case = opened()
    asked = procedure.begin_approval(case, "resolution", level, ["x"], "han", NOW)
    asked.delegated_to = by_name
    moments = [a.at for a in case.clocks[asked.clock].alarms]
    case.clocks = {asked.clock: case.clocks[asked.clock]}  # no other speaks meanwhile
    case.unsaved.clear()
    for at in moments:
        alarms.sound(case, at)
    assert [e.data["told"] for e in case.unsaved] == told
    named = [Recipient(username=by_name)] if by_name else []
    assert [e.tell for e in case.unsaved] == [case.recipients(levels) + named for levels in told]
    assert asked.asked == last


def test_an_approval_of_an_earlier_edition_is_told_as_its_rules_say() -> None:
    case = earlier(opened())
    asked = procedure.begin_approval(case, "resolution", "head_office", ["x"], "han", NOW)
    asked.delegated_to = "somebody"
    alarms.sound(case, case.clocks[asked.clock].alarms[0].at)
    [reminded] = [e for e in case.unsaved if e.data.get("clock") == asked.clock]
    assert reminded.tell == case.recipients(["supervisor"])


# -- corrections -----------------------------------------------------------------------------------------------------

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "资金正在转出"}


def correct(case: Case, now: datetime, **said: Any) -> None:
    acts.correct(case, body(m.Correct, AGENT, **said), now)


@pytest.mark.parametrize(
    ("after", "due"),
    [
        (timedelta(minutes=20), HOUR),  # as if it had been urgent from the assignment on
        (2 * HOUR, 2 * HOUR),  # that is past: at once, and no earlier
    ],
)
def test_a_case_corrected_to_urgent_is_to_be_accepted_sooner(after: timedelta, due: timedelta) -> None:
    case = opened()
    old = case.clocks["acceptance"].due_at
    assert old == NOW + 4 * HOUR
    correct(case, NOW + after, **URGENT)
    clock = case.clocks["acceptance"]
    assert (clock.due_at, clock.breached_at) == (NOW + due, None)
    assert [(c.why, c.by, c.old_due_at, c.new_due_at) for c in clock.changes] == [("hastened", "agent", old, NOW + due)]
    [told] = [e for e in case.unsaved if e.kind == "hastened"]
    assert told.tell == case.recipients(["handler", "supervisor"])
    alarms.sound(case, NOW + max(due, after))
    assert clock.breached_at == NOW + due
    [broken] = [e for e in case.unsaved if e.kind == "breached" and e.data["clock"] == "acceptance"]
    assert broken.data["late_by_seconds"] == 0
    correct(case, NOW + 3 * HOUR, urgency="general", reason="x")
    correct(case, NOW + 3 * HOUR, **URGENT)
    assert len(clock.changes) == 1, "what is broken stays broken"


def test_nothing_is_hastened_that_nobody_waits_for() -> None:
    late, accepted, before = opened(), taken(), earlier(opened())
    alarms.sound(late, NOW + 8 * HOUR)
    for case in (late, accepted, before):
        kept = case.clocks["acceptance"].model_copy(deep=True)
        correct(case, NOW + 8 * HOUR if case is late else NOW, **URGENT)
        assert case.clocks["acceptance"] == kept
        assert not [e for e in case.unsaved if e.kind == "hastened"]


@pytest.mark.parametrize(
    ("said", "scores", "risk"),
    [
        ({"severity": 3}, (3, 1, 1), (3, "medium")),
        ({"likelihood": 3}, (1, 1, 3), (3, "medium")),
        ({"severity": 3, "difficulty": 2, "likelihood": 3}, (3, 2, 3), (9, "very_high")),
        ({"difficulty": 3}, (1, 3, 1), (1, "low")),
    ],
)
def test_scores_are_corrected_and_the_risk_follows(
    said: dict[str, int], scores: tuple[int, int, int], risk: tuple[int, str]
) -> None:
    case = opened()
    original = case.classification
    correct(case, NOW, **said, reason="核实")
    now = case.classification
    assert now is not None
    assert (now.severity, now.difficulty, now.risk.likelihood, now.risk.impact) == (*scores, scores[0])
    assert (now.risk.value, now.risk.level) == risk
    assert [c.before for c in case.corrections] == [original]
    event = case.unsaved[-1]
    assert (event.kind, event.data["severity"], event.data["risk"]) == ("classification_corrected", scores[0], risk[1])


def test_scores_said_as_they_are_confirm_the_class() -> None:
    case = opened()
    correct(case, NOW, severity=1, difficulty=1, likelihood=1, reason="核实")
    assert case.unsaved[-1].kind == "classification_confirmed" and "severity" not in case.unsaved[-1].data


def test_a_case_whose_rules_have_no_matrix_keeps_its_scores() -> None:
    case = opened()
    case.policy = case.rules.model_copy(update={"matrix": None})
    before = case.model_dump_json()
    with pytest.raises(Refused, match="know no correction of scores"):
        correct(case, NOW, severity=3, reason="核实")
    assert case.model_dump_json() == before
    correct(case, NOW, severity=1, nature="service", reason="核实")


def test_an_act_without_scores_is_the_act_it_was_before_there_were_any() -> None:
    """Its fingerprint tells a request that is repeated across a new version."""
    assert set(body(m.Correct, AGENT, reason="x").model_dump()) & {"severity", "difficulty", "likelihood"} == set()
