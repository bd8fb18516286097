"""The contract over HTTP, on real servers: what happens once, what a case and a refusal look like, and how the system is."""

import asyncio
import json
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from contract import Json, different, listed, new_word, opened, problem, signed_in, token
from keys import register_at
from office import MAJOR, PASSWORD, PLAIN, RESOLUTION, SECRET, Office, free_port
from temporalio.client import Client
from temporalio.service import RetryConfig

from api.app import create_app
from api.parts import Parts


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


# -- once, and once only ---------------------------------------------------------------------------------------------


async def test_a_key_gives_the_case_it_opened_and_no_other(office: Office) -> None:
    form, key = different(), str(uuid4())
    first = await opened(office, form, key=key)
    assert await opened(office, form, key=key) == first
    other = await office.call("agent", "POST", "/complaints", form | {"demand": "赔偿"}, **{"Idempotency-Key": key})
    problem(other, "key_reused")
    assert await opened(office, form, key=key) == first
    assert await opened(office, form, user="agent.zhou", key=key) != first  # the key is another agent's own
    assert await opened(office, form, key=str(uuid4())) != first


async def test_without_a_key_the_same_body_of_the_same_agent_is_the_same_case(office: Office) -> None:
    form = different()
    first = await opened(office, form)
    assert await opened(office, dict(reversed(form.items()))) == first
    assert await opened(office, form | {"demand": "赔偿"}) != first
    assert await opened(office, form, user="agent.zhou") != first


@pytest.mark.parametrize("key", [None, "ten-at-once"])
async def test_ten_equal_requests_at_once_open_one_case(office: Office, key: str | None) -> None:
    word = new_word()
    form = PLAIN | {"matter": PLAIN["matter"] + word}
    assert len(set(await asyncio.gather(*(opened(office, form, key=key) for _ in range(10))))) == 1
    assert len(await listed(office, q=word)) == 1


async def test_an_act_repeated_under_its_key_happens_once(office: Office) -> None:
    reference = await opened(office, different())
    path, key = f"/complaints/{reference}/notes", {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        answers = await asyncio.gather(*(office.call("agent", "POST", path, {"text": "一"}, **key) for _ in range(3)))
        assert {a.status_code for a in answers} == {200}
    assert [n["text"] for n in (await office.case(reference))["notes"]] == ["一"]
    await office.call("agent", "POST", path, {"text": "一"}, **{"Idempotency-Key": str(uuid4())})
    await office.call("handler.card_centre", "POST", path, {"text": "一"}, **key)  # another person's key is another key
    assert len((await office.case(reference))["notes"]) == 3


async def test_the_act_that_closed_the_case_can_be_repeated_too(office: Office) -> None:
    reference = await opened(office, different())
    key = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        answer = await office.call("agent", "POST", f"/complaints/{reference}/withdrawal", {"reason": "撤诉"}, **key)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "withdrawn"), answer.text


async def test_a_key_of_one_act_is_refused_for_another(office: Office) -> None:
    case = await office.open(different())
    reference, handler = case["reference"], case["assignment"]["handler"]
    key = {"Idempotency-Key": str(uuid4())}
    await office.call(handler, "POST", f"/complaints/{reference}/notes", {"text": "一"}, **key)
    problem(await office.call(handler, "POST", f"/complaints/{reference}/notes", {"text": "二"}, **key), "key_reused")
    problem(await office.call(handler, "POST", f"/complaints/{reference}/acceptance", {}, **key), "key_reused")


# -- one case --------------------------------------------------------------------------------------------------------


async def test_an_opened_case_says_what_the_contract_promises(office: Office) -> None:
    form = different()
    case = await office.open(form)
    assert {"reference", "stage", "classification", "assignment", "clocks"} <= set(case)
    assert {k: case[k] for k in form if k != "complainant"} == {k: v for k, v in form.items() if k != "complainant"}
    for clock in case["clocks"]:
        promised = {"name", "started_at", "due_at", "warned_at", "stopped_at", "state", "lateness_seconds"}
        assert promised | {"calendar", "rule", "source"} <= set(clock)
        assert clock["state"] in ("met", "breached", "running", "paused")
        assert datetime.fromisoformat(clock["due_at"]).tzinfo is not None
    assert (await office.case(case["reference"]))["reference"] == case["reference"]


async def test_the_timeline_is_in_order_and_in_both_languages(office: Office) -> None:
    case = await office.open(different())
    await office.act(case["assignment"]["handler"], case["reference"], "acceptance")
    events = await office.events(case["reference"])
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    times = [datetime.fromisoformat(e["at"]) for e in events]
    assert times == sorted(times) and all(t.tzinfo for t in times)
    assert events[0]["kind"] == "received" and "accepted" in [e["kind"] for e in events]
    assert all(e["text"]["zh-CN"] and e["text"]["en"] and e["text"]["zh-CN"] != e["text"]["en"] for e in events)


UNKNOWN = "CMP-2026-999999999999"


@pytest.mark.parametrize(
    ("user", "method", "path", "body"),
    [
        ("agent", "GET", f"/complaints/{UNKNOWN}", None),
        ("agent", "GET", f"/complaints/{UNKNOWN}/timeline", None),
        ("agent", "GET", f"/complaints/{UNKNOWN}/letters", None),
        ("agent", "POST", f"/complaints/{UNKNOWN}/notes", {"text": "x"}),
        ("handler", "POST", f"/complaints/{UNKNOWN}/resolution", RESOLUTION),
        ("supervisor", "POST", f"/approvals/{UNKNOWN}-A1/decision", {"decision": "approve", "reason": "x"}),
        ("manager", "POST", f"/incidents/{UNKNOWN}-M1/log", {"text": "x"}),
        ("agent", "GET", "/nowhere", None),
    ],
)
async def test_what_is_not_there_is_unknown(office: Office, user: str, method: str, path: str, body: Any) -> None:
    problem(await office.call(user, method, path, body), "unknown")


async def test_an_approval_or_incident_of_another_number_is_unknown(office: Office) -> None:
    case = await office.open(MAJOR | {"matter": MAJOR["matter"] + new_word()})
    reference = case["reference"]
    body = {"decision": "approve", "reason": "x"}
    problem(await office.call("supervisor", "POST", f"/approvals/{reference}-A9/decision", body), "unknown")
    problem(await office.call("manager", "POST", f"/incidents/{reference}-M2/acknowledgement", {}), "unknown")
    assert (await office.case(reference))["incident"]["acknowledged_at"] is None
    assert (await office.call("manager", "POST", f"/incidents/{reference}-M1/acknowledgement", {})).status_code == 200


async def test_a_method_that_is_not_there(office: Office) -> None:
    answer = await office.call("agent", "DELETE", "/complaints")
    problem(answer, "no_such_method")
    assert answer.headers["allow"]


@pytest.fixture(scope="module")
async def by_stage(office: Office) -> dict[str, Json]:
    """A case in each of some stages."""
    assigned, closed, telephone = [await office.open(different(channel="telephone")) for _ in range(3)]
    await office.act("agent", closed["reference"], "withdrawal", {"reason": "撤诉"})
    await office.to_callback(telephone)
    return {"assigned": assigned, "closed": closed, "feedback": telephone}


@pytest.mark.parametrize(
    ("stage", "user", "act", "body"),
    [
        ("assigned", None, "resolution", RESOLUTION),
        ("assigned", "agent", "feedback", {}),
        ("assigned", "agent", "callbacks", {"reached": True, "satisfaction": 5}),
        ("feedback", "agent", "classification", {"nature": "service", "reason": "x"}),
        ("feedback", "supervisor", "assignment", {"department": "card_centre", "reason": "x"}),
        ("feedback", None, "acceptance", {}),
        ("feedback", None, "resolution", RESOLUTION),
        ("feedback", "agent", "callbacks", {"reached": True, "satisfaction": 5}),
        ("closed", "agent", "classification", {"nature": "service", "reason": "x"}),
        ("closed", "supervisor", "assignment", {"department": "card_centre", "reason": "x"}),
        ("closed", None, "acceptance", {}),
        ("closed", None, "resolution", RESOLUTION),
        ("closed", "agent", "feedback", {}),
        ("closed", "agent", "callbacks", {"reached": True, "satisfaction": 5}),
        ("closed", "agent", "withdrawal", {"reason": "x"}),
        ("closed", "agent", "notes", {"text": "x"}),
    ],
)
async def test_an_act_in_the_wrong_stage_says_where_the_case_stands_and_what_is_possible(
    office: Office, by_stage: dict[str, Json], stage: str, user: str | None, act: str, body: Json
) -> None:
    case = by_stage[stage]
    before = await office.case(case["reference"])
    assert before["stage"] == stage
    who = user or case["assignment"]["handler"]
    said = problem(await office.call(who, "POST", f"/complaints/{case['reference']}/{act}", body), "wrong_stage")
    assert said["stage"] == stage
    assert said["possible"] == before["possible"]
    assert ("withdrawal" in said["possible"]) is (stage != "closed")
    assert (await office.case(case["reference"]))["seq"] == before["seq"]


async def test_a_case_of_another_is_not_yours(office: Office, by_stage: dict[str, Json]) -> None:
    reference, handler = (by_stage["assigned"][k] for k in ("reference", "assignment"))
    colleague = {"handler.card_centre", "handler.card_centre.2"} - {handler["handler"]}
    problem(await office.call(colleague.pop(), "POST", f"/complaints/{reference}/acceptance"), "not_yours")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"department": "nowhere", "handler": "nobody"}, {"department", "handler"}),
        ({"department": "card_centre", "handler": "agent"}, {"handler"}),
        ({"department": "card_centre", "handler": "handler.collections"}, {"handler"}),
    ],
)
async def test_a_case_is_given_to_those_alone_who_can_take_it(
    office: Office, by_stage: dict[str, Json], body: Json, fields: set[str]
) -> None:
    path = f"/complaints/{by_stage['assigned']['reference']}/assignment"
    said = problem(await office.call("supervisor", "POST", path, body | {"reason": "x"}), "invalid")
    assert {e["field"] for e in said["errors"]} == fields


# -- how the system is -----------------------------------------------------------------------------------------------


async def test_health_readiness_and_figures_need_no_token(office: Office) -> None:
    assert (await office.http.get("/healthz")).json() == {"status": "alive"}
    ready = await office.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "parts": {"database": "up", "temporal": "up", "worker": "up"}}

    async def waiting() -> float:
        figures = (await office.http.get("/metrics")).text
        line = next(x for x in figures.splitlines() if x.startswith('amends_open_complaints{stage="assigned"}'))
        return float(line.split()[-1])

    reference = await opened(office, different())
    before = await waiting()
    await opened(office, different())
    assert await waiting() == before + 1
    assert reference not in (await office.http.get("/metrics")).text


async def test_without_the_register_it_is_503_and_says_when_to_try_again(office: Office) -> None:
    nowhere = register_at(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    app = create_app(Parts(nowhere, office.env.client, SECRET, office.queue))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://test") as http:
        bearer = {"Authorization": f"Bearer {token(sub='agent')}"}
        for answer in (
            await http.post("/complaints", json=PLAIN, headers=bearer),
            await http.get("/complaints", headers=bearer),
            await http.post("/auth/token", data={"username": "agent", "password": PASSWORD}),
        ):
            problem(answer, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "down")
        assert (await http.get("/healthz")).status_code == 200
    await nowhere.dispose()


async def test_without_temporal_a_complaint_is_kept_and_opened_later_once(office: Office) -> None:
    away = await Client.connect(
        f"127.0.0.1:{free_port()}",
        lazy=True,
        data_converter=office.env.client.data_converter,
        retry_config=RetryConfig(max_elapsed_time_millis=200),
    )
    app = create_app(Parts(office.engine, away, SECRET, office.queue))
    form, key = different(), {"Idempotency-Key": str(uuid4())}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://test", timeout=30) as http:
        bearer = {"Authorization": f"Bearer {await office.token('agent')}"}
        kept = await http.post("/complaints", json=form, headers=bearer | key)
        assert kept.status_code == 202, kept.text
        reference = kept.json()["reference"]
        assert kept.json() == {"reference": reference, "stage": "received"}
        shown = (await http.get(f"/complaints/{reference}", headers=bearer)).json()
        assert (shown["stage"], shown["matter"]) == ("received", form["matter"])
        noted = await http.post(f"/complaints/{reference}/notes", json={"text": "x"}, headers=bearer)
        problem(noted, "unavailable")
        assert int(noted.headers["retry-after"]) > 0
        ready = (await http.get("/readyz")).json()
        assert (ready["status"], ready["parts"]["temporal"]) == ("degraded", "down")
    said = problem(await office.call("agent", "POST", f"/complaints/{reference}/notes", {"text": "x"}), "wrong_stage")
    assert said["stage"] == "received"
    assert await opened(office, form, key=key["Idempotency-Key"]) == reference
    assert (await office.case(reference))["stage"] == "assigned"


async def test_a_refusal_says_nothing_of_what_was_sent(office: Office) -> None:
    secret = "622202 1234 5678 901"
    body = PLAIN | {"channel": secret, "amount": {"value": secret, "currency": secret}, "language": secret}
    answer = await office.call("agent", "POST", "/complaints", body)
    said = problem(answer, "invalid")
    assert {e["field"] for e in said["errors"]} == {"channel", "amount.value", "amount.currency", "language"}
    assert secret not in json.dumps(said)
