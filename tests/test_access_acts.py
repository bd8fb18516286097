"""The workflow asks once more who may do an act, and nobody decides on what was in their own hands."""

from collections.abc import Iterator
from typing import Any

import pytest
from contract import problem
from flow import DO, UPDATE
from moves import ANSWER, LATER
from office import Office
from random_moves import attempt
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from two_houses import FORMS, NOT_OF_A_CASE, OURS, THEIRS, everything, furnish

from complaints import messages as m
from complaints.access import Scope
from complaints.detours import incident, mass, merging, opinion
from complaints.names import Role
from complaints.records import CUSTOMER, Actor
from policies.access import TABLE

Json = dict[str, Any]


@pytest.fixture(scope="module")
async def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


# -- past the API ----------------------------------------------------------------------------------------------------


def messages(case: Json) -> Iterator[tuple[str, m.Act]]:
    """A good message for every update there is, by nobody in particular."""
    by = {"by": {"username": "x", "roles": []}, "request_id": "forged"}
    for act, (_, kind) in DO.items():
        one = attempt(act, 0, case)
        more: Json = (
            {"approval_id": case["approvals"][0]["id"]} if "approval_id" in kind.model_fields else {"number": 1}
        )
        more |= {"person": {"username": "manager", "roles": ["manager"]}} if act == "delegate" else {}
        body = more if {"number", "approval_id"} & set(kind.model_fields) else {}
        yield UPDATE.get(act, act), kind.model_validate({**one.body, **body, **by})
    reference = "CMP-2026-999999999999"
    yield "link", merging.Link(reference=reference, how="related", reason="x", **by)
    yield "join_incident", mass.Join(incident=f"{reference}-M1", reason="x", **by)
    yield "ask_opinion", opinion.AskOpinion(colleague="handler.legal", question="x", **by)
    yield "give_opinion", opinion.GiveOpinion(number=1, answer="x", **by)
    yield "leave_incident", mass.Leave(reason="x", **by)
    yield "hand_over_major", incident.HandOver(leader="manager.sun", reason="x", **by)
    yield "answer_publicly", mass.AnswerAll(**ANSWER, **by)


async def refusal(office: Office, case: Json, update: str, message: m.Act, who: Actor) -> str | None:
    """With which code the process refuses it, sent without the API."""
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await office.handle(case["reference"]).execute_update(update, message.model_copy(update={"by": who}))
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause.type


async def test_the_process_refuses_whom_the_api_would_have_stopped(office: Office) -> None:
    await furnish(office)
    case = await everything(office, THEIRS)
    sent = dict(messages(case))
    updates = {act for act, entries in TABLE.acts.items() if any(e.customer or not e.public for e in entries)}
    reads = {e.does for route, e in TABLE.routes.items() if route.startswith("GET ")}
    assert set(sent) == updates - reads - {"open"} - NOT_OF_A_CASE, "say how to forge the new act"
    before = await office.events(case["reference"])
    auditor = Actor(username="auditor", roles=[Role.auditor])
    tried = 0
    for update, message in sent.items():
        assert await refusal(office, case, update, message, auditor) == "not_allowed", update
        tried += 1
        if not any(entry.customer for entry in TABLE.acts[update]):
            customer = Actor(username=CUSTOMER, roles=list(Role))
            assert await refusal(office, case, update, message, customer) == "not_allowed", update
            tried += 1
        for role in TABLE.roles(update):
            stranger = Actor(username=f"own.{role}", roles=[role], department=OURS)
            if Scope.any not in TABLE.scopes(update, stranger):
                assert await refusal(office, case, update, message, stranger) == "not_yours", (update, role)
                tried += 1
    print(f"\n{tried} forged acts, none done")
    assert await office.events(case["reference"]) == before


# -- whose hands it was in -------------------------------------------------------------------------------------------

APPROVE = {"decision": "approve", "reason": "同意"}


async def in_the_queue(office: Office, user: str = "agent") -> str:
    """A case of card_centre that waits for whoever takes it."""
    await furnish(office)
    case = await office.open(FORMS[OURS], user=user)
    body = {"department": OURS, "reason": "指派"}
    await office.act("supervisor", case["reference"], "assignment", body)
    reference: str = case["reference"]
    return reference


async def test_whoever_opened_it_does_not_approve_it(office: Office) -> None:
    reference = await in_the_queue(office, user="own.all")
    await office.act("own.both", reference, "acceptance")
    case = await office.act("own.both", reference, "extension", LATER)
    path = f"/approvals/{case['approvals'][0]['id']}/decision"
    assert "opened" in problem(await office.call("own.all", "POST", path, APPROVE), "own_work")["detail"]
    forged = m.Decide(
        approval_id=case["approvals"][0]["id"], request_id="x", by=Actor(username="x", roles=[]), **APPROVE
    )
    opener = Actor(username="own.all", roles=[Role.supervisor], department=OURS)
    assert await refusal(office, case, "decide", forged, opener) == "own_work"
    await office.post("own.supervisor", path, APPROVE)


async def test_whoever_handled_it_or_asked_does_not_approve_it(office: Office) -> None:
    reference = await in_the_queue(office)
    await office.act("own.both", reference, "acceptance")
    case = await office.act("own.both", reference, "extension", LATER)
    path = f"/approvals/{case['approvals'][0]['id']}/decision"
    said = problem(await office.call("own.both", "POST", path, APPROVE), "own_work")["detail"]
    assert "handled" in said and "asked" in said
    body = {"department": OURS, "handler": "handler.card_centre", "reason": "改派"}
    await office.act("supervisor", reference, "assignment", body)
    problem(await office.call("own.both", "POST", path, APPROVE), "own_work")
    await office.act("handler.card_centre", reference, "acceptance")
    await office.post("own.supervisor", path, {"decision": "reject", "reason": "不同意"})
    case = await office.act("handler.card_centre", reference, "extension", LATER)
    path = f"/approvals/{case['approvals'][1]['id']}/decision"
    said = problem(await office.call("own.both", "POST", path, APPROVE), "own_work")["detail"]
    assert "handled" in said and "asked" not in said  # the case was theirs before, in this round
    await office.post("own.supervisor", path, APPROVE)
