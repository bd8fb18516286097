"""The auditor's pages over HTTP: who looked at what, who did what, whether the log is sound, and taking it away."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from browser import OWN
from keys import MASTER, register_at
from office import PLAIN, Office
from page_forms import desk, faults, hidden, read, send, text_of
from sqlalchemy import make_url
from tampering import Owner, unlocked

from api.pages.log_words import FIELDS, LOGGED, REQUESTS, act_words, changes, fault_words
from api.recording import ITSELF, LISTS, LOOKING
from complaints.disclosure import ALARM
from policies.access import TABLE
from register import audit, audit_state
from register.audit import Entry
from register.connect import as_app
from run import local_postgres


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


# -- the lists ---------------------------------------------------------------------------------------------------------


async def test_the_audit_log_is_read_by_who_act_subject_and_time_in_pages(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    async with desk(office, "auditor") as http:
        page = await text_of(http, "/desk/audit", subject=reference)
        assert "Accepted by the handler" in page and "Opened a complaint" in page and "POST /complaints" in page
        assert "stage: Assigned <" in page and "</span> In progress</div>" in page, "before → after"
        only = await text_of(http, "/desk/audit", subject=reference, act="accepted", who=handler)
        assert "Accepted by the handler" in only and "Opened a complaint" not in only
        assert 'value="accepted"' in only and f'value="{handler}"' in only, "what was asked for stays"
        assert "No line fits." in await text_of(http, "/desk/audit", subject=reference, to="2020-01-01T00:00")
        first = await text_of(http, "/desk/audit", who="process", limit="2")
        assert first.count("<tr>") == 3 and 'href="?who=process&cursor=' in first
        cursor = first.partition("cursor=")[2].partition('"')[0]
        assert first.count(f">{cursor}</td>") == 1
        assert f">{cursor}</td>" not in await text_of(http, "/desk/audit", who="process", cursor=cursor)


BAD = [("from", "yesterday"), ("to", "2026-13-40T00:00"), ("who", "x" * 201), ("subject", "a\nb")]


@pytest.mark.parametrize(("field", "typed"), BAD)
@pytest.mark.parametrize("path", ["audit", "query-log"])
async def test_a_filter_at_fault_is_marked_and_stays(office: Office, path: str, field: str, typed: str) -> None:
    async with desk(office, "auditor") as http:
        answer = await http.get(f"/desk/{path}", params={field: typed, "who": typed if field == "who" else "agent"})
        assert answer.status_code == 422 and list(faults(answer)) == [f"filter-{field}"], answer.text
        page = read(answer)
        assert "<table" not in page and 'aria-invalid="true"' in page
        assert field == "who" or 'name="who" type="text" value="agent"' in page


async def test_looks_are_listed_with_purpose_and_reason_and_a_page_is_a_look_too(office: Office) -> None:
    reference = (await office.open(PLAIN))["reference"]
    body = {"purpose": "legal_request", "reason": "法院来函"}
    await office.post("agent", f"/complaints/{reference}/disclosures", body)
    async with desk(office, "manager") as http:
        assert (await http.get(f"/desk/complaints/{reference}")).status_code == 200
        page = await text_of(http, "/desk/query-log", subject=reference)
        assert "◆ Contact data shown" in page and "A request by law<br>" in page and "法院来函" in page
        assert "Read a case" in page and http.headers["x-who"] in page
        assert (await http.get("/desk/audit")).status_code == 403
        assert (await http.get("/desk/audit/file?kind=csv")).status_code == 403


async def test_reading_these_lists_is_itself_written_down(office: Office) -> None:
    async with desk(office, "auditor") as http:
        for path in ("audit", "query-log"):
            await text_of(http, f"/desk/{path}")
        me = http.headers["x-who"]
        page = await text_of(http, "/desk/audit", who=me)
        assert "GET /desk/audit<" in page and "GET /desk/query-log<" in page
    for role in ("agent", "handler", "supervisor", "ops", "admin"):
        async with desk(office, role) as http:
            assert [(await http.get(f"/desk/{p}")).status_code for p in ("audit", "query-log")] == [403, 403], role


async def test_who_showed_many_stands_at_the_top(office: Office) -> None:
    said: dict[str, Any] = {"cases": 21, "within_minutes": 60}
    await audit.append(office.engine, Entry(who="process", act=ALARM, subject="curious.agent", change=said))
    async with desk(office, "auditor") as http:
        page = await text_of(http, "/desk/query-log", who="nobody.else")
        assert "One person showed many" in page and "No line fits." in page
        assert 'href="?who=curious.agent"' in page and "contact data of 21 cases within 60 minutes" in page


# -- taking it away ----------------------------------------------------------------------------------------------------


async def test_the_lines_are_taken_away_as_a_file_masked_and_logged(office: Office) -> None:
    case = await office.open()
    reference, phone = case["reference"], PLAIN["complainant"]["phone"]
    why = f"=客户 {phone} 来电"
    await audit.append(office.engine, Entry(who="=1+1", act="tried", subject=reference, why=why))
    async with desk(office, "auditor") as http:
        got = await http.get("/desk/audit/file", params={"kind": "csv", "subject": reference})
        assert got.headers["content-type"].startswith("text/csv") and "attachment" in got.headers["content-disposition"]
        table = list(csv.DictReader(io.StringIO(got.text)))
        line = next(x for x in table if x["act"] == "tried")
        assert line["who"] == "'=1+1" and line["why"].startswith("'=客户") and phone not in got.text
        assert len(line["mac"]) == 64 and [int(x["seq"]) for x in table] == sorted(int(x["seq"]) for x in table)
        got = await http.get("/desk/audit/file", params={"kind": "jsonl", "subject": reference, "act": "tried"})
        assert [json.loads(x)["who"] for x in got.text.splitlines()] == ["=1+1"] and phone not in got.text
        page = await text_of(http, "/desk/audit", who=http.headers["x-who"], act="audit_exported")
        assert page.count("Audit log exported<") == 2 and "kind of file: jsonl" in page and "act=tried" in page
        wrong = await http.get("/desk/audit/file", params={"kind": "exe"})
        assert wrong.status_code == 422 and "Please check the marked fields." in read(wrong)


# -- whether it is as it was written -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_url(owner_url: str) -> str:
    """A register of its own: its log is going to be tampered with."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("CREATE DATABASE audit_pages")
    url = make_url(owner_url).set(database="audit_pages").render_as_string(hide_password=False)
    local_postgres.prepared(url, MASTER)
    return url


@pytest.fixture
def owner(own_url: str) -> Iterator[Owner]:
    with psycopg.connect(own_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture
async def other(office: Office, own_url: str) -> AsyncIterator[Office]:
    """An office on that register, whose log nobody has checked."""
    engine = register_at(as_app(own_url))
    await audit.append(engine, *(Entry(who=f"user{n}", act="tried") for n in range(5)))
    yield replace(office, engine=engine, queue=f"pages of {id(engine)}")
    await engine.dispose()


async def lines_of(office: Office) -> int:
    return (await audit_state.state(office.engine)).lines


async def test_the_log_is_checked_by_hand_and_a_changed_line_is_named(
    other: Office, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(other, "auditor") as http:
        assert "△ Not checked yet" in await text_of(http, "/desk/audit")
        done = await send(http, "audit", "audit/check")
        assert done.headers["location"].endswith("desk/audit?done=checked")
        page = await text_of(http, "/desk/audit", done="checked")
        checked = (await audit_state.state(other.engine)).last
        assert checked and checked.who == http.headers["x-who"] and checked.fault_at is None and checked.since == 0
        assert (
            f"✓ Yes, up to line {checked.lines}" in page and checked.head in page and "Lines added since then" in page
        )

        # Longer than can be checked at once: it goes on from there, and says so.
        monkeypatch.setattr(audit_state, "AT_ONCE", await lines_of(other) - 3)
        await send(http, "audit", "audit/check")
        page = await text_of(http, "/desk/audit")
        assert f"That check began after line {checked.lines}" in page and f"up to line {checked.lines}." in page
        unlocked(owner, "UPDATE audit SET who = 'forged' WHERE seq = 2")
        await send(http, "audit", "audit/check")
        assert "✓ Yes, up to line" in await text_of(http, "/desk/audit"), "line 2 was checked before; hence the date"

        monkeypatch.undo()
        await send(http, "audit", "audit/check")
        page = await text_of(http, "/desk/audit")
        assert "■ No: line 2" in page and "changed" in page and "✓ Yes" not in page

        # After a fault only a check of the whole log counts.
        monkeypatch.setattr(audit_state, "AT_ONCE", 5)
        refused = await send(http, "audit", "audit/check", 409)
        assert "amends audit verify" in read(refused)
        assert "■ No: line 2" in await text_of(http, "/desk/audit")
        unlocked(owner, "UPDATE audit SET who = 'user1' WHERE seq = 2")
        monkeypatch.undo()
        await send(http, "audit", "audit/check")
        assert "✓ Yes, up to line" in await text_of(http, "/desk/audit")


async def test_a_line_tampered_with_after_the_last_check_is_found_by_the_next(
    other: Office, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(other, "auditor") as http:
        await send(http, "audit", "audit/check")
        await audit.append(other.engine, Entry(who="somebody", act="tried"))
        bad = await lines_of(other)
        monkeypatch.setattr(audit_state, "AT_ONCE", 20)
        unlocked(owner, f"UPDATE audit SET who = 'forged' WHERE seq = {bad}")
        await send(http, "audit", "audit/check")
        assert f"■ No: line {bad}" in await text_of(http, "/desk/audit")
        monkeypatch.undo()
        unlocked(owner, f"UPDATE audit SET who = 'somebody' WHERE seq = {bad}")
        await send(http, "audit", "audit/check")
        too_many = audit_state.State(lines=100, last=(await audit_state.state(other.engine)).last, whole=None)
        with pytest.raises(audit_state.TooLong):
            too_many.going_on(10)


async def test_only_the_auditor_has_the_log_checked(office: Office) -> None:
    async with desk(office, "manager") as http:
        kept = hidden((await http.get("/desk/query-log")).text, "language")
        assert (await http.post("/desk/audit/check", data=kept, headers=OWN)).status_code == 403
    async with desk(office, "auditor") as http:
        assert (await http.post("/desk/audit/check", data={}, headers=OWN)).status_code == 403, "without the token"


# -- words -------------------------------------------------------------------------------------------------------------


def test_every_request_that_is_written_down_has_a_name() -> None:
    for route, entry in TABLE.routes.items():
        method, path = route.split(" ")
        written = method not in LOOKING or "{" in path or path in LISTS
        if written and not path.startswith((*ITSELF, "/me/")):
            assert entry.does in REQUESTS, f"say in api/pages/log_words.py what {route} is called"


def test_every_act_that_code_writes_down_is_in_words() -> None:
    root, acts = Path(__file__).parent.parent, set[str]()
    for folder in ("api", "run", "register", "activities"):
        for path in (root / folder).rglob("*.py"):
            said = path.read_text("utf-8")
            acts |= set(
                re.findall(r'(?:own_entry\(|\bact=|noted\([^,]+, |note\(here, request, [^,]+, )"([a-z_]+)"', said)
            )
    assert len(acts) > 15
    assert not {act for act in acts if act_words("en", act) == act}
    assert {act_words("zh-CN", act) for act in LOGGED} & set(LOGGED.values()) == set()


def test_changes_and_faults_are_said_in_both_languages() -> None:
    at = datetime(2026, 3, 10, 2, tzinfo=UTC).isoformat()
    change = {"stage": ["assigned", "in_progress"], "due_at": [None, at], "breached": [False, True], "kinds": [[], []]}
    assert changes("en", change, {})[:2] == [("stage", "Assigned", "In progress"), ("due", "–", "2026-03-10 10:00")]
    zh = changes("zh-CN", change | {"department": ["a", "b"]}, {"a": "法律部", "b": "零售部"})
    assert (
        [c.field for c in zh] == ["阶段", "到期", "是否超期", "部门"]
        and zh[3].before == "法律部"
        and zh[2].after == "是"
    )
    assert fault_words("zh-CN", "missing: lines 3 to 14") == "缺失：第 3 行至第 14 行"
    assert set(FIELDS) >= {"status", "problem", "stage", "fault"}
