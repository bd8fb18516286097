"""Who may do what, without any server: the table, the parts of a case, the scopes; and the page written from it."""

import inspect
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from given import AGENT, HANDLER, MANAGER, NOW, OTHER, RECEIVER, SUPERVISOR, body, handed_on, opened
from pydantic import ValidationError
from temporalio.workflow import _Definition
from two_houses import NOT_OF_A_CASE, ONESELF

from complaints import acts, procedure
from complaints import messages as m
from complaints.access import Access, Entry, Parts, Scope, parts_of, within
from complaints.detours import incident, plan, rounds, transfer
from complaints.errors import Refused
from complaints.names import Outcome, Role
from complaints.records import CUSTOMER, Actor, Feedback
from policies.access import TABLE
from policies.access_page import page
from policies.files import FOLDER
from workflows.complaint import Complaint

OF_THE_PROCESS = {"let_go", "opened", "record_again", "reproject"}
"""Updates nobody sends in a person's name."""


def may(act: str, who: Actor, parts: Parts, asked_by: str | None = None) -> str | None:
    """With which code it is refused; None when it is allowed."""
    try:
        TABLE.check(act, who, parts, asked_by)
    except Refused as refused:
        return refused.code
    return None


# -- the table -------------------------------------------------------------------------------------------------------


def test_every_update_of_a_person_is_an_act_of_the_table_and_is_checked() -> None:
    updates = {name: u for name, u in _Definition.must_from_class(Complaint).updates.items() if name}
    acts = {e.does for route, e in TABLE.routes.items() if not route.startswith("GET ") and not e.public}
    done = acts - {"open"} - NOT_OF_A_CASE
    assert done == set(updates) - OF_THE_PROCESS, "say in policies/access.yaml who may do the new act"
    for name in done:
        validator = updates[name].validator
        assert validator is not None and "self._check(" in inspect.getsource(validator), name


OF_A_WORKING_DAY = {f"GET /desk/{page}" for page in ("mine", "new", "calls", "team", "ops", "ops/{reference}")}
"""Pages of somebody's own work; what they show of cases, an auditor reads elsewhere."""


def test_an_auditor_reads_everything_and_changes_nothing() -> None:
    auditor = Actor(username="auditor", roles=[Role.auditor])
    for route, entry in TABLE.routes.items():
        if not entry.public:
            may_do = (route.startswith("GET ") and route not in OF_A_WORKING_DAY) or entry.does in ONESELF
            assert entry.scopes(auditor) == ({Scope.any} if may_do else set()), route


@pytest.mark.parametrize("act", sorted(act for act in TABLE.acts if TABLE.roles(act)))
def test_an_act_is_refused_to_every_role_the_table_does_not_name(act: str) -> None:
    parts = parts_of(opened())
    for role in set(Role) - set(TABLE.roles(act)):
        who = Actor(username="han", roles=[role], department="card_centre")  # in whose hands the case is
        assert may(act, who, parts) == "not_allowed", role


def test_a_customer_does_by_their_link_what_the_table_says_and_nothing_else() -> None:
    customer, parts = Actor(username=CUSTOMER, roles=[]), parts_of(opened())
    allowed = {act for act in TABLE.acts if may(act, customer, parts) is None}
    assert allowed == {"look", "add_note", "withdraw", "record_callback"}


def test_a_key_is_good_for_the_acts_it_names() -> None:
    TABLE.check_role("open", AGENT, frozenset({"open", "read"}))
    with pytest.raises(Refused, match="this key is not for open"):
        TABLE.check_role("open", AGENT, frozenset({"read"}))
    with pytest.raises(Refused, match="for manager"):  # a key gives no role
        TABLE.check_role("log_major", AGENT, frozenset({"log_major"}))


def test_an_act_that_is_not_in_the_table_is_nobodys() -> None:
    everybody = Actor(username="x", roles=list(Role))
    assert may("sell_the_bank", everybody, parts_of(opened())) == "not_allowed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"GET /x": {"does": "x"}}, "name the roles"),
        ({"GET /x": {"does": "x", "agent": "any", "public": True, "why": "because"}}, "name the roles"),
        ({"GET /x": {"does": "x", "public": True}}, "go together"),
        ({"POST /x": {"does": "x", "agent": "any", "customer": "link"}}, "no account"),
        ({"POST /x": {"does": "read", "agent": "any"}}, "act of one route: read"),
        ({"POST /x": {"does": "x", "agnet": "any"}}, "Extra inputs"),
        ({"POST /x": {"does": "x", "agent": "some"}}, "'any', 'bound', 'part' or 'own'"),
        ({"POST /x": {"does": "x", "agent": []}}, "at least 1"),
        ({"POST x": {"does": "x", "agent": "any"}}, "pattern"),
        ({"GET /complaints/{reference}": {"does": "look_at", "agent": "any"}}, "one route does `read`"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(change: dict[str, Any], says: str) -> None:
    table = yaml.safe_load((FOLDER / "access.yaml").read_text())
    with pytest.raises(ValidationError, match=says):
        Access.model_validate({**table, "routes": table["routes"] | change})


def test_the_page_is_what_the_table_says() -> None:
    """If this fails: amends policy access > docs/access.md."""
    assert (Path(__file__).parents[1] / "docs/access.md").read_text() == page(TABLE)


# -- scopes ----------------------------------------------------------------------------------------------------------

PARTS = Parts(
    department="card_centre", departments=["card_centre", "legal"], region="北京", people=["han"], opened_by="agent"
)


@pytest.mark.parametrize(
    ("who", "inside"),
    [
        ({"department": "card_centre"}, {"any", "bound", "part"}),
        ({"department": "card_centre", "region": "北京"}, {"any", "bound", "part"}),
        ({"department": "card_centre", "region": "上海"}, {"any", "part"}),
        ({"department": "legal"}, {"any", "part"}),
        ({"department": "collections"}, {"any"}),
        ({}, {"any", "bound"}),
        ({"username": "han", "department": "collections"}, {"any", "part", "own"}),
        ({"username": "agent", "department": "collections"}, {"any"}),
    ],
)
def test_how_far_each_scope_reaches(who: dict[str, str], inside: set[str]) -> None:
    actor = Actor(**{"username": "x", "roles": [], **who})
    assert {scope for scope in Scope if within(frozenset({scope}), actor, PARTS)} == inside
    assert not within(frozenset(), actor, PARTS)
    nowhere = PARTS.model_copy(update={"region": None})
    assert within(frozenset({Scope.bound}), actor, nowhere) is (actor.department in (None, "card_centre"))


def test_who_holds_several_roles_may_what_any_of_them_may() -> None:
    entry = Entry.model_validate({"does": "x", "agent": "own", "supervisor": ["bound", "part"]})
    both = Actor(username="x", roles=[Role.agent, Role.supervisor, Role.ops])
    assert entry.scopes(both) == {Scope.own, Scope.bound, Scope.part} and entry.roles == [Role.agent, Role.supervisor]


# -- the parts of a case ---------------------------------------------------------------------------------------------


def test_the_parts_of_a_case_follow_what_is_done_to_it() -> None:
    found = parts_of(opened())
    assert (found.department, found.departments, found.region) == ("card_centre", ["card_centre"], None)
    assert (found.people, found.opened_by, found.handled_by) == (["agent", "han"], "agent", ["han"])
    case = handed_on()
    found = parts_of(case)
    assert found.departments == ["card_centre", "collections", "legal"] and found.people == ["agent", "han", "oth"]
    transfer.answer(case, body(transfer.AnswerTransfer, RECEIVER, number=1, answer="accepted"), NOW)
    found = parts_of(case)
    assert (found.department, found.region) == ("collections", "北京")
    assert found.departments == ["collections", "legal"]
    assert found.people == ["agent", "han", "oth", "rec"] and found.handled_by == ["han", "rec"]


def test_who_answered_still_finds_the_case_when_they_ask_again() -> None:
    """Or a request repeated because its answer was lost would be told that there is no such case."""
    case = handed_on()
    transfer.answer(case, body(transfer.AnswerTransfer, RECEIVER, number=1, answer="rejected", reason="r"), NOW)
    plan.answer(case, body(plan.AnswerDuty, SUPERVISOR, number=1, answer="a"), NOW)
    assert parts_of(case).departments == ["card_centre", "legal"]
    assert {"rec", "oth", "sup"} <= set(parts_of(case).people)


def test_a_duty_called_off_is_no_part_and_a_task_is_one() -> None:
    case = handed_on()
    plan.change(case, body(plan.ChangeDuty, SUPERVISOR, number=1, cancel=True, reason="r"), NOW)
    assert "legal" not in parts_of(case).departments and "oth" not in parts_of(case).people
    procedure.declare_major(case, "agent", NOW)
    incident.acknowledge(case, body(m.Acknowledge, MANAGER, leader="man2"), NOW)
    incident.give_task(case, body(incident.GiveTask, MANAGER, owner="oth", text="t"), NOW)
    assert {"man", "man2", "oth"} <= set(parts_of(case).people)


def test_another_round_is_in_other_hands() -> None:
    case = handed_on()
    transfer.answer(case, body(transfer.AnswerTransfer, RECEIVER, number=1, answer="rejected", reason="r"), NOW)
    plan.answer(case, body(plan.AnswerDuty, OTHER, number=1, answer="a"), NOW)
    written = {"findings": "f", "responsibility": "r", "measures": "m", "root_cause": "c"}
    acts.resolve(case, body(m.Resolve, HANDLER, **written), NOW)
    procedure.result_told(case, Feedback(at=NOW, way="spoken", by="agent"), NOW)
    later = NOW + timedelta(hours=1)
    assert rounds.another(case, Outcome.dissatisfied_exhausted, later)
    procedure.give(case, "card_centre", "second", "free", "process", later)
    found = parts_of(case)
    assert found.handled_by == ["second"]
    assert found.people == ["agent", "han", "oth", "second"], "the first-contact owner answers for it, and the duty's"


# -- separation of duty ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["opener", "worker", "asker"])
def test_nobody_decides_on_what_was_in_their_own_hands(name: str) -> None:
    parts = Parts(department="card_centre", departments=["card_centre"], opened_by="opener", handled_by=["worker"])
    who = Actor(username=name, roles=[Role.supervisor], department="card_centre")
    assert may("decide", who, parts, "asker") == "own_work"
    assert may("decide", who.model_copy(update={"username": "x"}), parts, "asker") is None
    assert may("assign_to", who, parts) is None
