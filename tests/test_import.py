"""`amends import`: what a row of the CFPB's file becomes, what is refused and why, and that nothing opens twice.

The rows here are made up for the tests. The real files are read only where they are (../shared/data).
"""

import asyncio
import csv
import io
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from office import Office
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.testing import WorkflowEnvironment

from activities.channels import Post
from api import opening
from complaints import cfpb
from complaints.errors import Refused
from complaints.form import ComplaintForm, contradictions
from complaints.names import TASK_QUEUE
from policies import imports
from policies.load import load
from register.tables import Complaint, Intake
from run import importing, worker
from run.import_rows import Import, Pace, reason
from run.settings import Settings

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
REAL = Path(__file__).parents[2] / "shared" / "data"
ROW = dict.fromkeys(cfpb.HEADER, "") | {
    "Date received": "2017-05-02",
    "Product": "Mortgage",
    "Sub-product": "FHA mortgage",
    "Issue": "Trouble during payment process",
    "Consumer complaint narrative": "On XX/XX/2017 they did n't post my {$300.00}.\n\nXXXX at the bank said wait. ",
    "Company": "SOME BANK",
    "State": "TX",
    "Tags": "Older American",
    "Submitted via": "Web",
    "Complaint ID": "4711",
}


def text_of(*rows: dict[str, str]) -> str:
    """A file of these rows, as the CFPB writes it."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, [*cfpb.HEADER], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def read(text: str) -> list[cfpb.Record]:
    return list(cfpb.records(text.splitlines(keepends=True)))


def form(as_is: bool = False, file: str = "some.csv", **columns: str) -> ComplaintForm:
    record = cfpb.Record(1, 2, ROW | columns)
    return cfpb.form_of(record, imports.cfpb(), file, NOW, SHANGHAI, as_is=as_is)


# -- a row ------------------------------------------------------------------------------------------------------------


def test_a_row_says_what_the_file_says_and_no_more() -> None:
    said = form().model_dump(exclude_defaults=True, mode="json")
    assert said == {
        "channel": "online",
        "received_at": "2026-03-10T04:00:00Z",
        "language": "en",
        "complainant": {"customer_number": "CFPB-4711"},
        "matter": "On XX/XX/2017 they did n't post my {$300.00}.\n\nXXXX at the bank said wait. ",
        "reason": "Trouble during payment process",
        "product": "mortgage",
        "imported_from": "cfpb some.csv row 1; received 2017-05-02; via Web; TX; Older American; SOME BANK",
    }


@pytest.mark.parametrize(
    ("product", "sub_product", "code"),
    [
        # until April 2017
        ("Bank account or service", "Checking account", "account"),
        ("Consumer Loan", "Vehicle loan", "loan"),
        ("Credit card", "", "credit_card"),
        ("Credit reporting", "", "other"),
        ("Money transfers", "International money transfer", "transfer"),
        ("Other financial service", "Money order", "transfer"),
        ("Other financial service", "Credit repair", "other"),
        ("Prepaid card", "General purpose card", "debit_card"),
        ("Virtual currency", "Domestic (US) money transfer", "other"),
        # from April 2017
        ("Checking or savings account", "Savings account", "account"),
        ("Checking or savings account", "Personal line of credit", "loan"),
        ("Credit card or prepaid card", "Store credit card", "credit_card"),
        ("Credit card or prepaid card", "Payroll card", "debit_card"),
        ("Money transfer, virtual currency, or money service", "Mobile or digital wallet", "mobile_banking"),
        ("Money transfer, virtual currency, or money service", "Domestic (US) money transfer", "transfer"),
        ("Debt collection", "Mortgage debt", "collections"),
        # from August 2023
        ("Payday loan, title loan, personal loan, or advance loan", "Payday loan", "loan"),
        ("Debt or credit management", "Debt settlement", "other"),
        # a sub-product nobody has seen goes with its product
        ("Mortgage", "Mortgage on the moon", "mortgage"),
    ],
)
def test_product(product: str, sub_product: str, code: str) -> None:
    assert form(**{"Product": product, "Sub-product": sub_product}).product == code


@pytest.mark.parametrize(
    ("via", "channel"),
    [
        ("Web", "online"),
        ("Phone", "telephone"),
        ("Email", "email"),
        ("Postal mail", "letter"),
        ("Fax", "letter"),
        ("Referral", "regulator"),
        ("Web Referral", "regulator"),
    ],
)
def test_channel_and_no_contact_asked_for(via: str, channel: str) -> None:
    imported = form(**{"Submitted via": via})
    assert imported.channel == channel
    assert contradictions(imported, load().intake, NOW) == []


def test_a_form_by_hand_still_needs_the_way_it_came() -> None:
    by_hand = form(**{"Submitted via": "Phone"}).model_copy(update={"imported_from": None})
    assert [e.field for e in contradictions(by_hand, load().intake, NOW)] == ["complainant.phone"]


@pytest.mark.parametrize(
    ("issue", "sub_issue", "matter", "reason"),
    [
        ("Fees", "Late fee", "Issue: Fees: Late fee. Product: Mortgage, FHA mortgage.", "Fees: Late fee"),
        ("Fees", "", "Issue: Fees. Product: Mortgage, FHA mortgage.", "Fees"),
        ("", "", "Issue: not stated. Product: Mortgage, FHA mortgage.", None),
    ],
)
def test_without_a_narrative_the_matter_is_what_is_known(issue: str, sub_issue: str, matter: str, reason: str) -> None:
    said = form(**{"Consumer complaint narrative": " \n", "Issue": issue, "Sub-issue": sub_issue})
    assert said.matter == f"The words of the complainant were not published. {matter}"
    assert said.reason == reason


@pytest.mark.parametrize(
    ("written", "received"),
    [
        ("2017-05-02", "2017-05-02T12:00:00+08:00"),
        ("05/02/2017", "2017-05-02T12:00:00+08:00"),
        ("2026-03-09", "2026-03-09T12:00:00+08:00"),
        ("2026-03-10", "2026-03-10T12:00:00+08:00"),
    ],
)
def test_as_is_is_noon_of_the_files_day(written: str, received: str) -> None:
    assert form(as_is=True, **{"Date received": written}).received_at == datetime.fromisoformat(received)


def test_today_is_not_received_in_the_future() -> None:
    morning = datetime(2026, 3, 10, 1, tzinfo=UTC)
    record = cfpb.Record(1, 2, ROW | {"Date received": "2026-03-10"})
    assert cfpb.form_of(record, imports.cfpb(), "f", morning, SHANGHAI, as_is=True).received_at == morning


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"Complaint ID": ""}, "Complaint ID: missing"),
        ({"Complaint ID": "47x"}, "Complaint ID: not a number: '47x'"),
        ({"Complaint ID": "٤٧"}, "Complaint ID: not a number: '٤٧'"),
        ({"Date received": ""}, "Date received: missing"),
        ({"Date received": "2017-02-30"}, "Date received: no date up to today: '2017-02-30'"),
        ({"Date received": "30/12/2017"}, "Date received: no date up to today: '30/12/2017'"),
        ({"Date received": "2026-03-11"}, "Date received: no date up to today: '2026-03-11'"),
        ({"Date received": "1989-12-31"}, "Date received: no date up to today: '1989-12-31'"),
        ({"Product": ""}, "Product: missing"),
        ({"Product": "Magic beans"}, "Product: unknown; add it to policies/cfpb.yaml: 'Magic beans'"),
        ({"Submitted via": "Pigeon"}, "Submitted via: unknown; add it to policies/cfpb.yaml: 'Pigeon'"),
        ({"Product": "", "Complaint ID": ""}, "Complaint ID: missing; Product: missing"),
        ({"Consumer complaint narrative": "x" * 20_001}, "matter: String should have at most 20000 characters"),
        ({"Consumer complaint narrative": "a\x00b"}, "matter: Value error, control character U+0000 is not text"),
    ],
)
def test_refused_row_says_every_column_at_fault(columns: dict[str, str], why: str) -> None:
    with pytest.raises(Refused) as refused:
        form(**columns)
    assert reason(refused.value) == why


def test_the_origin_fits_whatever_the_names() -> None:
    origin = form(file="n" * 300 + ".csv", **{"Company": "c" * 90, "Submitted via": "Web Referral"}).imported_from
    assert origin == f"cfpb {'n' * 40} row 1; received 2017-05-02; via Web Referral; TX"


@pytest.mark.parametrize(
    ("columns", "same"),
    [
        ({}, True),
        ({"Company response to consumer": "Closed with explanation", "Timely response?": "No"}, True),
        ({"Consumer complaint narrative": "other words"}, False),
        ({"Product": "Credit card"}, False),
    ],
)
def test_the_digest_is_of_the_complaint_not_of_the_companys_answer(columns: dict[str, str], same: bool) -> None:
    assert (cfpb.digest(ROW | columns) == cfpb.digest(ROW)) is same


# -- a file -----------------------------------------------------------------------------------------------------------


def test_lines_are_the_files_own() -> None:
    head, *body = text_of(ROW, ROW | {"Consumer complaint narrative": ""}, ROW).splitlines(keepends=True)
    text = head + "".join(body[:3]) + "\n" + "".join(body[3:]) + "only,three,cells\n"
    assert [(r.number, r.line, r.torn) for r in read(text)] == [
        (1, 2, None),
        (2, 6, None),
        (3, 7, None),
        (4, 10, "3 columns, the header has 18"),
    ]


def test_more_columns_and_another_order_are_the_same_rows() -> None:
    columns = ["Duplicate cluster", *reversed(cfpb.HEADER)]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerow(ROW | {"Duplicate cluster": "7"})
    (record,) = read(file.getvalue())
    assert record.row == ROW | {"Duplicate cluster": "7"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (b"Date received,Product\n", "not a CFPB file: its header needs, once each, Sub-product, Issue"),
        (b"PK\x03\x04 a spreadsheet, not a CSV file\n", "not a CFPB file"),
        (text_of(ROW, ROW | {"Company": "Crédit"}).encode("latin-1"), "line 7 is not UTF-8"),
        (text_of(ROW).encode() + b'2017-01-01,"' + b"a\n" * 600_000, "is a quotation mark not closed?"),
    ],
    ids=["nothing", "blank", "columns", "spreadsheet", "latin-1", "quote"],
)
async def test_a_file_that_cannot_be_read_is_refused_whole(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "some.csv"
    file.write_bytes(content)
    with pytest.raises(importing.CannotImport) as refused:
        await importing.import_file(Settings(data=tmp_path), file, limit=None, as_is=False, agent="agent")
    assert why in str(refused.value)


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_bytes(text_of(ROW).encode("utf-8-sig"))
    assert [r.row for r in cfpb.records(importing.lines(file))] == [ROW]


def test_the_table_leads_to_products_we_have() -> None:
    table = imports.cfpb()
    codes = {*table.products.values(), *(c for group in table.sub_products.values() for c in group.values())}
    assert codes <= set(load().intake.products), "policies/cfpb.yaml names products that intake.yaml has not"
    assert set(table.sub_products) <= set(table.products)


@pytest.mark.parametrize(("name", "rows"), [("complaints", 2000), ("no_narrative", 653), ("duplicates", 410)])
def test_no_row_of_the_real_files_is_refused(name: str, rows: int) -> None:
    file = REAL / f"cfpb_{name}.csv"
    if not file.exists():
        pytest.skip(f"{file} is not here")
    now = datetime.now(UTC)
    read = [
        cfpb.form_of(r, imports.cfpb(), file.name, now, SHANGHAI, as_is=True)
        for r in cfpb.records(importing.lines(file))
    ]
    assert len(read) == rows


# -- the process ------------------------------------------------------------------------------------------------------


def fresh(count: int, **columns: str) -> list[dict[str, str]]:
    """So many rows with numbers no test has used."""
    first = uuid4().int % 10**11
    return [ROW | columns | {"Complaint ID": str(first + n)} for n in range(count)]


def records_of(rows: list[dict[str, str]]) -> Iterator[cfpb.Record]:
    return cfpb.records(text_of(*rows).splitlines(keepends=True))


def importer(office: Office, **more: Any) -> Import:
    given: dict[str, Any] = {
        "engine": office.engine, "temporal": office.env.client, "task_queue": office.queue, "agent": "agent",
        "file": "some.csv", "as_is": False, "pace": Pace(1000), "refuse": lambda record, why: None,
    }  # fmt: skip
    return Import(**given | more)


async def cases(engine: AsyncEngine, rows: list[dict[str, str]]) -> list[str]:
    """The references of the cases that these rows have become."""
    keys = [cfpb.key(r) for r in rows]
    query = select(col(Complaint.reference)).join(Intake, col(Intake.reference) == col(Complaint.reference))
    async with engine.connect() as db:
        return list(await db.scalars(query.where(col(Intake.idempotency_key).in_(keys))))


async def test_the_second_import_opens_none(office: Office) -> None:
    rows = fresh(12)
    first, second, other = importer(office), importer(office), importer(office, agent="agent.lin", others=["agent"])
    await first.bring_in(records_of(rows))
    await second.bring_in(records_of(rows))
    await other.bring_in(records_of(rows))
    assert first.counts == {"read": 12, "opened": 12}
    assert second.counts == other.counts == {"read": 12, "already open": 12}
    assert len(await cases(office.engine, rows)) == 12


async def test_a_changed_row_is_refused_not_opened_again(office: Office) -> None:
    (row,) = rows = fresh(1)
    refused: list[str] = []
    await importer(office).bring_in(records_of(rows))
    changed = importer(office, refuse=lambda record, why: refused.append(why))
    await changed.bring_in(records_of([row | {"Consumer complaint narrative": "other words"}]))
    assert refused == ["this complaint was opened before, and the row has changed since"]


async def test_stopped_anywhere_it_goes_on_from_there(office: Office) -> None:
    rows = fresh(20)
    first = importer(office)

    def enough() -> None:
        if first.counts["opened"] >= 5:
            first.stopped = "stopped as asked"

    await first.bring_in(records_of(rows), enough)
    second = importer(office)
    await second.bring_in(records_of(rows))
    assert 5 <= first.counts["opened"] < 20
    assert first.counts["opened"] + second.counts["opened"] == 20
    assert len(await cases(office.engine, rows)) == 20


async def test_what_was_kept_when_the_import_was_killed_is_started(office: Office) -> None:
    (row,) = rows = fresh(1)
    await opening.keep(office.engine, form(**row), "agent", cfpb.key(row), cfpb.digest(row))
    again = importer(office)
    await again.bring_in(records_of(rows))
    assert again.counts["opened"] == 1
    assert len(await cases(office.engine, rows)) == 1


async def test_a_backlog_is_late_at_once(office: Office) -> None:
    rows = fresh(1)
    await importer(office, as_is=True).bring_in(records_of(rows))
    (reference,) = await cases(office.engine, rows)
    case = await office.case(reference)
    assert datetime.fromisoformat(case["received_at"]) == datetime(2017, 5, 2, 4, tzinfo=UTC)
    assert {c["name"]: c["state"] for c in case["clocks"]}["resolution"] == "breached"


async def test_the_pace_is_kept() -> None:
    pace, loop = Pace(50), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(pace.turn() for _ in range(11)))
    assert loop.time() - began >= 0.2


async def test_the_command_tells_what_came_of_it(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, database_url: str, tmp_path: Path, capsys: Any
) -> None:
    rows, wrong = fresh(5), fresh(25, **{"Submitted via": "Pigeon"})
    file = tmp_path / "some.csv"
    file.write_text(text_of(*rows, *wrong), "utf-8")
    settings = Settings(
        database_url=SecretStr(database_url),
        temporal_address=temporal.client.service_client.config.target_host,
        data=tmp_path / "var",
    )
    async with worker.build(temporal.client, register, post, TASK_QUEUE):
        await importing.import_file(settings, file, limit=None, as_is=False, agent="agent", per_second=500)
    said = capsys.readouterr().out
    assert "read 30, opened 5, already open 0, refused 25, kept, not started 0;" in said
    assert said.count("Pigeon") == 20
    assert "nature: " in said and "special kind: " in said and "department: " in said
    rejected = settings.data / "some.csv.rejected.csv"
    assert stat.S_IMODE(rejected.stat().st_mode) == 0o600
    kept = list(csv.DictReader(rejected.open(encoding="utf-8", newline="")))
    assert [r["Complaint ID"] for r in kept] == [r["Complaint ID"] for r in wrong]
    assert kept[0]["Line"] == "17" and kept[0]["Refused because"].startswith("Submitted via: unknown")

    mended = tmp_path / "mended.csv"
    mended.write_text(rejected.read_text("utf-8").replace("Pigeon,", "Fax,"), "utf-8")
    async with worker.build(temporal.client, register, post, TASK_QUEUE):
        await importing.import_file(settings, mended, limit=3, as_is=False, agent="agent", per_second=500)
    assert "read 3, opened 3, already open 0, refused 0," in capsys.readouterr().out


@pytest.mark.parametrize("agent", ["nobody", "auditor"])
async def test_only_an_agent_opens_cases(
    temporal: WorkflowEnvironment, register: AsyncEngine, database_url: str, tmp_path: Path, agent: str
) -> None:
    file = tmp_path / "some.csv"
    file.write_text(text_of(*fresh(1)), "utf-8")
    address = temporal.client.service_client.config.target_host
    settings = Settings(database_url=SecretStr(database_url), temporal_address=address, data=tmp_path)
    with pytest.raises(importing.CannotImport, match=f"'{agent}' is no member of staff with the role agent"):
        await importing.import_file(settings, file, limit=None, as_is=False, agent=agent)


async def test_without_a_worker_it_stops_and_keeps_what_it_has(office: Office, monkeypatch: Any) -> None:
    async def unanswered(*_: Any) -> bool:
        return False

    monkeypatch.setattr(opening, "start", unanswered)
    rows = fresh(34)
    idle = importer(office)
    await idle.bring_in(records_of(rows))
    assert idle.stopped == "Temporal or the worker does not answer"
    assert idle.counts["kept, not started"] < 33
    monkeypatch.undo()
    again = importer(office)
    await again.bring_in(records_of(rows))
    assert again.counts == {"read": 34, "opened": 34}
    async with office.engine.connect() as db:
        kept = await db.scalar(select(func.count()).where(col(Intake.idempotency_key).in_([cfpb.key(r) for r in rows])))
    assert kept == 34
