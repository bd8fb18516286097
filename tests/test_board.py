"""The live board and the exports over HTTP, on real servers: figures, lists behind them, files, and who may have them."""

import csv
import re
from collections.abc import AsyncIterator
from io import BytesIO, StringIO
from typing import Any

import httpx
import pytest
from browser import HTML, page_session, web
from contract import Json, different, listed, signed_in
from office import PLAIN, Office
from openpyxl import load_workbook
from sqlalchemy import select
from sqlmodel import col

from api.pages import exports
from register.audit_tables import Audit


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


@pytest.fixture(scope="module")
async def cases(office: Office) -> list[Json]:
    """One withdrawn, one open."""
    opened = [await office.open(different(channel="telephone")) for _ in range(2)]
    await office.act("agent", opened[0]["reference"], "withdrawal", {"reason": "撤诉"})
    return opened


@pytest.fixture
async def http(office: Office, cases: list[Json]) -> AsyncIterator[httpx.AsyncClient]:
    """A manager's browser."""
    async with web(office) as browser:
        await page_session(browser, "manager")
        browser.headers.update(HTML)
        yield browser


async def audited(office: Office, act: str) -> int:
    async with office.engine.connect() as db:
        query = select(col(Audit.seq)).where(col(Audit.act) == act, col(Audit.who) == "manager")
        return len((await db.execute(query)).all())


async def test_the_board_shows_figures_targets_and_charts_in_little_weight(http: httpx.AsyncClient) -> None:
    page = await http.get("/desk/board?period=year")
    assert page.status_code == 200 and "refresh" not in page.headers
    assert "目标 ≥\u00a085\u00a0%" in page.text and "闭环率" in page.text
    parts = [
        re.sub(r"^\.\./|&amp;", lambda m: "&" if m[0][0] == "&" else "/", src)
        for src in re.findall(r'(?:src|href)="([^"]*(?:chart\.svg|desk\.(?:css|js))[^"]*)"', page.text)
    ]
    assert len(parts) == 8
    weight = len(page.content)
    for part in parts:
        answer = await http.get(part)
        assert answer.status_code == 200, part
        weight += len(answer.content)
        if "chart.svg" in part:
            assert answer.headers["content-type"] == "image/svg+xml"
            drawing = answer.text.replace("http://www.w3.org/", "")
            assert "<script" not in drawing and "http" not in drawing
    assert weight <= 150_000, weight


async def test_a_kiosk_comes_anew_by_itself_and_leads_nowhere(http: httpx.AsyncClient) -> None:
    page = await http.get("/desk/board?kiosk=1")
    assert int(page.headers["refresh"]) <= 30
    assert 'class="kiosk"' in page.text and "desk/complaints?" not in page.text and "dark=1" in page.text


async def test_each_figure_of_this_moment_leads_to_as_many_cases(http: httpx.AsyncClient, office: Office) -> None:
    page = (await http.get("/desk/board")).text
    found = re.findall(
        r'desk/complaints\?(figure=(?:open|due_today|overdue|breached_open))" aria-label="[^"]*: (\d+)"', page
    )
    assert len(found) == 4 and any(int(n) for _, n in found)
    for query, number in found:
        references, cursor = [], ""
        while True:
            more = (await office.call("manager", "GET", f"/complaints?{query}&limit=200{cursor}")).json()
            references += more["items"]
            if more["next"] is None:
                break
            cursor = f"&cursor={more['next']}"
        assert len(references) == int(number), query


async def test_the_list_behind_a_figure_says_what_it_is(http: httpx.AsyncClient, cases: list[Json]) -> None:
    today = "figure=handling&against=true&received_from=2000-01-01&received_to=2199-12-31"
    page = (await http.get(f"/desk/complaints?{today}")).text
    assert "处理率: 尚未办结" in page and f"complaints.csv?{'against=true'}" in page
    assert cases[1]["reference"] in page and cases[0]["reference"] not in page


async def test_lists_are_narrowed_by_days_product_and_channel(office: Office, cases: list[Json]) -> None:
    day = (await office.case(cases[1]["reference"]))["received_at"][:10]
    mine = {case["reference"] for case in cases}
    everything = set(await listed(office, received_from=day, limit=200))
    assert mine <= everything
    assert not mine & set(await listed(office, received_from="2199-01-01"))
    assert not mine & set(await listed(office, received_to="2001-01-01"))
    assert cases[0]["reference"] in await listed(office, closed_from="2001-01-01", limit=200)
    assert mine <= set(await listed(office, product=PLAIN["product"], channel="telephone", limit=200))
    assert not mine & set(await listed(office, channel="box", limit=200))


async def test_the_form_of_the_list_is_sent_with_empty_fields(http: httpx.AsyncClient) -> None:
    assert (await http.get("/desk/complaints?q=&stage=&nature=&kind=&breached=")).status_code == 200
    assert (await http.get("/desk/board?period=month&department=")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/desk/board?period=decade", "/desk/board?department=nowhere", "/desk/board?kiosk=perhaps"),
        *("/desk/board/chart.svg?of=secrets", "/desk/board/chart.svg", "/desk/board.csv?period=x"),
        *(
            "/desk/complaints?figure=luck",
            "/desk/complaints?received_from=yesterday",
            "/desk/complaints?closed_to=9999-12-31",
        ),
        *("/desk/complaints?cause=x", "/desk/complaints.csv?stage=lost", "/desk/complaints.xlsx?against=perhaps"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 422


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_the_list_is_exported_without_personal_data_and_written_to_the_log(
    http: httpx.AsyncClient, office: Office, cases: list[Json], kind: str
) -> None:
    before = await audited(office, f"GET /desk/complaints.{kind}")
    answer = await http.get(f"/desk/complaints.{kind}?channel=telephone")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(exports.MEDIA[kind])
    rows = table(answer, kind)
    assert rows[0][:2] == ["投诉编号", "阶段"] and {len(row) for row in rows} == {len(exports.COLUMNS)}
    references = [row[0] for row in rows[1:]]
    assert references == await all_of(office, "channel=telephone")
    assert not [row for row in rows for cell in row if "13800000000" in str(cell) or "测试客户" in str(cell)]
    assert await audited(office, f"GET /desk/complaints.{kind}") == before + 1


def table(answer: httpx.Response, kind: str) -> list[list[Any]]:
    if kind == "csv":
        assert answer.content.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))
    return [list(row) for row in load_workbook(BytesIO(answer.content)).active.values]


async def all_of(office: Office, query: str) -> list[str]:
    found, cursor = [], ""
    while True:
        page = (await office.call("manager", "GET", f"/complaints?{query}&limit=200{cursor}")).json()
        found += [row["reference"] for row in page["items"]]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_the_figures_are_exported_and_written_to_the_log(
    http: httpx.AsyncClient, office: Office, kind: str
) -> None:
    before = await audited(office, f"GET /desk/board.{kind}")
    rows = table(await http.get(f"/desk/board.{kind}?period=days30"), kind)
    assert next(row for row in rows if row[0] == "客户满意度（CSAT）")[9] == "≥\u00a085\u00a0%"
    assert len([row for row in rows if row[0] == "趋势"]) == 60, "thirty days, received and closed"
    assert await audited(office, f"GET /desk/board.{kind}") == before + 1


async def test_a_list_in_several_batches_is_whole(
    http: httpx.AsyncClient, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    rows = table(await http.get("/desk/complaints.csv?channel=telephone"), "csv")
    assert [row[0] for row in rows[1:]] == await all_of(office, "channel=telephone")


@pytest.mark.parametrize(("bound", "query"), [("MOST", "channel=telephone"), ("MOST_SEARCHED", "q=信用卡")])
async def test_too_large_a_list_is_refused_on_its_page(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, bound: str, query: str
) -> None:
    monkeypatch.setattr(exports, bound, 1)
    answer = await http.get(f"/desk/complaints.csv?{query}")
    assert answer.status_code == 422 and "请先缩小范围" in answer.text and "CMP-" in answer.text


async def test_a_search_is_exported_as_it_is_listed(http: httpx.AsyncClient, cases: list[Json]) -> None:
    rows = table(await http.get(f"/desk/complaints.csv?q={cases[1]['reference']}"), "csv")
    assert [row[0] for row in rows[1:]] == [cases[1]["reference"]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_taken_for_a_formula(text: str) -> None:
    assert exports.safe(text) == f"'{text}"


def test_numbers_and_plain_words_stay_as_they_are() -> None:
    assert [exports.safe(value) for value in (-1, 2.5, None, "CMP-2026-000001", "")] == [
        -1,
        2.5,
        None,
        "CMP-2026-000001",
        "",
    ]


WHO = {
    "/desk/board": {"supervisor", "manager", "auditor", "ops", "admin"},
    "/desk/board/chart.svg?of=trend": {"supervisor", "manager", "auditor", "ops", "admin"},
    "/desk/board.csv": {"supervisor", "manager", "auditor", "ops", "admin"},
    "/desk/board.xlsx": {"supervisor", "manager", "auditor", "ops", "admin"},
    "/desk/complaints.csv": {"supervisor", "manager", "auditor"},
    "/desk/complaints.xlsx": {"supervisor", "manager", "auditor"},
}


@pytest.mark.parametrize("role", ["agent", "handler", "supervisor", "manager", "auditor", "ops", "admin"])
async def test_who_may_see_and_take_figures_and_lists(office: Office, role: str) -> None:
    async with web(office) as http:
        await page_session(http, role)
        for path, roles in WHO.items():
            assert (await http.get(path, headers=HTML)).status_code == (200 if role in roles else 403), path
        page = (await http.get("/desk/complaints", headers=HTML)).text
        assert ("complaints.csv" in page) is (role in WHO["/desk/complaints.csv"])
