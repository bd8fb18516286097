"""No answer of the API gives contact data away, on a real office: every act of a long life, and every page to read."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from contract import Json, signed_in
from customer import give_link
from markers import MARKED, MARKERS, RESOLVED, TOLD, left, shown
from moves import ASK, HAND_ON, LATER, duty
from office import MAJOR, PLAIN, RESOLUTION, Office


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


async def test_no_answer_about_a_case_gives_contact_data_away(office: Office) -> None:
    answers: dict[str, httpx.Response] = {}

    async def does(user: str, path: str, body: Any = None) -> Json:
        answer = await office.call(user, "POST", path, body or {})
        answers[path] = answer
        assert answer.status_code in (200, 201), (path, answer.text)
        assert answer.json()["masked"] is True, path
        return dict(answer.json())

    async def acts(user: str, act: str, body: Any = None) -> Json:
        return await does(user, f"/complaints/{reference}/{act}", body)

    why, text = {"reason": TOLD}, {"text": TOLD}
    case = await does("agent", "/complaints", MARKED)
    reference, incident = case["reference"], f"/incidents/{case['incident']['id']}"
    twin = (await office.open(PLAIN | {"complainant": None, "matter": "另一件"}))["reference"]
    await does("manager", f"{incident}/acknowledgement", {"leader": "manager"})
    await does("manager", f"{incident}/log", text | {"kind": "contact"})
    await does("manager", f"{incident}/tasks", text | {"owner": "agent", "hours": 2})
    await does("agent", f"{incident}/tasks/1/done", {"result": TOLD})
    await does("manager", f"{incident}/handover", why | {"leader": "head.office"})
    await acts("agent", "classification", why | {"kinds": ["major", "cross_department"]})
    handler = (
        await acts("supervisor", "assignment", why | {"department": "card_centre", "handler": "handler.card_centre"})
    )["assignment"]["handler"]
    await acts(handler, "acceptance")
    await acts("agent", "notes", text | {"contact": True})
    await acts(handler, "plan", {"duties": [duty("legal") | {"task": TOLD}, duty("it_channels") | {"task": TOLD}]})
    await acts("handler.legal", "duties/1/answer", {"answer": TOLD})
    await acts(handler, "duties/2/change", why | {"cancel": True})
    await acts(handler, "plan", {"duties": [duty("legal") | {"task": TOLD}]})
    await acts(handler, "pause", ASK | {"question": TOLD, "reason": TOLD})
    assert left((await office.call("auditor", "GET", "/duties")).text) == []
    await acts("agent", "resume", why)
    await acts(handler, "extension", LATER | why)
    await acts(handler, "transfers", HAND_ON | {name: TOLD for name in ("reason", "done", "help_needed")})
    await acts("handler.personal_finance", "transfers/1/answer", {"answer": "rejected", "reason": TOLD})
    await acts("agent", "links", why | {"reference": twin, "how": "related"})
    await acts("handler.legal", "duties/3/answer", {"answer": TOLD})
    case = await acts(handler, "resolution", RESOLVED)
    waiting = next(a["id"] for a in case["approvals"] if a["decision"] is None and a["purpose"] == "resolution")
    await does("head.office", f"/approvals/{waiting}/decision", why | {"decision": "reject"})
    case = await acts(handler, "resolution", RESOLVED)
    waiting = next(a["id"] for a in case["approvals"] if a["decision"] is None and a["purpose"] == "resolution")
    await does("head.office", f"/approvals/{waiting}/decision", why | {"decision": "approve"})
    await does("manager", f"{incident}/report", text)
    await office.forward(reference, timedelta(seconds=1))
    await acts("agent", "callbacks", {"reached": True, "satisfaction": 5, "nps": 9, "words": TOLD})
    await acts("agent", "reopening", why)
    await acts("agent", "withdrawal", why)

    letters = await office.letters(reference)
    assert letters and all(le["recipient"] == "z***@example.com" for le in letters)
    document = (await office.http.get("/openapi.json")).json()
    link = await give_link(office, reference)
    for path, methods in document["paths"].items():
        if "get" in methods and not path.startswith("/auth/oidc/"):
            there = path.format(reference=reference, incident=incident.rsplit("/", 1)[1], token=link)
            for user in ("manager", "auditor"):
                answer = await office.call(user, "GET", there)
                assert answer.status_code in (200, 403), (there, answer.text)
                answers[f"{user} {there}"] = answer
    for path, answer in answers.items():
        assert left(answer.text) == [], path
    assert len(answers) > 40
    seen = answers[f"manager /complaints/{reference}"].json()
    assert seen["masked"] is True and seen["complainant"] == {
        "name": "章**", "gender": "male", "age": None, "phone": "139****4321", "email": "z***@example.com",
        "address": "上海市***", "customer_number": "****7766",
    }  # fmt: skip
    assert seen["matter"].startswith(MAJOR["matter"]) and "李四136****5678" in seen["matter"]
    assert seen["amount"] == MAJOR["amount"] and seen["reference"] == reference
    assert left((await shown(office, "agent", reference, purpose="call_customer", letters=True)).text) == MARKERS


async def test_what_is_said_on_the_notice_board_is_masked(office: Office) -> None:
    case = await office.open(PLAIN | {"complainant": None, "channel": "box", "matter": f"{PLAIN['matter']}（匿名）"})
    handler = case["assignment"]["handler"]
    await office.act(handler, case["reference"], "acceptance")
    await office.act(
        handler,
        case["reference"],
        "resolution",
        RESOLUTION | {"findings": "请回复13612345678", "redress": {"kind": "none"}},
    )
    await office.forward(case["reference"], timedelta(seconds=1))
    board = (await office.read("/notices"))["notices"]
    notice = next(n for n in board if n["reference"] == case["reference"])
    assert "136****5678" in notice["body"]
