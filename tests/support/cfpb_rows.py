"""Rows as the CFPB writes them, made up for the tests."""

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from complaints import cfpb
from complaints.form import ComplaintForm
from policies import imports

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
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
