"""A row of the CFPB's public complaint file as a registration form; what the file does not say stays unsaid.

The US Consumer Financial Protection Bureau publishes complaints with the person taken out: names, contact data and
amounts of the form are never there; redactions (`XXXX`, `XX/XX/2017`) and habits (`{$300.00}`) are kept as given.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, tzinfo
from typing import NamedTuple

from pydantic import ValidationError

from complaints.errors import FieldError, Refused
from complaints.form import EARLIEST, Complainant, ComplaintForm
from complaints.names import Channel
from complaints.rule import Sourced

HEADER = (
    *("Date received", "Product", "Sub-product", "Issue", "Sub-issue", "Consumer complaint narrative"),
    *("Company public response", "Company", "State", "ZIP code", "Tags", "Consumer consent provided?"),
    *("Submitted via", "Date sent to company", "Company response to consumer", "Timely response?"),
    *("Consumer disputed?", "Complaint ID"),
)
"""The CFPB's own columns; a file may have more."""

COMPLAINED = (*HEADER[:6], "Submitted via")
"""The columns that make the complaint; the others change as the company answers, in every later download."""

LONGEST_FIELD = 1_000_000


class Table(Sourced):
    """Our words for the CFPB's: channels, products, and sub-products that are another product with us."""

    channels: dict[str, Channel]
    products: dict[str, str]
    sub_products: dict[str, dict[str, str]]

    def product(self, product: str, sub_product: str) -> str | None:
        """Our product code; a sub-product nobody knows goes with its product."""
        return self.sub_products.get(product, {}).get(sub_product) or self.products.get(product)


class Record(NamedTuple):
    """One row: the how-manieth it is, the line of the file it begins on, and whether its shape is sound."""

    number: int
    line: int
    row: dict[str, str]
    torn: str | None = None


def records(lines: Iterable[str]) -> Iterator[Record]:
    """The rows of a file, one at a time; a file of another kind is Refused as a whole."""
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(lines)
    try:
        header = [name.strip() for name in next(reader, [])]
        if not header:
            raise Refused("invalid", "the file is empty")
        if missing := [name for name in HEADER if header.count(name) != 1]:
            raise Refused("invalid", f"not a CFPB file: its header needs, once each, {', '.join(missing)}")
        number, line = 0, reader.line_num + 1
        for cells in reader:
            if cells:
                number += 1
                torn = None if len(cells) == len(header) else f"{len(cells)} columns, the header has {len(header)}"
                yield Record(number, line, dict.fromkeys(header, "") | dict(zip(header, cells, strict=False)), torn)
            line = reader.line_num + 1
    except csv.Error as error:
        raise Refused("invalid", f"line {reader.line_num}: {error}; is a quotation mark not closed?") from None


def key(row: dict[str, str]) -> str:
    """The idempotency key of a row."""
    return f"cfpb:{row['Complaint ID'].strip()}"


def digest(row: dict[str, str]) -> str:
    """The same for the same complaint, whatever file, row or day it is imported from."""
    return hashlib.sha256(json.dumps([row[name] for name in COMPLAINED]).encode()).hexdigest()


def form_of(record: Record, table: Table, file: str, now: datetime, zone: tzinfo, *, as_is: bool) -> ComplaintForm:
    """The form of that row, received now, or `as_is` at noon (in `zone`) of the file's day; else Refused."""
    if record.torn:
        raise Refused("invalid", record.torn)
    row = {name: value if name == HEADER[5] else value.strip() for name, value in record.row.items()}
    product, channel = table.product(row["Product"], row["Sub-product"]), table.channels.get(row["Submitted via"])
    day, issue = _day(row["Date received"]), ": ".join(filter(None, (row["Issue"], row["Sub-issue"])))
    narrative = row["Consumer complaint narrative"]
    sound = {
        "Complaint ID": (re.fullmatch("[0-9]{1,12}", row["Complaint ID"]), "not a number"),
        "Date received": (day and EARLIEST.date() <= day <= now.astimezone(zone).date(), "no date up to today"),
        "Product": (product, "unknown; add it to policies/cfpb.yaml"),
        "Submitted via": (channel, "unknown; add it to policies/cfpb.yaml"),
    }
    wrong = [
        FieldError(field=name, code="invalid", message=f"{what}: {row[name][:60]!r}" if row[name] else "missing")
        for name, (good, what) in sound.items()
        if not good
    ]
    if wrong or day is None or channel is None:
        raise Refused("invalid", "the row cannot be read", errors=wrong)
    try:
        return ComplaintForm(
            channel=channel,
            received_at=min(datetime.combine(day, time(12), zone), now) if as_is else now,
            language="en",
            complainant=Complainant(customer_number=f"CFPB-{row['Complaint ID']}"),
            matter=narrative if narrative.strip() else _facts(row, issue),
            reason=issue or None,
            product=product,
            imported_from=_origin(record, row, file),
        )
    except ValidationError as error:
        places = ((".".join(map(str, e["loc"])), e) for e in error.errors())
        faults = [FieldError(field=place, code=e["type"], message=e["msg"]) for place, e in places]
        raise Refused("invalid", "the row does not fit the form", errors=faults) from None


def _day(text: str) -> date | None:
    """Either way in which the CFPB has written its dates: 2017-03-19 or 03/19/2017."""
    american = re.fullmatch("([0-9]{2})/([0-9]{2})/([0-9]{4})", text)
    try:
        return date.fromisoformat("{2}-{0}-{1}".format(*american.groups()) if american else text)
    except ValueError:
        return None


def _facts(row: dict[str, str], issue: str) -> str:
    """What is known of a complaint whose words were not published."""
    about = ", ".join(filter(None, (row["Product"], row["Sub-product"])))
    return f"The words of the complainant were not published. Issue: {issue or 'not stated'}. Product: {about}."


def _origin(record: Record, row: dict[str, str], file: str) -> str:
    """File and row, and as many of the facts the form has no field for as there is room for."""
    said = f"cfpb {file[:40]} row {record.number}"
    facts = (f"received {row['Date received']}", f"via {row['Submitted via']}", row["State"], row["Tags"])
    for fact in filter(None, (*facts, row["Company"])):
        if len(said) + len(fact) + 2 <= 100:
            said += f"; {fact}"
    return said
