"""The pages of ops, on real servers: how the processes are, and one case's history in words."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from browser import HTML, newcomer, page_session, web
from office import PLAIN, SECRET, Office, OpenOffice, free_port
from sqlalchemy import column, text
from temporalio.client import Client

from activities.channels import Mail, Post
from api.app import create_app
from api.pages.history_names import ACTIVITIES, ACTS, EVENTS
from api.pages.words import say
from api.parts import Parts
from register import health
from workflows.complaint import Complaint
from workflows.waking import poke

DAY = timedelta(days=1)


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


async def page(office: Office, path: str, role: str = "ops", language: str = "en", **parts: Any) -> httpx.Response:
    """What somebody of that role is shown there."""
    async with web(office, **parts) as http:
        await page_session(http, await newcomer(office, roles=[role], language=language))
        return await http.get(path, headers=HTML)


async def until(office: Office, path: str, said: str) -> str:
    """That page, as soon as it says so: Temporal's lists and counts lag behind."""
    async with web(office) as http, asyncio.timeout(30):
        await page_session(http, await newcomer(office, roles=["ops"], language="en"))
        while said not in (html := (await http.get(path, headers=HTML)).text):
            continue
        return html


def cells(html: str, row: str) -> list[str]:
    """The figures of the row with that heading."""
    found = re.search(rf'<th scope="row">{re.escape(row)}</th>(.*?)</tr>', html, re.DOTALL)
    assert found, html
    plain = [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", found[1], re.DOTALL)]
    return [unescape(cell) for cell in plain]


def told(html: str) -> list[tuple[str, str]]:
    """Temporal's type and the words of each event."""
    found = re.findall(r'<code lang="en">(\w+)</code></td>\s*<td[^>]*>(.*?)</td>', html, re.DOTALL)
    return [(kind, unescape(re.sub(r"<[^>]*>", "", words)).strip()) for kind, words in found]


async def test_a_limit_that_breaks_is_counted_with_how_late_it_was_heard(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 3, 10, 10)) as office:
        case = await office.open()
        await office.forward(case["reference"], timedelta(hours=6))  # nobody accepts it
        at = next(e["at"] for e in await office.events(case["reference"]) if e["kind"] == "breached")
        moment = datetime.fromisoformat(at)
        before, after = [
            (await page(office, "/desk/ops", clock=_standing(at))).text
            for at in (moment - timedelta(microseconds=1), moment)
        ]
        for span in ("Last 24 hours", "Last 7 days"):
            then, now = [cells(html[html.index(span) :], "Limits broken") for html in (before, after)]
            assert int(now[0]) == int(then[0]) + 1
            assert all(re.fullmatch(r"\d+ s", late) for late in now[1:]), now
        now = cells(after, "Limits broken")
        [row] = [r for r in await health.alarms(office.engine, moment - DAY, moment) if r["kind"] == "breached"]
        assert now == [str(row["fired"]), *(f"{row[of]} s" for of in ("p50", "p95", "max"))]
        assert row["p50"] <= row["p95"] <= row["max"]


def _standing(at: datetime) -> Any:
    return lambda: at


async def test_a_limit_that_was_over_before_the_complaint_came_was_not_heard_late(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 3, 10, 10)) as office:
        long_ago = office.real(datetime(2026, 2, 2, 10)).isoformat()
        reference = (await office.open(PLAIN | {"received_at": long_ago}))["reference"]
        breached = [e for e in await office.events(reference) if e["kind"] == "breached"]
        assert min(e["data"]["late_by_seconds"] for e in breached) > DAY.total_seconds()
        assert all("late_by" not in e for e in breached)
        query = text("SELECT max(late_by) FROM caseevent WHERE reference = :r AND kind = 'breached'")
        async with office.engine.connect() as db:
            assert (await db.execute(query, {"r": reference})).scalar_one() < 60


async def test_a_worker_that_polls_is_shown_with_its_build_and_an_empty_queue(office: Office) -> None:
    html = (await page(office, "/desk/ops")).text
    assert office.worker.client.identity in html and "Nobody asks for this work" not in html
    assert html.count("Waiting <strong>0</strong>") == 2
    assert re.search(r"<code>[0-9a-f]{32}</code>", html), "the build of an unversioned worker is a digest"
    silent = datetime.now(UTC) + timedelta(minutes=10)
    assert "silent" in (await page(office, "/desk/ops", clock=_standing(silent))).text


async def test_what_waits_for_a_worker_that_is_away_is_counted(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 3, 10, 10)) as office:
        await office.worker_stops()
        wake, person = poke(office.env.client, office.queue), await newcomer(office)
        await wake(person)
        html = await until(office, "/desk/ops", "Waiting <strong>1</strong> · the oldest for")
        assert "Waiting <strong>0</strong>" in html, "no errand waits, only a step"
        await office.env.client.get_workflow_handle(f"digest-{person}").terminate()


async def test_a_process_that_was_terminated_under_an_open_case_is_named(office: Office) -> None:
    reference = (await office.open())["reference"]
    await office.handle(reference).terminate("by mistake")
    html = await until(office, "/desk/ops", reference)
    assert re.search(rf"{reference}</a>\s*· Terminated", html), html
    assert "docs/operations.md · A case was cancelled or terminated" in html
    last_type, last_words = told((await page(office, f"/desk/ops/{reference}")).text)[-1]
    assert last_type == "WorkflowExecutionTerminated"
    assert last_words.startswith("■ The process was terminated by ")


async def test_a_letter_that_is_tried_again_and_again_is_named(office_on: OpenOffice) -> None:
    down = Post(mail=Mail(host="localhost", port=free_port(), sender="complaints@bank.example", tls="none"))
    async with office_on(datetime(2026, 3, 10, 10), down) as office:
        reference = (await office.open())["reference"]
        await office.activity_failed_once(reference)
        html = (await page(office, "/desk/ops")).text
        assert re.search(rf"{reference}</a>\s*· send letters · attempt [2-9]", html), html
        assert int(cells(html, "Letters: Waits")[0]) >= 1
        await office.handle(reference).terminate("the end of the test")


async def test_letters_that_wait_or_failed_are_counted_by_state(office: Office) -> None:
    reference = (await office.open())["reference"]
    await office.letter_event(reference, "letter_sent")
    was = await health.letters(office.engine, datetime.now(UTC) - 7 * DAY)
    async with office.engine.begin() as db:
        change = text("UPDATE sending SET state = 'uncertain' WHERE reference = :r RETURNING number")
        numbers = (await db.execute(change, {"r": reference})).all()
    html = (await page(office, "/desk/ops")).text
    expected = (was["uncertain"]["letters"] if "uncertain" in was else 0) + len(numbers)
    assert cells(html, "Letters: May have gone out")[0] == str(expected)
    assert re.search(rf"{reference}</a> · Acknowledgement · E-mail · May have gone out", html)


async def test_the_history_of_a_plain_case_is_told_in_both_languages(office: Office) -> None:
    case = await office.to_callback(await office.open())
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.letter_event(reference, "letter_sent")
    english = told((await page(office, f"/desk/ops/{reference}")).text)
    chinese = told((await page(office, f"/desk/ops/{reference}", language="zh-CN")).text)
    shared = zip(english, chinese, strict=False)  # it goes on between the two looks
    assert all(one[0] == other[0] for one, other in shared) and len(chinese) >= len(english)
    for wanted in (
        ("WorkflowExecutionStarted", "The process starts"),
        ("MarkerRecorded", "Done at once: find the rules in force"),
        ("WorkflowExecutionUpdateAccepted", f"{handler}: The handler takes the case"),
        ("WorkflowExecutionUpdateCompleted", "Done and answered: The handler takes the case"),
        ("ActivityTaskCompleted", "Done: Acknowledgement by E-mail"),
    ):
        assert wanted in english, english
    for wanted in (
        ("WorkflowExecutionStarted", "流程启动"),
        ("MarkerRecorded", "即时完成：查找现行规则"),
        ("WorkflowExecutionUpdateAccepted", f"{handler}：处理人员接单"),
    ):
        assert wanted in chinese, chinese
    timers = [words for kind, words in english if kind == "TimerStarted"]
    assert all(re.fullmatch(r"Sleeps until \d{4}-\d\d-\d\d \d\d:\d\d: [A-Z].*: reminder to .+", t) for t in timers)
    assert timers and not any("no words" in words or "not said" in words for _, words in english)
    for secret in ("年费", "测试客户", "customer@example.com"):
        assert secret not in str(english + chinese), "what the events carry is not shown"


async def test_a_long_history_is_paged_and_each_of_its_runs_is_listed(office: Office) -> None:
    reference = (await office.open())["reference"]
    first = await office.handle(reference).describe()
    for n in range(40):
        await office.act("agent", reference, "notes", {"text": f"{n}"})
    async with web(office) as http:
        await page_session(http, await newcomer(office, roles=["ops"], language="en"))
        html = await until(office, f"/desk/ops/{reference}", "Runs, the newest first")
        assert told(html)[0] == ("WorkflowExecutionStarted", "The process goes on here: its history had grown long")
        assert "Went on in a new run" in html
        old = (await http.get(f"/desk/ops/{reference}?run={first.run_id}", headers=HTML)).text
        assert told(old)[0][1] == "The process starts"
        later = (await http.get(f"/desk/ops/{reference}?run={first.run_id}&from=100", headers=HTML)).text
        assert told(later) == told(old)[99:]
        assert "Earlier events" in later and "from=1&#34;" not in later
        beyond = await http.get(f"/desk/ops/{reference}?run={first.run_id}&from=50000", headers=HTML)
        assert "There are no events from this number on" in beyond.text
        unknown = await http.get(f"/desk/ops/{reference}?run={'0' * 36}", headers=HTML)
        assert unknown.status_code == 404
        assert (await http.get(f"/desk/ops/{reference}?from=0", headers=HTML)).status_code == 422


async def test_a_case_that_temporal_has_no_process_of_says_so(office: Office) -> None:
    reference, (kept, _) = (await office.open())["reference"], await _kept(office)
    another = office.env.client.config() | {"namespace": "temporal-system"}  # there, and without any of our processes
    async with ops_with(office, Client(**another)) as http:
        gone = await http.get(f"/desk/ops/{reference}", headers=HTML)
        assert gone.status_code == 200 and "Temporal does not have this process any more" in gone.text
        assert "its process has not started yet" in (await http.get(f"/desk/ops/{kept}", headers=HTML)).text
        assert (await http.get("/desk/ops/CMP-2026-999999", headers=HTML)).status_code == 404
        assert (await http.get("/desk/ops/CMP-1", headers=HTML)).status_code == 422


@asynccontextmanager
async def ops_with(office: Office, temporal: Client) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of ops, before a web server with that Temporal, an hour from now."""
    parts = Parts(office.engine, temporal, SECRET, office.queue, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    transport = httpx.ASGITransport(create_app(parts))
    name = await newcomer(office, roles=["ops"], language="en")
    async with httpx.AsyncClient(transport=transport, base_url="https://office", timeout=30) as http:
        await page_session(http, name)
        yield http


async def _kept(office: Office) -> tuple[str, Client]:
    """A complaint that was kept while Temporal was away; and a client that finds no Temporal."""
    nowhere = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=office.env.client.data_converter
    )
    app = create_app(Parts(office.engine, nowhere, SECRET, office.queue))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://office", timeout=30) as http:
        sent = {"username": "agent", "password": office.password}
        token = (await http.post("/auth/token", data=sent)).json()["access_token"]
        form = PLAIN | {"matter": f"年费 {datetime.now(UTC).isoformat()}"}
        answer = await http.post("/complaints", json=form, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 202
        return answer.json()["reference"], nowhere


async def test_with_temporal_away_the_pages_answer_and_say_so(office: Office) -> None:
    kept, nowhere = await _kept(office)
    async with ops_with(office, nowhere) as http:
        answer = await http.get("/desk/ops", headers=HTML)
        assert answer.status_code == 200
        assert "Temporal does not answer." in answer.text and "Not known: Temporal did not answer." in answer.text
        assert f">{kept}</a>" in answer.text, "what is kept and not started is named"
        history = await http.get(f"/desk/ops/{kept}", headers=HTML)
        assert history.status_code == 200 and "its history cannot be shown" in history.text


@pytest.mark.parametrize("role", ["agent", "handler", "supervisor", "manager", "auditor", "admin"])
async def test_nobody_but_ops_is_shown_the_processes(office: Office, role: str) -> None:
    reference = (await office.open())["reference"] if role == "agent" else "CMP-2026-000001"
    async with web(office) as http:
        await page_session(http, await newcomer(office, roles=[role], language="en"))
        for path in ("/desk/ops", f"/desk/ops/{reference}"):
            assert (await http.get(path, headers=HTML)).status_code == 403


async def test_the_links_lead_into_temporals_own_web_ui(office: Office) -> None:
    reference = (await office.open())["reference"]
    where = ("https://temporal.bank.example",)
    run = (await office.handle(reference).describe()).run_id
    html = (await page(office, f"/desk/ops/{reference}", ui_origins=where)).text
    assert f'href="https://temporal.bank.example/namespaces/default/workflows/{reference}/{run}/history"' in html
    assert "Web UI" in (await page(office, "/desk/ops", ui_origins=where)).text
    assert f"workflows/{reference}" not in (await page(office, f"/desk/ops/{reference}")).text


async def test_the_figures_are_read_by_indexes(office: Office) -> None:
    now = datetime.now(UTC)
    queries = {
        "event_alarms": health.alarms_query(now - 7 * DAY, now),
        "sending_open": health.letters_query(now),
        "digest_open": health.digests_query(),
        "staff_notice_waiting": health.notices_query(),
        "intake_": health.kept_query(now),  # by what waits, or by when it was started: both hold what was never started
    }
    async with office.engine.connect() as db:
        await db.execute(text("SET LOCAL enable_seqscan = off"))  # the tables of a test are small
        for index, query in queries.items():
            said = query.compile(office.engine, compile_kwargs={"literal_binds": True})
            plan = "\n".join(r[0] for r in await db.execute(text(f"EXPLAIN {said}").columns(column("plan"))))
            assert re.search(rf"Index (Only )?Scan (using|on) {index}", plan) and "Seq Scan" not in plan, plan


def test_everything_a_complaints_process_can_be_asked_has_a_name_in_both_languages() -> None:
    named = [getattr(Complaint, name) for name in dir(Complaint)]
    found = [getattr(f, "_defn", None) or getattr(f, "__temporal_signal_definition", None) for f in named]
    assert {d.name for d in found if d is not None and d.name} == set(ACTS)
    for words in (*ACTS.values(), *EVENTS.values(), *ACTIVITIES.values()):
        assert say("zh-CN", words) != words
