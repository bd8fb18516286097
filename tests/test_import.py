"""`amends import`: what a row of the CFPB's file becomes, what is refused and why, and that nothing opens twice.

The rows here are made up for the tests. The real files are read only where they are (../shared/data).
"""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cfpb_rows import NOW, ROW, SHANGHAI, form, read, text_of

from complaints import cfpb
from complaints.errors import Refused
from complaints.form import contradictions
from policies import imports
from policies.load import load
from run import import_report, importing
from run.import_rows import reason
from run.settings import Settings

REAL = Path(__file__).parents[2] / "shared" / "data"


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


def test_what_a_terminal_shows_of_a_refused_row_is_masked_and_the_file_has_it_as_it_was(tmp_path: Path) -> None:
    row = ROW | {"Complaint ID": "zhang@example.com", "Product": "13812345678"}
    with import_report.Refusals(tmp_path / "rejected.csv") as refusals:
        refusals.add(cfpb.Record(1, 2, row), "Product: unknown product 13812345678")
    assert refusals.shown == [(2, "z***@example.com", "Product: unknown product 138****5678")]
    kept = (tmp_path / "rejected.csv").read_text("utf-8")
    assert "zhang@example.com" in kept and (tmp_path / "rejected.csv").stat().st_mode & 0o077 == 0
