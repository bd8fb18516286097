"""What gets into the audit log: steps of cases, requests, refusals, reads, changed rules, commands; and what never does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from browser import HTML, as_bearer, newcomer, page_session, token_pair, web
from contract import different, problem, signed_in
from customer import AS_JSON, give_link
from given import opened
from office import PLAIN, RESOLUTION, Office
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import recording
from api.rates import STRANGERS_WRITTEN, Rates
from complaints.case import Case
from complaints.names import Stage
from complaints.records import Event
from register import audit, audit_check, write
from run import rules_log

Json = dict[str, Any]


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


async def log_of(engine: AsyncEngine, subject: str | None, since: int = 0) -> list[Json]:
    query = text("SELECT * FROM audit WHERE subject IS NOT DISTINCT FROM :subject AND seq > :since ORDER BY seq")
    async with engine.connect() as db:
        return [dict(row) for row in (await db.execute(query, {"subject": subject, "since": since})).mappings()]


async def last(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return int((await db.execute(text("SELECT seq FROM audit_head"))).scalar_one())


# -- steps of a case -------------------------------------------------------------------------------------------------


def a_case() -> tuple[Case, list[Event]]:
    case = opened()
    case.reference = f"CMP-2026-{uuid4().int % 10**12:012d}"
    return case, list(case.unsaved)


async def test_a_step_logs_its_events_once_and_what_it_changed(register: AsyncEngine) -> None:
    case, events = a_case()
    for _ in range(3):  # an activity may be repeated
        await write.record(register, case, events)
    lines = await log_of(register, case.reference)
    assert [(x["act"], x["who"], x["at"]) for x in lines] == [(e.kind, e.by, e.at) for e in events]
    first, *others = [x["change"] for x in lines]
    assert first["stage"] == [None, "assigned"] and first["handler"] == [None, "han"] and first["round"] == [None, 1]
    assert others == [{}] * (len(events) - 1)

    case.stage, case.seq = Stage.in_progress, case.seq + 1
    rejected = Event(
        seq=case.seq, at=events[-1].at, kind="transfer_rejected", by="han", data={"reason": "非本部门", "x": "词"}
    )
    await write.record(register, case, [rejected])
    (line,) = await log_of(register, case.reference, lines[-1]["seq"])
    assert (line["act"], line["who"], line["change"]) == (
        "transfer_rejected",
        "han",
        {"stage": ["assigned", "in_progress"]},
    )
    assert "非本部门".encode() not in line["why"]
    async with register.connect() as db:
        assert await audit.opened(db, case.reference, line["why"]) == "非本部门"


async def test_a_step_done_again_with_another_outcome_is_another_line(register: AsyncEngine) -> None:
    case, events = a_case()
    await write.record(register, case, events)
    before = await last(register)
    case.assignments[-1].handler = "oth"
    other = events[-1].model_copy(update={"data": {"turn": "another"}})
    await write.record(register, case, [*events[:-1], other])
    (line,) = await log_of(register, case.reference, before)
    assert (line["act"], line["change"]) == (other.kind, {"handler": ["han", "oth"]}), "on the first new line"
    case.seq -= 1
    await write.record(register, case, [])
    cut = (await log_of(register, case.reference, line["seq"]))[0]
    assert (cut["act"], cut["change"]) == ("history_cut", {"seq": [case.seq + 1, case.seq]})


# -- requests --------------------------------------------------------------------------------------------------------


def said(line: Json) -> tuple[Any, ...]:
    return (line["who"], line["act"], *line["change"].values())


async def requests(office: Office, reference: str | None, since: int = 0) -> list[tuple[Any, ...]]:
    return [said(x) for x in await log_of(office.engine, reference, since) if " /" in x["act"]]


async def test_acts_refusals_and_reads_of_a_case_are_logged(office: Office) -> None:
    case = await office.open()
    reference, path = case["reference"], f"/complaints/{case['reference']}"
    handler = case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    problem(await office.call(handler, "POST", f"{path}/acceptance"), "wrong_stage")
    problem(await office.call("auditor", "POST", f"{path}/acceptance"), "not_allowed")
    problem(await office.call(handler, "POST", f"{path}/resolution", {"findings": 1}), "invalid")
    problem(await office.http.post(f"{path}/acceptance"), "unauthenticated")
    await office.call("auditor", "DELETE", path)
    for part in ("", "/timeline", "/letters", "/duplicates"):
        assert (await office.call("auditor", "GET", path + part)).status_code == 200
    template = "/complaints/{reference}"
    assert await requests(office, reference) == [
        ("agent", "POST /complaints", 201),
        (handler, f"POST {template}/acceptance", 200),
        (handler, f"POST {template}/acceptance", 409, "wrong_stage"),
        ("auditor", f"POST {template}/acceptance", 403, "not_allowed"),
        (handler, f"POST {template}/resolution", 422, "invalid"),
        ("nobody", f"POST {template}/acceptance", 401, "unauthenticated"),
        ("nobody", f"DELETE {template}", 405, "no_such_method"),
        *(("auditor", f"GET {template}{part}", 200) for part in ("", "/timeline", "/letters", "/duplicates")),
    ]
    assert {x["origin"] for x in await log_of(office.engine, reference)} == {"127.0.0.1", "process"}


async def test_what_is_about_no_single_case_and_only_looks_is_not_logged(office: Office) -> None:
    before = await last(office.engine)
    for path in ("/complaints?q=13800009999", "/approvals", "/healthz", "/openapi.json", "/nowhere", "/notices"):
        await office.call("auditor", "GET", path)
    assert [(x["act"], x["change"]) for x in await log_of(office.engine, None, before)] == [("searched", {"found": 0})]


async def test_a_page_left_open_is_one_look_in_ten_minutes_and_an_act_is_always_an_act(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [monotonic()]
    monkeypatch.setattr(recording, "monotonic", lambda: seconds[0])
    mine, other = [(await office.open(different()))["reference"] for _ in range(2)]
    who = await newcomer(office, roles=["supervisor"])
    page, look = f"/desk/complaints/{mine}", (who, "GET /desk/complaints/{reference}", 200)

    async def lines(reference: str = mine) -> list[tuple[Any, ...]]:
        return [line for line in await requests(office, reference) if line[0] == who]

    async with web(office) as http, web(office) as elsewhere:
        await page_session(http, who)
        for more in ("", "", "?done=note"):
            assert (await http.get(page + more, headers=HTML)).status_code == 200
        assert await lines() == [look]
        await http.get(f"/desk/complaints/{other}", headers=HTML)
        assert await lines(other) == [look], "another case is another look"
        await page_session(elsewhere, who)
        await elsewhere.get(page, headers=HTML)
        assert await lines() == [look] * 2, "another session, too"
        seconds[0] += recording.SAME_LOOK - 1
        await http.get(page, headers=HTML)
        assert await lines() == [look] * 2
        seconds[0] += 1
        for _ in range(2):
            await http.get(page, headers=HTML)
        assert await lines() == [look] * 3

        pair = await token_pair(http, who)
        for _ in range(2):
            for part in ("", "/timeline"):
                await as_bearer(http, pair["access_token"], path=f"/complaints/{mine}{part}")
            await as_bearer(http, pair["access_token"], "POST", f"/complaints/{mine}/acceptance")
            await as_bearer(http, pair["access_token"], path=f"/incidents/{mine}-M1")
        template = "/complaints/{reference}"
        assert sorted((await lines())[3:]) == sorted([
            *[(who, f"GET {template}", 200)] * 2,
            *[(who, f"GET {template}/timeline", 200)] * 2,
            *[(who, f"POST {template}/acceptance", 403, "not_allowed")] * 2,
            *[(who, "GET /incidents/{incident}", 403, "not_allowed")] * 2,
        ])  # fmt: skip

        before, _ = len(await lines()), monkeypatch.setattr(recording, "MOST_LOOKS", 1)
        for reference in (mine, other, mine):
            await as_bearer(http, pair["access_token"], path=f"/complaints/{reference}/letters")
        assert len(await lines()) == before + 2, "what is forgotten is written down once more"


async def test_an_approval_and_an_incident_are_their_cases(office: Office) -> None:
    gone, before = "CMP-2026-999999999998", await last(office.engine)
    await office.call("supervisor", "POST", f"/approvals/{gone}-A1/decision", {"decision": "approve", "reason": "x"})
    await office.call("manager", "GET", f"/incidents/{gone}-M1")
    assert await requests(office, gone, before) == [
        ("supervisor", "POST /approvals/{approval}/decision", 404, "unknown"),
        ("manager", "GET /incidents/{incident}", 404, "unknown"),
    ]


async def test_a_customer_is_logged_without_link_and_address(office: Office) -> None:
    reference = (await office.open())["reference"]
    token, before = await give_link(office, reference), await last(office.engine)
    assert (await office.http.get(f"/c/{token}", headers=AS_JSON)).status_code == 200
    assert (await office.http.post(f"/c/{token}/facts", json={"text": "补充"})).status_code == 200
    lines = [x for x in await log_of(office.engine, reference, before) if " /" in x["act"]]
    assert [said(x) for x in lines] == [("customer", "GET /c/{token}", 200), ("customer", "POST /c/{token}/facts", 200)]
    assert {x["origin"] for x in lines} == {"personal link"}
    assert (await office.http.get(f"/c/{token[:-1]}", headers=AS_JSON)).status_code == 404
    (guess,) = await log_of(office.engine, None, lines[-1]["seq"])
    assert said(guess) == ("nobody", "GET /c/{token}", 404, "unknown") and guess["origin"] == "127.0.0.1"


@asynccontextmanager
async def unwritable(owner_url: str) -> AsyncIterator[None]:
    """Nothing can be added to the log meanwhile."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("REVOKE INSERT ON audit FROM amends_app")
        try:
            yield
        finally:
            owner.execute("GRANT INSERT ON audit TO amends_app")


async def test_what_cannot_be_logged_does_not_leave(office: Office, owner_url: str) -> None:
    reference = (await office.open())["reference"]
    async with web(office) as at_desk:
        await page_session(at_desk, "auditor")
        async with unwritable(owner_url):
            for method, path in (("GET", f"/complaints/{reference}"), ("GET", f"/complaints/{reference}/letters")):
                answer = await office.call("auditor", method, path)
                assert "audit log" in problem(answer, "unavailable")["detail"] and answer.headers["retry-after"]
                assert PLAIN["matter"] not in answer.text
            page = await at_desk.get(f"/desk/complaints/{reference}", headers=HTML)
            assert page.status_code == 503 and "audit log" in page.text and page.headers["retry-after"]
            assert page.headers["content-type"].startswith("text/html") and PLAIN["matter"] not in page.text
            assert (
                (await office.http.get("/healthz")).status_code == (await office.http.get("/readyz")).status_code == 200
            )
    assert (await office.call("auditor", "GET", f"/complaints/{reference}")).status_code == 200


# -- nothing personal ------------------------------------------------------------------------------------------------


async def test_nothing_personal_gets_into_any_column(office: Office) -> None:
    before = await last(office.engine)
    mark = {
        name: f"canary{uuid4().hex}"
        for name in ("name", "number", "matter", "demand", "findings", "words", "path", "q")
    }
    person = {
        "name": mark["name"],
        "email": f"{mark['number']}@example.com",
        "phone": "13912345678",
        "customer_number": mark["number"],
    }
    case = await office.open(
        PLAIN | {"complainant": person, "matter": PLAIN["matter"] + mark["matter"], "demand": mark["demand"]}
    )
    reference = case["reference"]
    await office.to_callback(
        case, RESOLUTION | {"findings": mark["findings"], "root_cause": mark["words"], "reply": mark["words"]}
    )
    await office.act("agent", reference, "notes", {"text": mark["words"]})
    await office.act("agent", reference, "withdrawal", {"reason": mark["words"]})
    await office.call("auditor", "GET", "/complaints", q=mark["q"])
    problem(await office.call("agent", "POST", f"/complaints/{mark['path']}/notes", {"text": mark["words"]}), "invalid")
    problem(
        await office.call("agent", "POST", f"/complaints/{reference}{mark['path']}/notes", {"text": "x"}), "invalid"
    )
    await office.http.post(f"/c/{mark['path']}/facts", json={"text": mark["words"]})
    async with office.engine.connect() as db:
        rows = await db.execute(text("SELECT audit::text FROM audit WHERE seq > :before"), {"before": before})
        everything = "\n".join(rows.scalars())
    assert reference in everything and everything.count("\n") > 15
    assert [name for name, canary in (mark | {"phone": "13912345678"}).items() if canary in everything] == []


# -- rules -----------------------------------------------------------------------------------------------------------


async def test_changed_rules_are_logged_once_by_whoever_starts(register: AsyncEngine, tmp_path: Path) -> None:
    await rules_log.log_rules(register)
    assert await rules_log.log_rules(register) is False
    (tmp_path / "cn").mkdir()
    before, file = await last(register), tmp_path / "cn/clocks.yaml"
    digests = []
    for words in ("a: 1", "a: 2", "a: 1"):  # there and back again is three changes
        file.write_text(words)
        digests.append(rules_log.digests(tmp_path)["cn/clocks.yaml"])
        await asyncio.gather(*(rules_log.log_rules(register, tmp_path) for _ in range(4)))
    lines = await log_of(register, None, before)
    assert [x["act"] for x in lines] == ["rules_changed"] * 3
    assert [x["change"]["cn/clocks.yaml"] for x in lines] == [[None, digests[0]], digests[:2], digests[1:]]
    await rules_log.log_rules(register)  # back to the true ones
    assert (await audit_check.verify(register)).fault is None


async def test_no_words_of_a_stranger_get_into_the_log_and_not_without_end(office: Office) -> None:
    before = await last(office.engine)
    async with web(office, rates=Rates(requests_per_minute=10_000)) as http:
        await http.request("ZHANGSAN-13812345678", "/complaints/CMP-2026-000001")
        for _ in range(STRANGERS_WRITTEN + 5):
            assert (await http.get("/complaints/CMP-2026-000001")).status_code == 401
    lines = [e for e in await log_of(office.engine, "CMP-2026-000001", before) if e["who"] == "nobody"]
    assert lines[0]["act"] == "other /complaints/{reference}"
    assert len(lines) == STRANGERS_WRITTEN and lines[-1]["change"]["more"] == "not written in this minute"
    assert "more" not in lines[-2]["change"]
