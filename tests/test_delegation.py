"""An approval is asked of somebody by name: who may be, who still decides, and what happens when two act at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from contract import problem, signed_in
from given import AGENT, HANDLER, MANAGER, NOW, SECOND, SUPERVISOR, body, opened
from office import RESOLUTION, Office

from api.pages.told import why_words
from complaints import acts, approving
from complaints import messages as m
from complaints.access import Scope
from complaints.case import Case
from complaints.detours import extension
from complaints.errors import Refused
from complaints.names import Kind, Nature, Role, Stage
from complaints.records import Actor, Redress
from complaints.together import Together
from policies.together import together
from register import deciding
from register.read_access import visible

Json = dict[str, Any]
COSTLY = RESOLUTION | {"redress": {"kind": "refund", "amount": {"value": "900.00", "currency": "CNY"}}}
SEES_ALL = visible(MANAGER, frozenset({Scope.any}))


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


# -- the rules -------------------------------------------------------------------------------------------------------


def asked() -> Case:
    """A violation that `han` has resolved: a supervisor is to approve it."""
    case = opened(nature=Nature.violation)
    acts.accept(case, body(m.Accept, HANDLER), NOW)
    acts.resolve(case, body(m.Resolve, HANDLER, findings="f", responsibility="r", measures="m", root_cause="c"), NOW)
    return case


def delegate(case: Case, person: Actor, by: Actor = SUPERVISOR, now: Any = NOW) -> None:
    named = {"to": person.username, "person": person, "reason": "休假"}
    approving.delegate(case, body(m.Delegate, by, approval_id=f"{case.reference}-A1", **named), now)


def test_the_person_is_told_and_the_clock_goes_on() -> None:
    case = asked()
    before = case.clocks["approval_1"].model_copy(deep=True)
    delegate(case, MANAGER, now=NOW + timedelta(minutes=5))
    approval = case.approvals[0]
    assert (approval.delegated_to, approval.delegated_by, approval.delegated_why) == ("man", "sup", "休假")
    assert approval.delegated_at == NOW + timedelta(minutes=5)
    event = case.unsaved[-1]
    assert (event.kind, [r.username for r in event.tell]) == ("approval_delegated", ["man"])
    assert case.clocks["approval_1"] == before and case.stage is Stage.awaiting_approval


@pytest.mark.parametrize("who", [SUPERVISOR, MANAGER, SECOND])
def test_whoever_may_decide_still_can(who: Actor) -> None:
    case = asked()
    delegate(case, MANAGER)
    acts.decide(case, body(m.Decide, who, approval_id=case.approvals[0].id, decision="approve", reason="r"), NOW)
    assert case.approvals[0].decided_by == who.username and case.stage is Stage.feedback


@pytest.mark.parametrize(
    ("person", "code"),
    [
        (HANDLER, "may_not_decide"),  # their own work
        (Actor(username="oth", roles=[Role.handler]), "may_not_decide"),  # not high enough
        (SUPERVISOR, "yourself"),
    ],
)
def test_somebody_who_could_not_decide_is_not_asked(person: Actor, code: str) -> None:
    case = asked()
    before = case.model_dump_json()
    with pytest.raises(Refused) as refused:
        delegate(case, person)
    assert [(e.field, e.code) for e in refused.value.errors] == [("to", code)]
    assert case.model_dump_json() == before


def test_the_same_person_is_not_asked_twice_and_nothing_is_asked_after_the_decision() -> None:
    case = asked()
    delegate(case, MANAGER)
    with pytest.raises(Refused, match="asked already"):
        delegate(case, MANAGER)
    delegate(case, SECOND)  # somebody else can be
    acts.decide(case, body(m.Decide, SECOND, approval_id=case.approvals[0].id, decision="reject", reason="r"), NOW)
    with pytest.raises(Refused, match="already decided by man2"):
        delegate(case, MANAGER)


def test_whoever_asked_for_the_decision_does_not_choose_who_takes_it() -> None:
    with pytest.raises(Refused, match="own work"):
        delegate(asked(), MANAGER, by=HANDLER)


def test_when_a_higher_level_is_needed_nobody_is_asked_by_name_any_more() -> None:
    case = asked()
    delegate(case, Actor(username="sup2", roles=[Role.supervisor]), by=MANAGER)
    acts.correct(case, body(m.Correct, AGENT, kinds=[Kind.major], reason="x"), NOW)
    assert (case.approvals[0].needs, case.approvals[0].delegated_to) == ("manager", None)


# -- several at once -------------------------------------------------------------------------------------------------

FREE, PAID = Redress(kind="none"), Redress.model_validate(COSTLY["redress"])
MENDED = Redress.model_validate({"kind": "correction", "amount": {"value": "1.00", "currency": "CNY"}})


@pytest.mark.parametrize(
    ("purpose", "level", "redress", "labels", "fits"),
    [
        ("extension", "supervisor", None, ["product"], True),
        ("resolution", "supervisor", FREE, ["service"], True),
        ("resolution", "supervisor", Redress(kind="apology"), ["service"], True),
        ("resolution", "supervisor", PAID, ["service"], False),
        ("resolution", "supervisor", MENDED, ["service"], False),  # a correction that costs something
        ("extension", "manager", None, ["product"], False),  # nobody decided in time, and it climbed
        ("public_answer", "supervisor", None, ["product"], False),
        ("extension", "supervisor", None, ["violation"], False),
        ("extension", "supervisor", None, ["product", "major"], False),
        ("extension", "supervisor", None, ["product", "cross_department"], True),
    ],
)
def test_what_is_costly_or_grave_is_not_decided_with_others(
    purpose: str, level: str, redress: Redress | None, labels: list[str], fits: bool
) -> None:
    rule: Together = together()
    assert rule.fits(purpose, level, redress, labels) is fits


def test_every_reason_the_rules_give_is_said_in_words() -> None:
    case = asked()
    case.resolutions[-1].redress, case.round = PAID, 3
    assert case.classification is not None
    case.classification.kinds = [Kind.major]
    found = approving.needed(case)
    assert found is not None and len(found[1]) == 4
    later = opened()
    acts.accept(later, body(m.Accept, HANDLER), NOW)
    extension.ask(later, body(extension.AskExtension, HANDLER, amount=2, reason="r"), NOW)
    public = "public answer for 12 complaints"
    for why in [*found[1], *later.approvals[0].why, public]:
        assert why_words("en", why) != why
        assert not {"needs", "more", "answer", "until"} & set(why_words("zh-CN", why).split()), why


# -- over HTTP -------------------------------------------------------------------------------------------------------


async def to_approve(office: Office, resolution: Json = COSTLY) -> Json:
    """A case of card_centre whose resolution waits for a supervisor."""
    case = await office.open()
    holds = {"department": "card_centre", "handler": "handler.card_centre", "reason": "指派"}
    await office.act("supervisor", case["reference"], "assignment", holds)
    await office.act("handler.card_centre", case["reference"], "acceptance")
    return await office.act("handler.card_centre", case["reference"], "resolution", resolution)


async def test_it_is_asked_of_the_person_who_is_told_and_the_list_says_so(office: Office) -> None:
    case = await to_approve(office)
    approval = case["approvals"][0]["id"]
    said = {"to": "supervisor.card_centre", "reason": "请其审批"}
    after = await office.post("supervisor", f"/approvals/{approval}/delegation", said)
    assert after["approvals"][0]["delegated_to"] == "supervisor.card_centre"
    assert ("approval_delegated", "supervisor.card_centre") in await office.told(case["reference"])
    [row] = [r for r in (await office.read("/approvals"))["items"] if r["id"] == approval]
    assert row["delegated_to"] == "supervisor.card_centre"
    found = await deciding.approval(office.engine, approval)
    assert found is not None and found["redress"]["amount"]["value"] == "900.00"
    await office.post("manager", f"/approvals/{approval}/decision", {"decision": "approve", "reason": "同意"})


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("nobody", "unknown_person"),
        ("agent", "unknown_person"),
        ("handler.card_centre", "unknown_person"),
        ("supervisor.loans_mortgage", "may_not_decide"),  # of another department
        ("supervisor", "yourself"),
        ("", "string_too_short"),
    ],
)
async def test_who_cannot_decide_is_refused_at_the_field(office: Office, to: str, code: str) -> None:
    case = await to_approve(office)
    path = f"/approvals/{case['approvals'][0]['id']}/delegation"
    said = problem(await office.call("supervisor", "POST", path, {"to": to, "reason": "x"}), "invalid")
    assert [(e["field"], e["code"]) for e in said["errors"]] == [("to", code)]


async def test_the_same_request_twice_is_one_act(office: Office) -> None:
    case = await to_approve(office)
    path, said = f"/approvals/{case['approvals'][0]['id']}/delegation", {"to": "manager", "reason": "x"}
    for _ in range(2):
        assert (await office.call("supervisor", "POST", path, said, **{"Idempotency-Key": "once"})).status_code == 200
    kinds = [e["kind"] for e in await office.events(case["reference"])]
    assert kinds.count("approval_delegated") == 1


async def test_of_two_supervisors_who_decide_at_once_one_does_and_the_other_is_told_who(office: Office) -> None:
    case = await to_approve(office)
    path = f"/approvals/{case['approvals'][0]['id']}/decision"
    people = {"supervisor": "approve", "supervisor.card_centre": "reject"}
    answers = await asyncio.gather(
        *(office.call(who, "POST", path, {"decision": what, "reason": "x"}) for who, what in people.items())
    )
    assert sorted(a.status_code for a in answers) == [200, 409]
    late = next(a for a in answers if a.status_code == 409)
    first = next(who for who, answer in zip(people, answers, strict=True) if answer.status_code == 200)
    assert f"already decided by {first}" in problem(late, "wrong_stage")["detail"]
    kinds = [e["kind"] for e in await office.events(case["reference"])]
    assert kinds.count("approved") + kinds.count("rejected") == 1


async def test_what_waits_comes_with_the_most_pressing_first(office: Office) -> None:
    for _ in range(2):
        await to_approve(office)
    rows = await deciding.waiting(office.engine, SEES_ALL, 50)
    assert len(rows) >= 2 and [r["due_at"] for r in rows] == sorted(r["due_at"] for r in rows)
    assert len(await deciding.waiting(office.engine, SEES_ALL, 1)) == 1
